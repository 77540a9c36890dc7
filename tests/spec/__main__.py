"""`python -m tests.spec`: run scripts, print what failed and a table by folder."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from .engines import Pywasmjit
from .expectations import PATH, FileExpectation, differences, needs, read_expectations, write_expectations
from .runner import Status
from .scripts import EngineMaker, ScriptRun, missing_message, run_script, script_paths, spec_folder

_EXAMPLES: Final = """\
examples:
  python -m tests.spec                        everything
  python -m tests.spec core/i32.wast threads  one script and one folder
  python -m tests.spec --update               write what needs a missing feature to expected_failures.txt
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0 if all went as listed in expected_failures.txt, 1 if not, 2 without scripts."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.spec", epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", metavar="FILES", help="scripts or folders inside the specification folder")
    parser.add_argument("--update", action="store_true", help="write which assertions need which missing feature")
    parser.add_argument("--engine", choices=("pywasmjit", "wasmtime"), default="pywasmjit", help="engine under test")
    parser.add_argument("-v", "--verbose", action="store_true", help="one line for each script")
    options = parser.parse_args(arguments)
    folder = spec_folder()
    if missing := missing_message(folder):
        print(missing, file=sys.stderr)
        return 2
    paths = _chosen(script_paths(folder), options.files)
    if not paths:
        print(f"no such scripts in {folder}: {' '.join(options.files)}", file=sys.stderr)
        return 2
    is_ours = options.engine == "pywasmjit"
    expectations = read_expectations(PATH.read_text("utf-8"))
    engine = _engine(options.engine)
    runs, problems = [], 0
    for path in paths:
        expectation = expectations.setdefault(path, FileExpectation())
        run, seconds = _timed(folder, path, engine, expectation)
        if options.update:
            expectation.needs = needs(run.outcomes)
        problems += _print_problems(run, expectation if is_ours else _without_needs(run, expectation))
        if options.verbose:
            print(f"{path}: {run.count(Status.PASSED)} passed, {seconds:.2f} s")
        runs.append(run)
    if options.update:
        PATH.write_text(write_expectations(PATH.read_text("utf-8"), expectations), "utf-8")
    _print_table(runs)
    return 1 if problems else 0


def _engine(name: str) -> EngineMaker:
    if name == "pywasmjit":
        return Pywasmjit
    from .engine_wasmtime import Wasmtime, make_engine

    shared = make_engine()
    return lambda proposal: Wasmtime(shared)


def _chosen(paths: list[str], wanted: list[str]) -> list[str]:
    """Return the scripts that are named themselves or directly inside a named folder; all if none are named."""
    names = {name.rstrip("/") for name in wanted}
    return [path for path in paths if not names or path in names or path.rpartition("/")[0] in names]


def _timed(folder: Path, path: str, engine: EngineMaker, expectation: FileExpectation) -> tuple[ScriptRun, float]:
    start = time.perf_counter()
    run = run_script(folder, path, engine, expectation)
    return run, time.perf_counter() - start


def _without_needs(run: ScriptRun, expectation: FileExpectation) -> FileExpectation:
    """Return what to expect of an engine whose missing features nobody has listed."""
    return FileExpectation(needs=needs(run.outcomes), left_out=expectation.left_out)


def _print_problems(run: ScriptRun, expectation: FileExpectation) -> int:
    problems = differences(run.outcomes, expectation)
    for problem in problems:
        print(f"{run.path}:{problem}")
    return len(problems)


def _print_table(runs: Iterable[ScriptRun]) -> None:
    """Print counts of assertions by folder; failures of other commands, which are no assertions, in the last column."""
    headings = ("folder", "files", *(status.value for status in Status), "other failures")
    rows: dict[str, list[int]] = {}
    for run in runs:
        failures = sum(1 for outcome in run.outcomes if outcome.status is Status.FAILED) - run.count(Status.FAILED)
        counts = [1, *(run.count(status) for status in Status), failures]
        for key in (run.path.rpartition("/")[0], "all"):
            rows[key] = [a + b for a, b in zip(rows.pop(key, [0] * len(counts)), counts, strict=True)]
    width = max(len(key) for key in rows)
    print(f"{headings[0]:{width}}", *headings[1:], sep="  ")
    for key, counts in rows.items():
        cells = (f"{count:{len(heading)}}" for heading, count in zip(headings[1:], counts, strict=True))
        print(f"{key:{width}}", *cells, sep="  ")


if __name__ == "__main__":
    sys.exit(main())
