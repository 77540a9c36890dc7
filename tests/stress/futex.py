"""Sleeping and waking without mercy: `python -m tests.stress.futex --count 20000`.

Threads of a program hand a token on, by all ways to sleep and to wake, contend for a lock, for one with priority
inheritance, and are woken again and again; a lost wake-up leaves them asleep.  Then a million atomic operations are
done at a switch interval of a microsecond, in line and, a tenth of them, under the lock.  Ends with status 1 if
anything hangs or is lost.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "programs"), str(TESTS / "wali")]

from commands import command_of, environment  # noqa: E402 - found by the path above

from pywasmjit.codegen.baseline.emitters import atomics  # noqa: E402
from tests.unit.codegen.baseline.emitters.test_atomics import THREADS, names, run, wrongs  # noqa: E402

PROGRAM = TESTS / "wali" / "futexes.c"
WAYS = ("ff", "pp", "fp", "aa", "fa", "ap", "ll", "fl")


def programs(count: int) -> Iterator[tuple[list[str], bytes]]:
    """Yield arguments of the program and what it must print."""
    for ways in WAYS:
        yield ["token", ways, ways[::-1], str(count)], b"word=%d\nplain=0\n" % (2 * count)
    yield ["mutex", "pp", "pp", str(10 * count)], b"word=0\nplain=%d\n" % (20 * count)
    yield ["turns", "x", "x", str(count)], b"word=0\nplain=%d\nrefused=0\n" % (4 * count)


def succeeds(arguments: list[str], expected: bytes, *options: str) -> bool:
    """Run the program by the command line; tell whether it ends as it must, and in which time."""
    command = command_of(PROGRAM, *arguments)
    command[command.index("-A") : command.index("-A")] = options
    begin = time.perf_counter()
    try:
        found = subprocess.run(command, env=environment(), capture_output=True, timeout=300, check=False)
        outcome = found.stdout + found.stderr
    except subprocess.TimeoutExpired:
        outcome = b"hangs"
    seconds = time.perf_counter() - begin
    verdict = "ok" if outcome == expected else repr(outcome)
    print(f"{' '.join([*options, *arguments])}: {verdict}, {seconds:.1f} s", flush=True)
    return outcome == expected


def exact(rounds: int, in_line: bool) -> bool:
    """Do atomic operations at all widths; tell whether none was lost."""
    setattr(atomics, "ATOMIC_INLINE", in_line)  # noqa: B010 - a constant to everybody else
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    begin = time.perf_counter()
    found = wrongs(run(rounds), rounds)
    sys.setswitchinterval(interval)
    kind = "in line" if in_line else "locked"
    total = THREADS * rounds * len(names())
    print(f"atomics {kind}: {total} increments, {found or 'all there'}, {time.perf_counter() - begin:.1f} s")
    return not found


def main() -> int:
    """Run as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    arguments = parser.parse_args()
    good = [succeeds(*each) for each in programs(arguments.count)]
    good += [succeeds(*each, "--timeout", "250") for each in programs(arguments.count // 10)]
    rounds = 1_000_000 // THREADS // len(names())
    good += [exact(rounds, True), exact(rounds // 10, False)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
