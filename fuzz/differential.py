"""Run random modules here and on wasmtime, and report where the two disagree.

    python -m fuzz.differential --modules 10000
    python -m fuzz.differential --seed 4711 --modules 1

Module number n is made from seed n, so a reported seed is a full description.
The work is done in child processes: one that crashes or hangs is itself a
finding.  Each difference is made smaller and saved as a folder under
`fuzz/regressions-candidates`; one that deserves it moves to `fuzz/regressions`.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Final

from fuzz import cases
from fuzz.generators.choices import RandomChoices, ReplayedChoices
from fuzz.generators.modules import Generated, generate
from fuzz.mutations import mutants
from fuzz.oracles import this_engine
from fuzz.oracles.outcome import Outcome, difference, first_byte
from fuzz.oracles.wasmtime_engine import Wasmtime
from fuzz.shrinking import shrink
from fuzz.workers import Crash, in_child

CANDIDATES: Final = Path(__file__).with_name("regressions-candidates")
CHUNK: Final = 200
"""Seeds that one child process handles."""


@dataclass
class Tally:
    """What was run."""

    modules: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    traps: Counter[str] = field(default_factory=Counter)
    used: Counter[str] = field(default_factory=Counter)
    mutants: Counter[str] = field(default_factory=Counter)

    def add(self, case: Generated, outcome: Outcome) -> None:
        self.modules += 1
        self.used += case.used
        for kind, detail in outcome.calls:
            self.calls[kind] += 1
            if kind == "trap":
                self.traps[detail] += 1

    def merge(self, other: Tally) -> None:
        self.modules += other.modules
        for name in ("calls", "traps", "used", "mutants"):
            getattr(self, name).update(getattr(other, name))


def check(case: Generated, oracle: Wasmtime) -> tuple[str, Outcome]:
    """Return the first difference, "" if there is none, and the oracle's outcome.

    The engine runs the module twice, as it is and with code that checks what the compiler claims.
    """
    expected = oracle.run(case)
    if expected.verdict != "valid":
        return "the generator made an invalid module", expected
    for asserting in (False, True):
        actual = this_engine.run(case, asserting=asserting)
        found = difference(expected.to_json(), actual.to_json())
        if found:
            return found + (first_byte(expected, actual) if found.startswith("memories") else ""), expected
    return "", expected


def check_mutants(case: Generated, seed: int, count: int, oracle: Wasmtime, tally: Tally) -> str:
    """Return the first damaged module on whose validity the two disagree, in hexadecimal, or ""."""
    for data in mutants(case.data, seed, count):
        expected = "valid" if oracle.is_valid(data) else "invalid"
        actual = this_engine.verdict(data)
        tally.mutants[expected] += 1
        if actual != expected and (actual, expected) != ("unsupported", "invalid"):
            return f"verdict: expected {expected}, got {actual}: {data.hex()}"
    return ""


def run_seeds(seeds: range, size: int, mutations: int, report: Any) -> Tally:
    """Check the modules of some seeds; `report` takes ("seed", n) before and ("found", n, text) after."""
    tally, oracle = Tally(), Wasmtime()
    for seed in seeds:
        report(("seed", seed))
        choices = RandomChoices(seed)
        case = generate(choices, size)
        found, expected = check(case, oracle)
        tally.add(case, expected)
        if not found and mutations:
            found = check_mutants(case, seed, mutations, oracle, tally)
        if found:
            report(("found", seed, found))
    return tally


def save_smaller(seed: int, size: int, folder: Path) -> str:
    """Save the smallest module found that shows a difference like that of `seed`; return the difference."""
    oracle = Wasmtime()
    choices = RandomChoices(seed)
    generate(choices, size)
    kind = _kind(check(generate(ReplayedChoices(choices.taken), size), oracle)[0])

    def is_interesting(answers: list[int]) -> bool:
        return _kind(check(generate(ReplayedChoices(answers), size), oracle)[0]) == kind

    case = generate(ReplayedChoices(shrink(choices.taken, is_interesting)), size)
    found, expected = check(case, oracle)
    cases.save(folder, case, expected, seed=seed, size=size, difference=found)
    with contextlib.suppress(Exception):  # the reader's convenience, made by the code under test
        (folder / "bodies.txt").write_text(cases.listing(case.data))
    return found


def _kind(found: str) -> str:
    """Return what a smaller case must have in common: where it differs, and how the engine broke."""
    place = found.partition("[")[0].partition(":")[0]
    if "Traceback" not in found:
        return place
    last = found.strip().splitlines()[-1]
    return f"{place} {last.partition(':')[0]} {last.rpartition('[')[2]}"


def _brief(found: str) -> str:
    """Return a difference without the inner lines of a traceback, and not too long."""
    head, _, trace = found.strip().partition("Traceback")
    return (head + " ... ".join(trace.strip().splitlines()[-3:]))[:600]


class Session:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.tally = Tally()
        self.found = 0
        self.started = monotonic()

    def run(self) -> int:
        """Go through all seeds, and return the exit status."""
        seed, end = self.options.seed, self.options.seed + self.options.modules
        while seed < end and not self._is_over():
            seed = self._chunk(range(seed, min(seed + CHUNK, end)))
            self._progress(seed)
        self._summary(seed)
        return int(self.found > 0)

    def _is_over(self) -> bool:
        minutes = self.options.minutes
        if minutes is not None and monotonic() - self.started > 60 * minutes:
            return True
        return bool(self.found >= self.options.most)

    def _chunk(self, seeds: range) -> int:
        """Handle some seeds in a child, and return the seed to go on with."""
        last = seeds.start

        def report(message: tuple[Any, ...]) -> None:
            nonlocal last
            if message[0] == "seed":
                last = message[1]
            else:
                self._difference(message[1], message[2])

        try:
            tally = in_child(run_seeds, (seeds, self.options.size, self.options.mutations), report)
        except Crash as crash:
            self._difference(last, str(crash))
            return last + 1
        self.tally.merge(tally)
        return seeds.stop

    def _difference(self, seed: int, found: str) -> None:
        self.found += 1
        folder = Path(self.options.output) / f"seed-{seed}"
        if found.startswith("crashed") or ("verdict:" in found and "generator" not in found):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "difference.txt").write_text(found + "\n")
        elif not self.options.no_shrink:
            with contextlib.suppress(Crash):
                found = in_child(_save_smaller, (seed, self.options.size, folder), lambda message: None)
        size = "" if self.options.size == 200 else f" --size {self.options.size}"
        print(f"\nseed {seed}: {_brief(found)}")
        print(f"  again: python -m fuzz.differential --seed {seed} --modules 1{size}")

    def _progress(self, seed: int) -> None:
        if sys.stderr.isatty():
            rate = self.tally.modules / (monotonic() - self.started)
            print(f"\rseed {seed}, {rate:.0f} modules/s, {self.found} differences", end="", file=sys.stderr)

    def _summary(self, seed: int) -> None:
        tally = self.tally
        trapping = 100 * tally.calls["trap"] / max(sum(tally.calls.values()), 1)
        print(f"\n{tally.modules} modules, seeds {self.options.seed} to {seed - 1}, {monotonic() - self.started:.0f} s")
        print(f"{sum(tally.calls.values())} calls, {trapping:.0f} % trap: {dict(tally.traps.most_common())}")
        print(f"{len(tally.used)} different instructions, {sum(tally.used.values())} in all")
        if tally.mutants:
            print(f"damaged modules: {dict(tally.mutants)}")
        print(f"{self.found} differences")


def _save_smaller(seed: int, size: int, folder: Path, report: Any) -> str:
    return save_smaller(seed, size, folder)


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run; 0 if no difference was found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.differential", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--modules", type=int, default=1000, help="how many modules (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="the first module's seed (default: 0)")
    parser.add_argument("--minutes", type=float, help="stop after this time")
    parser.add_argument("--size", type=int, default=200, help="instructions in a body, at most about (default: 200)")
    parser.add_argument("--mutations", type=int, default=0, help="damaged copies of each module to judge (default: 0)")
    parser.add_argument("--most", type=int, default=20, help="stop after this many differences (default: 20)")
    parser.add_argument("--output", default=str(CANDIDATES), help="where differences are saved")
    parser.add_argument("--no-shrink", action="store_true", help="do not save smaller cases")
    return Session(parser.parse_args(arguments)).run()


if __name__ == "__main__":
    raise SystemExit(main())
