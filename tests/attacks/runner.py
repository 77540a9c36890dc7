"""Runs attacks: in the sandbox, where none may succeed, and natively, where each must, or it would prove nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
if str(TESTS / "programs") not in sys.path:
    sys.path.insert(0, str(TESTS / "programs"))

from toolchain import native_program, wasm_program  # noqa: E402 - found by the path above

from tests.attacks.table import TIMED_OUT, Attack  # noqa: E402
from tests.attacks.targets import Targets, left_in_group  # noqa: E402

LIMIT = 60
GATE_ALONE = ("--walls", "off")
"""The gate must hold by itself."""
WALLS_ALONE = TESTS / "wali" / "walls_alone.py"


@dataclass(frozen=True)
class Outcome:
    """What came of one attack.

    signs: what tells that it succeeded.  faults: what the engine did that it must not: a traceback, a signal, a wrong
    exit status.  output: what the program printed, and the engine.
    """

    attack: Attack
    signs: tuple[str, ...]
    faults: tuple[str, ...]
    output: bytes

    @property
    def stopped(self) -> bool:
        """Whether nothing has happened that should not."""
        return not self.signs and not self.faults


@contextmanager
def targets() -> Iterator[Targets]:
    """Make targets for some attacks."""
    with tempfile.TemporaryDirectory(prefix="attacks-") as top, Targets(Path(top).resolve()) as made:
        yield made


# -- in the sandbox ---------------------------------------------------------------------------------------------------


def run_group(aims: Targets, group: Sequence[Attack], python: str = sys.executable) -> list[Outcome]:
    """Make attacks that share a process; if something goes wrong, one by one, to see whose fault it is."""
    outcomes = _run(aims, group, python)
    if len(group) == 1 or all(each.stopped for each in outcomes):
        return outcomes
    alone = [_run(aims, [attack], python)[0] for attack in group]
    return outcomes if all(each.stopped for each in alone) else alone


def run_behind_walls(aims: Targets, group: Sequence[Attack], python: str = sys.executable) -> list[Outcome]:
    """Make attacks that share a process with the kernel's walls alone: the gate lets everything pass."""
    first = group[0]
    grants = [each.format(top=aims.top) for each in first.grants]
    start = [python, "-X", f"canary={aims.canary}", str(WALLS_ALONE), *grants, "--timeout", f"{LIMIT // 2}s"]
    line = [*start, str(wasm_program(first.source)), *aims.arguments, *(each.function for each in group)]
    return _observe(aims, group, line)


def command(aims: Targets, group: Sequence[Attack], python: str = sys.executable) -> list[str]:
    """Return the command line that makes attacks of one group in the sandbox."""
    first = group[0]
    grants = [each.format(top=aims.top) for each in first.grants]
    limit = () if "--timeout" in first.options else ("--timeout", f"{LIMIT // 2}s")
    start = [python, "-X", f"canary={aims.canary}", "-P", "-m", "pywasmjit", "run", *GATE_ALONE, *grants, *limit]
    line = [
        *start,
        *first.options,
        str(wasm_program(first.source)),
        *aims.arguments,
        *(each.function for each in group),
    ]
    if first.descriptors is not None:
        line = ["sh", "-c", f'ulimit -Sn {first.descriptors}; exec "$@"', "sh", *line]
    return line


def _run(aims: Targets, group: Sequence[Attack], python: str) -> list[Outcome]:
    return _observe(aims, group, command(aims, group, python))


def _observe(aims: Targets, group: Sequence[Attack], line: list[str]) -> list[Outcome]:
    aims.renew()
    environment = {**os.environ, "PYTHONPATH": str(TESTS.parent), "CANARY": aims.canary, "COVERAGE_PROCESS_START": ""}
    pipe = subprocess.PIPE
    with subprocess.Popen(line, env=environment, stdout=pipe, stderr=pipe, process_group=0, **aims.options) as process:
        try:
            output, errors = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            left_in_group(process.pid)
            output, errors = process.communicate()
            errors += b"\nTraceback: hangs"
    faults = _faults(group, process.returncode, output, errors)
    if group[0].status == TIMED_OUT and (left := left_in_group(process.pid)):
        faults.append(f"processes {left} live on")
    sections = _sections(output)
    signs = aims.signs(b"" if len(group) > 1 else output)
    outcomes = []
    for attack in group:
        part = sections.get(attack.function, b"")
        told = aims.signs_in(part) if len(group) > 1 else []
        outcomes.append(Outcome(attack, (*signs, *told), tuple(faults), part + errors))
    return outcomes


def _faults(group: Sequence[Attack], status: int, output: bytes, errors: bytes) -> list[str]:
    found = []
    if status != group[0].status:
        found.append(f"exit status {status}, not {group[0].status}")
    if group[0].status == 0 and output.count(b"\ndone\n") < len(group):
        found.append("an attack did not come to its end")
    if b"Traceback" in errors:
        found.append("a traceback")
    strange = [line for line in errors.splitlines() if line and not line.startswith((b"pywasmjit: ", b"  "))]
    return found + [f"on standard error: {line!r}" for line in strange[:3]]


def _sections(output: bytes) -> dict[str, bytes]:
    """Split the output of several attacks at the lines that begin them."""
    found: dict[str, bytes] = {}
    for part in (b"\n" + output).split(b"\n== ")[1:]:
        name, _, text = part.partition(b"\n")
        found[name.decode("utf-8", "replace")] = text
    return found


# -- natively ---------------------------------------------------------------------------------------------------------


def prove(attack: Attack) -> list[str]:
    """Make an attack natively, at targets of its own, and return the signs of success."""
    with targets() as aims:
        line = [str(native_program(attack.source)), *aims.arguments, attack.function]
        options: dict[str, Any] = {**aims.options, "env": {"CANARY": aims.canary}, "process_group": aims.victim.pid}
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options) as process:
            try:
                output, _ = process.communicate(timeout=LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                output, _ = process.communicate()
        return aims.signs(output, patience=3.0)
