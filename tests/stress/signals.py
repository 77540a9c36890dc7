"""Signals without mercy: `python -m tests.stress.signals --count 10000`.

A program alternates between computing, sleeping and reading, in its main thread and in another one, while signals
come at random moments; each must reach its handler, once.  Then the time from sending a signal to its handler is
measured, in a hot loop and in a blocked read.  Ends with status 1 if a signal is lost or the program hangs.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median, quantiles

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "programs"), str(TESTS / "wali")]

from commands import start  # noqa: E402 - found by the path above

PROGRAM = TESTS / "wali" / "signalled.c"


def shower(how: str, count: int, pause: float) -> bool:
    """Send `count` signals, on average a `pause` in seconds apart; tell whether all were handled."""
    with start(PROGRAM, how, str(count)) as process:
        assert process.stdout is not None
        process.stdout.readline()
        begin = time.perf_counter()
        for _ in range(count):
            process.send_signal(40)
            time.sleep(random.random() * 2 * pause)
        try:
            output, errors = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = b"hangs", b""
    complete = output == b"count=%d\nend\n" % count and not errors
    print(f"{how}: {'all' if complete else 'NOT all'} of {count} handled, {time.perf_counter() - begin:.1f} s")
    return complete


def delays(how: str, count: int, native: bool = False) -> list[float]:
    """Return the seconds from each sending of a signal to the moment when its handler runs, in order."""
    found = []
    with start(PROGRAM, how, str(count), native=native) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for _ in range(count):
            time.sleep(0.012)
            sent = time.monotonic_ns()
            process.send_signal(signal.SIGUSR1)
            found.append((int(process.stdout.readline()) - sent) / 1e9)
    return sorted(found)


def main() -> int:
    """Run as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--pause", type=float, default=0.0002, help="seconds between signals, on average")
    arguments = parser.parse_args()
    complete = [shower(how, arguments.count, arguments.pause) for how in ("alternate", "alternate_informed", "thread")]
    for how in ("spin", "read", "spin_informed", "read_informed", "spin_thread"):
        found = delays(how, 300)
        worst = quantiles(found, n=100)[-1]
        print(f"{how}: median {median(found) * 1e3:.3f} ms, 99th of 100 {worst * 1e3:.3f} ms")
    return 0 if all(complete) else 1


if __name__ == "__main__":
    sys.exit(main())
