"""What processes cost: a child that is made, ends and is awaited, with 16 MB touched.

`python -m benchmarks.processes` prints the program's figure beside the one of a bare CPython that does the same by
`os.fork`, `os._exit` and `os.waitpid`; both are measured in turn, so that both see the same load of the machine.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from struct import iter_unpack

from benchmarks import modules
from benchmarks.comparison import ROOT, duration, environment, fresh_process

MEGABYTES = 16
CYCLES = 40

_ROOM = 65536
"""Bytes for what is measured: two times of 16 bytes for each cycle, but none at address 0."""

_FIRST = 16

_BARE = """
import mmap, os, sys, time
memory = mmap.mmap(-1, {size}, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for at in range(0, {size}, 4096):
    memory[at] = 1
times = []
for _ in range({cycles}):
    before = time.monotonic_ns()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    times.append(time.monotonic_ns() - before)
print(*times)
"""


def constant(value: int) -> bytes:
    """Encode i32.const for a number that is not negative."""
    out = bytearray(b"\x41")
    while value > 0x3F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def forking(megabytes: int = MEGABYTES, cycles: int = CYCLES) -> bytes:
    """`_start()`: write to each page, then fork and wait `cycles` times; the times before and after go to stdout."""
    size = megabytes << 20

    clock = b"\x41\x01\x20\x00\x10\x03\x1a"  # i32.const 1; local.get 0; call clock_gettime; drop
    step = b"\x20\x00" + constant(16) + b"\x6a\x21\x00"  # local 0 += 16
    touch = (
        b"\x03\x40"  # loop
        + b"\x20\x00\x41\x01\x36\x02\x00"  # i32.store [local 0] = 1
        + b"\x20\x00"
        + constant(4096)
        + b"\x6a\x22\x00"
        + constant(_ROOM + size)
        + b"\x49\x0d\x00\x0b"  # local 0 += 4096; i32.lt_u; br_if 0; end
    )
    cycle = (
        b"\x03\x40"
        + clock
        + step
        + b"\x10\x00\x22\x01\x45\x04\x40\x41\x00\x10\x02\x1a\x0b"  # if (local 1 = fork()) == 0: exit_group(0)
        + b"\x20\x01\x41\x00\x41\x00\x41\x00\x10\x01\x1a"  # wait4(local 1, 0, 0, 0)
        + clock
        + step
        + b"\x20\x00"
        + constant(_FIRST + 32 * cycles)
        + b"\x49\x0d\x00\x0b"
    )
    write = b"\x41\x01" + constant(_FIRST) + constant(32 * cycles) + b"\x10\x04\x1a"  # write(1, 0, 32 * cycles)
    start = constant(_ROOM) + b"\x21\x00" + touch + constant(_FIRST) + b"\x21\x00" + cycle + write
    calls = [("fork", 0), ("wait4", 1), ("exit_group", 2), ("clock_gettime", 3), ("write", 4)]
    return modules.module(
        [(0, 1), (4, 1), (1, 1), (2, 1), (3, 1), (0, 0)],
        [("_start", 5, modules.body(start, 2))],
        imports=[("wali", f"SYS_{name}", kind) for name, kind in calls],
        memory_pages=(size + _ROOM >> 16) + 1,
    )


def fork_exit_wait() -> float:
    """Return the median seconds of fork, exit and wait in a program with 16 MB touched, under `pywasmjit run`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "forking.wasm")
        path.write_bytes(forking())
        command = [*fresh_process(["-P", "-m", "pywasmjit", "run", "-A", str(path)], None)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, env=environment(), check=True)
    times = [seconds + nanoseconds / 1e9 for seconds, nanoseconds in iter_unpack("<qq", done.stdout)]
    return statistics.median(after - before for before, after in zip(times[::2], times[1::2], strict=True))


def fork_exit_wait_bare() -> float:
    """Return what the same costs a CPython without an engine, in seconds."""
    program = _BARE.format(size=MEGABYTES << 20, cycles=CYCLES)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return statistics.median(int(each) for each in done.stdout.split()) / 1e9


def main(rounds: int = 5) -> None:
    """Print both figures, as medians over `rounds` processes of each kind, which take turns."""
    pairs = [(fork_exit_wait(), fork_exit_wait_bare()) for _ in range(rounds)]
    ours, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"fork + exit + wait, {MEGABYTES} MB touched: {duration(ours)}; bare CPython {duration(bare)}")
    print(f"load: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
