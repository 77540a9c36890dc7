"""The figures that are no kernels: what a call, a start, a growing memory, a recursion, an instance cost.

Each figure is a function that returns one number, measured in a process of its
own: `python -m benchmarks.figures NAME [BIG_MODULE]` prints it.  `main` runs all
and prints them beside their targets.
"""

from __future__ import annotations

import gc
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import modules
from benchmarks.comparison import ROOT, duration, environment, fresh_process, markdown

clock = time.process_time

# ---------------------------------------------------------------- measured in the worker


def repeat(run: Callable[[], object], count: int, rounds: int = 5) -> float:
    """Return the least CPU seconds of one call, `count` calls a round."""
    best = float("inf")
    for _ in range(rounds):
        numbers = range(count)
        before = clock()
        for _ in numbers:
            run()
        best = min(best, clock() - before)
    return best / count


def instance(data: bytes, imports: Any = None) -> Any:
    import pywasmjit

    return pywasmjit.Instance(pywasmjit.Module(data), {} if imports is None else imports)


def host_calls_wasm() -> float:
    add = instance(modules.add()).exports.add
    add(1, 2)
    return repeat(lambda: add(1, 2), 50_000)


def wasm_calls_host() -> float:
    run = instance(modules.call_host(), {"env": {"f": lambda value: value}}).exports.run
    run(1)
    count = 100_000
    return repeat(lambda: run(count), 1) / count


def import_time() -> float:
    before = clock()
    import pywasmjit  # noqa: F401

    seconds = clock() - before
    if "click" in sys.modules:
        raise AssertionError("import pywasmjit loads the command line")
    return seconds


def tiny_module() -> float:
    import pywasmjit

    data = modules.add()
    before = clock()
    if pywasmjit.Instance(pywasmjit.Module(data)).exports.add(1, 2) != 3:
        raise AssertionError("1 + 2 is not 3")
    return clock() - before


def big_module(path: str) -> float:
    """Return the seconds for 1 MB, decoding and full validation."""
    import pywasmjit

    data = Path(path).read_bytes()
    before = clock()
    pywasmjit.Module(data)
    return (clock() - before) * 1e6 / len(data)


def big_instance(path: str) -> float:
    import pywasmjit

    module = pywasmjit.Module(Path(path).read_bytes())
    imports: dict[str, dict[str, Any]] = {}
    for wanted in module.imports:
        imports.setdefault(wanted.module, {})[wanted.name] = lambda *arguments: 0
    before = clock()
    pywasmjit.Instance(module, imports)
    return clock() - before


def verifier(path: str) -> float:
    """Return the seconds for one CPython instruction, over the first 300 functions of a module."""
    import dis

    import pywasmjit
    from pywasmjit.codegen.verifier import verify

    module = pywasmjit.Module(Path(path).read_bytes())
    first = module.syntax.imported_count("func")
    templates = [module._unit.template(index) for index in range(first, first + min(300, len(module.syntax.bodies)))]
    instructions = sum(sum(1 for _ in dis.get_instructions(template.code)) for template in templates)
    before = clock()
    for template in templates:
        verify(template.code, globals=template.references)
    return (clock() - before) / instructions


def memory_grow() -> float:
    """Return the median of 50 growths."""
    exports = instance(modules.many_views(2_000)).exports
    exports.touch(0)
    times = []
    for pages in range(1, 51):
        before = clock()
        if exports.grow() != pages:
            raise AssertionError("the memory does not grow")
        times.append(clock() - before)
    return statistics.median(times)


