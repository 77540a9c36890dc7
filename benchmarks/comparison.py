"""The table: every kernel on every engine, interleaved, one fresh process per sample."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.engines import ENGINES
from benchmarks.kernels import Kernel

ROOT = Path(__file__).parents[1]
BASELINE = "python"


@dataclass
class Comparison:
    """What was measured: samples and failures by (engine, kernel)."""

    engines: Sequence[str]
    kernels: Sequence[Kernel]
    samples: dict[tuple[str, str], list[dict[str, float]]] = field(default_factory=dict)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)

    def median(self, engine: str, kernel: str, what: str) -> float | None:
        """Return the median of the rounds in CPU seconds, None where the engine failed."""
        samples = self.samples.get((engine, kernel))
        if not samples or (engine, kernel) in self.failures:
            return None
        return statistics.median(sample[what] for sample in samples)

    def ratio(self, engine: str, kernel: str, baseline: str = BASELINE) -> float | None:
        """Return time(engine) / time(baseline) per unit of work, None where either is missing."""
        mine, base = self.median(engine, kernel, "unit"), self.median(baseline, kernel, "unit")
        return mine / base if mine and base else None

    def ratios(self, engine: str) -> list[float]:
        """Return the ratios to Python by hand over the kernels that both ran."""
        found = (self.ratio(engine, kernel.name) for kernel in self.kernels)
        return [ratio for ratio in found if ratio is not None]

    def geometric_mean(self, engine: str) -> float | None:
        ratios = self.ratios(engine)
        return statistics.geometric_mean(ratios) if ratios else None


def installed(names: Sequence[str]) -> list[str]:
    """Return those engines that can be imported here; ValueError for a name that is none."""
    unknown = [name for name in names if name not in ENGINES]
    if unknown:
        raise ValueError(f"unknown engines: {', '.join(unknown)}; known are {', '.join(ENGINES)}")
    return [name for name in names if ENGINES[name].is_installed()]


def fresh_process(arguments: Sequence[str], pin: int | None) -> list[str]:
    """Return the command that runs this Python with `arguments`, on processor `pin` if there is a way."""
    prefix = ["taskset", "-c", str(pin)] if pin is not None and shutil.which("taskset") else []
    return [*prefix, sys.executable, *arguments]


def environment() -> dict[str, str]:
    """Return the environment of samples: compiled Python files are kept, as they are for users."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def sample(engine: str, kernel: Kernel, target: float, timeout: float, pin: int | None) -> dict[str, float]:
    """Run one worker and return its times; RuntimeError says what went wrong instead."""
    command = fresh_process(["-m", "benchmarks.worker", engine, kernel.name, str(target)], pin)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=ROOT, env=environment())
        result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"no result within {timeout:g} s") from None
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or [""])[-1]
        raise RuntimeError(f"exit status {done.returncode}: {last[:150]}") from None
    if "error" in result:
        raise RuntimeError(str(result["error"]))
    return result


def compare(
    engines: Sequence[str],
    kernels: Sequence[Kernel],
    rounds: int = 3,
    target: float = 0.2,
    timeout: float = 90,
    pin: int | None = None,
) -> Comparison:
    """Measure all kernels on all engines, `rounds` times; progress goes to standard error."""
    comparison = Comparison(engines, kernels)
    for turn in range(rounds):
        for kernel in kernels:
            progress(f"round {turn + 1}/{rounds}: {kernel.name}")
            for engine in engines:
                place = engine, kernel.name
                if place in comparison.failures:
                    continue
                try:
                    times = sample(engine, kernel, target, timeout, pin)
                    comparison.samples.setdefault(place, []).append(times)
                except RuntimeError as error:
                    comparison.failures[place] = str(error)
    progress("")
    return comparison


def progress(text: str) -> None:
    """Show what is being measured, where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r{text:<40}\r", end="", file=sys.stderr, flush=True)


def duration(seconds: float | None) -> str:
    """Write a time with three digits and its unit."""
    if seconds is None:
        return "-"
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}" if seconds * factor < 1000 else f"{seconds * factor:.0f} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def number(ratio: float | None) -> str:
    """Write a ratio with three digits."""
    return "-" if ratio is None else f"{ratio:.3g}" if ratio < 100 else f"{ratio:.0f}"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows, heading first, as a table whose first column is aligned left and the others right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("| " + " | ".join(cells) + " |")
    lines.insert(1, "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|")
    return "\n".join(lines)


def report(comparison: Comparison) -> str:
    """Return the tables of times and ratios, and a line for each failure."""
    engines, others = comparison.engines, [name for name in comparison.engines if name != BASELINE]
    titles = [ENGINES[name].title for name in engines]
    rows = [["CPU time per unit", *titles, *(f"{ENGINES[name].title} : hand" for name in others)]]
    first = [["load + first call", *titles]]
    for kernel in comparison.kernels:
        units = [duration(comparison.median(name, kernel.name, "unit")) for name in engines]
        rows.append([kernel.name, *units, *(number(comparison.ratio(name, kernel.name)) for name in others)])
        starts = []
        for name in engines:
            parts = [comparison.median(name, kernel.name, what) for what in ("load", "first")]
            starts.append(duration(None if None in parts else sum(filter(None, parts))))
        first.append([kernel.name, *starts])
    means = [number(comparison.geometric_mean(name)) for name in others]
    rows.append(["geometric mean", *([""] * len(engines)), *means])
    worst = [number(max(comparison.ratios(name), default=None)) for name in others]
    rows.append(["slowest", *([""] * len(engines)), *worst])
    failures = [f"FAILED {engine} {kernel}: {why}" for (engine, kernel), why in comparison.failures.items()]
    return "\n".join([markdown(rows), "", markdown(first), *failures])
