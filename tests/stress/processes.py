"""Processes without mercy: `python -m tests.stress.processes --count 800`.

`tests/wali/storm.c` makes children that end in every way, many at once; forks in a second thread while others are busy
in every part of the engine; ends while threads block in every call; becomes another user while all threads block all
signals; executes itself from a second thread.  Each is compared with what is right.  Ends with status 1 if anything is
not, or hangs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "programs"), str(TESTS / "wali")]

import test_storm  # noqa: E402 - found by the path above
from test_storm import AT_ONCE, seconds_to_end, storm  # noqa: E402


def exits(work: Path, count: int) -> bool:
    """Children that end in every way: `count` of them, an eighth killed by the program."""
    return storm(work, "exits", str(count)) == (0, f"good={count + count // 8}\nleft=-10\n", "")


def locks(work: Path, count: int) -> bool:
    """Forks in a second thread."""
    return storm(work, "locks", str(count)) == (0, f"good={count}\n", "")


def orphans(work: Path, count: int) -> bool:
    """Grandchildren that are taken over."""
    return storm(work, "orphans", str(count))[1].endswith(f"good={2 * count}\nleft=-10\n")


def blocked(work: Path, count: int) -> bool:
    """Ends of the process in each of two threads; most of them at once, for the machine may be busy."""
    seconds = sorted(seconds_to_end(work, who) for _ in range(count) for who in ("main", "thread"))
    print(f"  exit_group: median {seconds[count] * 1e3:.0f} ms, longest {seconds[-1] * 1e3:.0f} ms")
    return seconds[count] < AT_ONCE


def users(work: Path, count: int) -> bool:
    """Changes of the user, for root only."""
    thread = "thread=1000100125\n"
    return os.getuid() != 0 or all(storm(work, "users", "1000")[1].count(thread) == 12 for _ in range(count))


def become(work: Path, count: int) -> bool:
    """execve by a second thread."""
    return all(storm(work, "become") == (21, "", "") for _ in range(count))


PARTS: tuple[tuple[Callable[[Path, int], bool], int], ...] = (
    (exits, 1), (locks, 1), (orphans, 10), (blocked, 40), (users, 40), (become, 40),
)  # fmt: skip
"""What is done, and by how much less often than `--count` says."""


def main() -> int:
    """Run as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=800)
    parser.add_argument("--only", choices=[part.__name__ for part, _ in PARTS])
    arguments = parser.parse_args()
    test_storm.TIMEOUT = 3600
    good = True
    for part, share in PARTS:
        if arguments.only in (None, part.__name__):
            count = max(1, arguments.count // share)
            begin = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                try:
                    right = part(Path(folder), count)
                except subprocess.TimeoutExpired:
                    right = False
            good &= right
            seconds = time.perf_counter() - begin
            print(f"{part.__name__}: {count} times, {'right' if right else 'WRONG'}, {seconds:.0f} s", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