def recursion_in_program() -> int:
    """Return how deep `pywasmjit run` went; 0 if the end of the stack was not a clean trap."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "down.wasm")
        path.write_bytes(modules.down())
        command = [sys.executable, "-P", "-m", "pywasmjit", "run", "--invoke", "down", str(path)]
        endless = subprocess.run([*command, "100000000"], capture_output=True, text=True, cwd=ROOT)
        if endless.returncode != 134 or "call stack exhausted" not in endless.stderr:
            return 0
        reached = 0
        for depth in (9_000, 10_000, 12_000, 15_000, 20_000, 50_000):
            done = subprocess.run([*command, str(depth)], capture_output=True, text=True, cwd=ROOT)
            if done.stdout != f"{depth}\n":
                break
            reached = depth
    return reached


def recursion_in_caller() -> int:
    """Return how deep a call from this thread went before `StackExhausted`."""
    import pywasmjit

    down = instance(modules.down()).exports.down
    low, high = 1, 10_000_000
    while high - low > 1:
        depth = (low + high) // 2 if high <= 2 * low else 2 * low
        try:
            down(depth)
            low = depth
        except pywasmjit.StackExhausted:
            high = depth
    return low


def instance_leak() -> float:
    """Return by how much 10,000 instances enlarged the process, as a fraction of its size before.

    The least of two such runs counts: a leak shows in each, a megabyte that the allocator takes once does not.
    """

    def cycle(count: int) -> int:
        for _ in range(count):
            exports = instance(data).exports
            exports.touch(0)
        gc.collect()
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    data = modules.many_views(10)
    cycle(1_000)
    sizes = [cycle(count) for count in (1_000, 10_000, 10_000)]
    return min((after - before) / before for before, after in itertools.pairwise(sizes))


def timeout_lateness() -> float:
    """Return by how much 99 of 100 deadlines stopped an endless loop late, at most."""
    import pywasmjit

    spin = instance(modules.spin()).exports.spin
    late = []
    for _ in range(100):
        begin = time.perf_counter()
        try:
            with pywasmjit.deadline(0.05):
                spin()
        except pywasmjit.TimedOut:
            late.append(time.perf_counter() - begin - 0.05)
    return sorted(late)[98]


# ---------------------------------------------------------------- run by the driver


def percent(fraction: float) -> str:
    return f"{fraction * 100:.2f} %"


@dataclass(frozen=True)
class Figure:
    """One figure: what it says, how it is measured, and which value is good enough.

    rounds: processes whose median counts.  at_least: the target is a lower bound.
    """

    what: str
    measure: Callable[..., float]
    target: float
    write: Callable[[float], str] = duration
    rounds: int = 3
    at_least: bool = False
    needs_big: bool = False

    def is_met(self, value: float) -> bool:
        return value >= self.target if self.at_least else value <= self.target


FIGURES = (
    Figure("host calls Wasm", host_calls_wasm, 0.8e-6),
    Figure("Wasm calls host", wasm_calls_host, 0.4e-6),
    Figure("import pywasmjit", import_time, 60e-3, rounds=7),
    Figure("tiny module, load and first call", tiny_module, 10e-3, rounds=5),
    Figure("big module, decode and validate 1 MB", big_module, 0.4, needs_big=True),
    Figure("big module, instantiate", big_instance, 0.1, needs_big=True),
    Figure("verifier, one CPython instruction", verifier, 0.6e-6, needs_big=True),
    Figure("memory.grow, all views in use", memory_grow, 1e-3),
    Figure("recursion under `run`, frames", recursion_in_program, 10_000, "{:,.0f}".format, 1, at_least=True),
    Figure("recursion on the caller's stack, frames", recursion_in_caller, 2_900, "{:,.0f}".format, 1, at_least=True),
    Figure("a timeout stops an endless loop late by", timeout_lateness, 25e-3, rounds=1),
    Figure("10,000 instances made and dropped: growth", instance_leak, 0.01, percent, rounds=1),
)


def npm_module(folder: str) -> Path | None:
    """Return a module of 0.6 MB from the package registry, None where there is no npm or no network."""
    try:
        subprocess.run(["npm", "pack", "quickjs-wasi"], cwd=folder, check=True, capture_output=True, timeout=120)
        archive = next(Path(folder).glob("*.tgz"))
        subprocess.run(["tar", "xzf", archive.name], cwd=folder, check=True, timeout=60)
        return next(Path(folder).rglob("quickjs.wasm"))
    except (OSError, subprocess.SubprocessError, StopIteration):
        return None


def measured(figure: Figure, big: Path | None) -> float:
    """Return the median over fresh processes; RuntimeError if one fails."""
    command = fresh_process(["-m", "benchmarks.figures", figure.measure.__name__], None)
    values = []
    for _ in range(figure.rounds):
        arguments = [*command, str(big)] if figure.needs_big else command
        done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, env=environment())
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [""])[-1]
            raise RuntimeError(f"exit status {done.returncode}: {last[:150]}")
        values.append(float(done.stdout))
    return statistics.median(values)


def main(big: Path | None) -> int:
    """Measure all figures, print them; return 1 if a target is missed."""
    rows, missed = [["figure", "measured", "target", ""]], 0
    with tempfile.TemporaryDirectory() as folder:
        big = big.resolve() if big else npm_module(folder)
        for figure in FIGURES:
            target = f"{'>=' if figure.at_least else '<='} {figure.write(figure.target)}"
            if figure.needs_big and big is None:
                rows.append([figure.what, "-", target, "no module: --big FILE"])
                continue
            try:
                value = measured(figure, big)
            except RuntimeError as error:
                missed += 1
                rows.append([figure.what, "-", target, f"FAILED: {error}"])
                continue
            missed += not figure.is_met(value)
            rows.append([figure.what, figure.write(value), target, "ok" if figure.is_met(value) else "MISSED"])
    print(markdown(rows))
    return 1 if missed else 0


if __name__ == "__main__":
    print(globals()[sys.argv[1]](*sys.argv[2:]))
