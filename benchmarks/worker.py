"""One sample, taken in this process alone: `python -m benchmarks.worker ENGINE KERNEL SECONDS` prints JSON."""

from __future__ import annotations

import json
import sys
import time

from benchmarks.engines import ENGINES, Run
from benchmarks.kernels import Kernel, load_kernels

clock = time.process_time


class WrongResult(Exception):
    """The engine answered, and the answer is wrong."""


def measure(engine_name: str, kernel: Kernel, target: float) -> dict[str, float]:
    """Time one kernel on one engine; CPU seconds.

    target: how long a timed call should take, in seconds.
    Returns {"import", "load", "first", "unit"}: importing the engine; bytes to callable; the first call with
    reps = 1, lazy compilation included; the least time per unit of work seen.
    """
    engine = ENGINES[engine_name]()
    times = {}
    before = clock()
    engine.start()
    times["import"] = clock() - before
    before = clock()
    run = engine.load(kernel)
    times["load"] = clock() - before
    times["first"] = timed(run, kernel, 0)
    times["unit"] = least_unit(run, kernel, target)
    return times


def timed(run: Run, kernel: Kernel, step: int) -> float:
    """Call `run` with the reps of that step of the ladder; return CPU seconds.  Raises WrongResult."""
    reps = kernel.ladder[step][0]
    before = clock()
    got = run(reps)
    seconds = clock() - before
    if not kernel.accepts(step, got):
        raise WrongResult(f"run({reps}) gave {got!r}, expected {kernel.ladder[step][1]!r}")
    return seconds


def least_unit(run: Run, kernel: Kernel, target: float) -> float:
    """Climb the ladder until a call takes about `target` seconds, then repeat that call; return the least per unit."""
    ladder, step, spent, best = kernel.ladder, 0, 0.0, float("inf")
    calls_at_top = 0
    while calls_at_top < 5 and (spent < 4 * target or calls_at_top == 0):
        seconds = timed(run, kernel, step)
        spent += seconds
        unit = seconds / ladder[step][0]
        best = min(best, unit)
        higher = step
        while higher + 1 < len(ladder) and ladder[higher + 1][0] * unit <= target:
            higher += 1
        if higher == step:
            calls_at_top += 1
        step = higher
    return best


def main() -> None:
    engine, kernel, target = sys.argv[1:]
    try:
        result: dict[str, float | str] = dict(measure(engine, load_kernels([kernel])[0], float(target)))
    except Exception as error:
        result = {"error": f"{type(error).__name__}: {error}"[:200]}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
