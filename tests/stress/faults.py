"""Every fault in ten programs: `python -m tests.stress.faults [--most N] [program...]`.

Each call that the engine makes to the host for them fails in each way that it can, once; ends with status 1 if a
program then hangs, ends in an exception of Python's, leaves a descriptor open, or is not told.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / each) for each in ("", "programs", "wali")]

from injected import PAIRS, PROGRAMS, cases, judged, undisturbed  # noqa: E402 - found by the path above


def tried(program: str, way: str, most: int, work: Path) -> int:
    """Try all faults of a program; return how many went wrong."""
    begin = time.perf_counter()
    good, plan = undisturbed(program, way, work)
    count, bad = 0, 0
    for case in cases(program, way, plan, most):
        count += 1
        wrong = judged(case, good, work)
        if wrong:
            bad += 1
            print(wrong, flush=True)
    print(f"{program}, {way}: {count} faults, {bad} went wrong, {time.perf_counter() - begin:.1f} s", flush=True)
    return bad


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=1000, help="calls of each name that fail")
    parser.add_argument("program", nargs="*", default=list(PROGRAMS))
    options = parser.parse_args()
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as place:
        work = Path(place).resolve() / "work"
        return min(1, sum(tried(*pair, options.most, work) for pair in PAIRS if pair[0] in options.program))


if __name__ == "__main__":
    sys.exit(main())
