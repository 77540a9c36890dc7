"""One pair of samples for each figure: what the engine needs, and what it is compared with.

Programs are built by the tests' toolchain and kept, so that only the first run compiles.  All of them are run with
everything allowed, in a process of their own, as `pywasmjit run -A` does.
"""

from __future__ import annotations

import fcntl
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import IO, Any, NamedTuple

from benchmarks.comparison import ROOT, environment
from benchmarks.processes import fork_exit_wait, fork_exit_wait_bare

TESTS = ROOT / "tests"
sys.path[:0] = [str(TESTS / "programs"), str(TESTS / "wali")]

from toolchain import native_program, wasm_program  # noqa: E402 - found by the path above

HERE = Path(__file__).parent
MEGABYTE = 1 << 20


class Pair(NamedTuple):
    """Two samples taken one after the other: the engine's, and the one that it is compared with (None: with none)."""

    engine: float
    reference: float | None


def command_of(source: Path, native: bool) -> list[str]:
    """Return the command that runs a C program, without its arguments."""
    if native:
        return [str(native_program(source))]
    return [sys.executable, "-P", "-m", "pywasmjit", "run", "-A", str(wasm_program(source))]


def run(command: list[str], **streams: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end.  Raises RuntimeError if it fails."""
    done = subprocess.run(command, cwd=ROOT, env=environment(), timeout=300, **streams)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: exit status {done.returncode}: {done.stderr!r}")
    return done


def number_after(prefix: bytes, output: bytes) -> int:
    """Return the number on the line of `output` that begins with `prefix`."""
    return int(next(line for line in output.splitlines() if line.startswith(prefix)).removeprefix(prefix))


# -- calls ------------------------------------------------------------------------------------------------------------

_BARE = """
import ctypes, sys, time
syscall, room = ctypes.CDLL(None).syscall, ctypes.create_string_buffer(16)
pointer = ctypes.c_void_p(ctypes.addressof(room))
def getpid(count):
    for _ in range(count): syscall({getpid})
def clock_gettime(count):
    for _ in range(count): syscall({clock_gettime}, 1, pointer)
run, least = globals()[sys.argv[1]], float("inf")
run(100)
for _ in range(7):
    begin = time.process_time_ns()
    run({count})
    least = min(least, time.process_time_ns() - begin)
print(f"ns={{least // {count}}}")
"""


def cheap_call(name: str, count: int = 20_000) -> Pair:
    """Return the CPU seconds of one call from compiled code, its loop included, and of the bare one from Python."""
    getpid, clock_gettime = (39, 228) if os.uname().machine == "x86_64" else (172, 113)
    program = _BARE.format(getpid=getpid, clock_gettime=clock_gettime, count=count)
    commands = [*command_of(HERE / "calls.c", native=False), name, str(count)], [sys.executable, "-c", program, name]
    mine, bare = (number_after(b"ns=", run(each, capture_output=True).stdout) / 1e9 for each in commands)
    return Pair(mine, bare)


# -- blocks -----------------------------------------------------------------------------------------------------------


def throughput(call: str, where: str, blocks: int) -> Pair:
    """Return the bytes per second that blocks of 1 MB move at, by the engine and natively.

    where: "device" (/dev/zero), "file" (in memory, of 64 MB), "pipe" (that holds 1 MB), "small pipe" or "socket", with
    a native program at the other end.  Seconds are those of the processor where nobody else has a part, else the
    clock's.
    """
    return Pair(_rate(call, where, blocks, native=False), _rate(call, where, blocks, native=True))


def _rate(call: str, where: str, blocks: int, native: bool) -> float:
    reads = call in ("read", "pread", "readv", "recv")
    command = [*command_of(HERE / "blocks.c", native), call, str(blocks), str(MEGABYTE)]
    with _ends(where, reads, blocks) as stream:
        streams = {"stdin": stream} if reads else {"stdout": stream}
        done = run(command, stderr=subprocess.PIPE, **streams)
    clock = b"cpu=" if where in ("device", "file") else b"ns="
    return blocks * MEGABYTE * 1e9 / number_after(clock, done.stderr)


@contextmanager
def _ends(where: str, reads: bool, blocks: int) -> Iterator[IO[bytes]]:
    """Give the stream that is read from, or written to, and see to its other end."""
    if where == "device":
        with open("/dev/zero" if reads else "/dev/null", "rb" if reads else "wb") as device:
            yield device
    elif where == "file":
        with tempfile.TemporaryFile(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as file:
            for _ in range(64):
                file.write(bytes(MEGABYTE))
            file.seek(0)
            yield file
    else:
        near, far = _pair(where, reads)
        partner = [*command_of(HERE / "blocks.c", native=True), *_partner(reads, blocks)]
        streams = {"stdout": far} if reads else {"stdin": far}
        with subprocess.Popen(partner, stderr=subprocess.DEVNULL, **streams) as process:
            far.close()
            with near:
                yield near
            near.close()
            process.wait(60)


def _partner(reads: bool, blocks: int) -> list[str]:
    return ["write", str(blocks), str(MEGABYTE)] if reads else ["drain", "1", str(MEGABYTE)]


def _pair(where: str, reads: bool) -> tuple[IO[bytes], IO[bytes]]:
    if where != "socket":
        out, into = os.pipe()
        if where == "pipe":
            fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, MEGABYTE)
        near, far = (out, into) if reads else (into, out)
    else:
        near, far = (end.detach() for end in socket.socketpair())
    return os.fdopen(near, "rb" if reads else "wb", 0), os.fdopen(far, "wb" if reads else "rb", 0)


_COPIES = """
import os, sys, tracemalloc
import pywasmjit as wj
call, wasm = sys.argv[1:]
near, far = os.open("/dev/zero", os.O_RDONLY), os.open("/dev/null", os.O_WRONLY)
def serve(blocks):
    wali = wj.Wali(["blocks", call, str(blocks), "1048576"], stdin=near, stdout=far, stderr=errors)
    assert wali.start(wj.Instance(module, wali)) == 0
module, errors = wj.Module.from_file(wasm), os.open("/dev/null", os.O_WRONLY)
serve(1)
tracemalloc.start()
peaks = []
for blocks in (1, 64):
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    serve(blocks)
    peaks.append(tracemalloc.get_traced_memory()[1] - before)
print(f"bytes={max(0, peaks[1] - peaks[0])}")
"""


def copied(call: str) -> Pair:
    """Return by how many bytes Python's peak grows when 64 blocks of 1 MB move rather than one."""
    command = [sys.executable, "-c", _COPIES, call, str(wasm_program(HERE / "blocks.c"))]
    return Pair(number_after(b"bytes=", run(command, capture_output=True).stdout), None)


# -- whole programs ---------------------------------------------------------------------------------------------------


_SMALL = ("-P", "-m", "pywasmjit", "run", "--dir", ".", "examples/wc.wasm", "README.md")


def start() -> Pair:
    """Return the seconds on the clock of a small program's run, and of Python doing nothing."""
    return Pair(*(_cost(arguments)[0] for arguments in (_SMALL, ("-c", "pass"))))


def start_cpu() -> Pair:
    """Return the CPU seconds of the same."""
    return Pair(*(_cost(arguments)[1] for arguments in (_SMALL, ("-c", "pass"))))


def _cost(arguments: Sequence[str]) -> tuple[float, float]:
    """Run Python and return the seconds of the clock and of the processor."""
    begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    run([sys.executable, *arguments], capture_output=True)
    seconds, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def fork() -> Pair:
    """Return the seconds of fork, exit and wait with 16 MB touched, in a guest and in bare CPython."""
    return Pair(fork_exit_wait(), fork_exit_wait_bare())


def signal_delay(how: str, count: int = 100) -> Pair:
    """Return the median seconds from sending a signal to its handler, in a guest and in the native program.

    how: "spin", a hot loop of the main thread, or "read", a blocked call.
    """
    from tests.stress.signals import delays

    return Pair(median(delays(how, count)), median(delays(how, count, native=True)))


def echo() -> Pair:
    """Return the messages per second of the echo server under load; RuntimeError if anything is lost or leaked."""
    command = [sys.executable, "-m", "tests.stress.echo"]
    runs = (run([*command, *options], capture_output=True) for options in ((), ("--native",)))
    return Pair(*(number_after(b"messages per second: ", done.stdout) for done in runs))
