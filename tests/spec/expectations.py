"""What is expected not to pass: `expected_failures.txt`, read, compared with a run, written anew.

The list is strict in both directions: what is listed must happen, exactly, and nothing else may.  A section is a folder
of scripts; its lines are

    FILE         FEATURE COUNT, FEATURE COUNT ...    assertions that need a feature which the engine lacks
    FILE:LINE    left out: REASON                    a command that is not run: the script contradicts another one
    FILE:LINE    fails: REASON                       a command that fails

Lines of the first kind are written by `python -m tests.spec --update`, the others by hand.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .runner import Outcome, Status

PATH: Final = Path(__file__).with_name("expected_failures.txt")

_LINE: Final = re.compile(r"(?P<file>[^\s:]+)(?::(?P<line>\d+))?\s+(?P<what>.+)")
_NEED: Final = re.compile(r"(?P<feature>[\w-]+) (?P<count>\d+)")


@dataclass(slots=True)
class FileExpectation:
    """What one script is expected not to pass.

    needs: assertions by missing feature; a feature that only other commands need counts 0.
    left_out, fails: reasons by line.
    """

    needs: dict[str, int] = field(default_factory=dict)
    left_out: dict[int, str] = field(default_factory=dict)
    fails: dict[int, str] = field(default_factory=dict)


Expectations = Mapping[str, FileExpectation]
"""By the script's path inside the specification folder, with slashes."""


def read_expectations(text: str) -> dict[str, FileExpectation]:
    """Return what a list says; ValueError, with the line, if it says nothing sensible."""
    found: dict[str, FileExpectation] = {}
    folder = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            folder = line[1:-1]
            continue
        match = _LINE.fullmatch(line)
        if match is None or not _read_line(found.setdefault(f"{folder}/{match['file']}", FileExpectation()), match):
            raise ValueError(f"{PATH.name}:{number}: cannot read {line!r}")
    return found


def _read_line(expectation: FileExpectation, match: re.Match[str]) -> bool:
    """Add what a line says; False if it says nothing sensible."""
    what = match["what"]
    if match["line"] is None:
        needs = [_NEED.fullmatch(part.strip()) for part in what.split(",")]
        expectation.needs |= {need["feature"]: int(need["count"]) for need in needs if need is not None}
        return None not in needs
    kind, _, reason = what.partition(": ")
    table = {"left out": expectation.left_out, "fails": expectation.fails}.get(kind)
    if table is None or not reason:
        return False
    table[int(match["line"])] = reason
    return True


def needs(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Return how many assertions need which missing feature; 0 for one that only other commands need."""
    counts: Counter[str] = Counter()
    for outcome in outcomes:
        if outcome.status is Status.UNSUPPORTED:
            counts[outcome.feature] += outcome.command.column.is_assertion
    return dict(sorted(counts.items()))


def differences(outcomes: Iterable[Outcome], expectation: FileExpectation) -> list[str]:
    """Return in which ways the outcomes of a script differ from what is expected; empty: they do not."""
    outcomes = list(outcomes)
    failed = {outcome.line for outcome in outcomes if outcome.status is Status.FAILED}
    left_out = {outcome.line for outcome in outcomes if outcome.status is Status.LEFT_OUT}
    new = [outcome for outcome in outcomes if outcome.status is Status.FAILED and outcome.line not in expectation.fails]
    found = [str(outcome) for outcome in new if not outcome.is_consequence]
    if consequences := sum(outcome.is_consequence for outcome in new):
        found.append(f"{consequences} more commands failed because they need what failed")
    found += [f"{line}: listed as failing, but does not fail" for line in sorted(expectation.fails.keys() - failed)]
    found += [f"{line}: listed as left out, but no command" for line in sorted(expectation.left_out.keys() - left_out)]
    actual = needs(outcomes)
    for feature in sorted(actual.keys() | expectation.needs.keys()):
        got, listed = actual.get(feature), expectation.needs.get(feature)
        if got != listed:
            found.append(f"assertions that need {feature}: {listed} listed, {got} found (None: not at all)")
    return found


def write_expectations(old_text: str, expectations: Expectations) -> str:
    """Return a list that says what `expectations` says, under the opening comment of an old one."""
    out = [line for line in old_text.partition("\n[")[0].splitlines() if line.startswith("#")]
    folders = sorted({path.rpartition("/")[0] for path in expectations})
    for folder in folders:
        rows = [
            (path.rpartition("/")[2] + place, text)
            for path in sorted(expectations)
            if path.rpartition("/")[0] == folder
            for place, text in _rows(expectations[path])
        ]
        width = max((len(key) for key, _ in rows), default=0)
        if rows:
            out += ["", f"[{folder}]", *(f"{key:{width}}  {text}" for key, text in rows)]
    return "\n".join(out) + "\n"


def _rows(expectation: FileExpectation) -> Iterable[tuple[str, str]]:
    """Yield the lines about one script: what stands behind its name, and the text."""
    if expectation.needs:
        yield "", ", ".join(f"{feature} {count}" for feature, count in expectation.needs.items())
    for kind, table in (("left out", expectation.left_out), ("fails", expectation.fails)):
        for line, reason in table.items():
            yield f":{line}", f"{kind}: {reason}"
