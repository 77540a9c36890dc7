"""Faults in ten programs: errors reach the guest and nobody else, short transfers and interruptions do no harm."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from faulty import Plan, run
from injected import HERE, PAIRS, PROGRAMS, cases, judged, undisturbed
from running import Run
from test_calls import renew, work

__all__ = ["work"]

SAMPLE = 16
"""Faults of each program and kernel; `python -m tests.stress.faults` tries all of them."""


@pytest.mark.parametrize(("program", "way"), PAIRS)
def test_faults(work: Path, program: str, way: str) -> None:
    renew(work)
    args = PROGRAMS[program]
    native = Run((HERE / f"{program}.c").resolve(), args, {}, b"some text\nof three lines\non standard input\n", work)
    expected = native.native()
    good, plan = undisturbed(program, way, work)
    assert (good.end, good.stdout, good.stderr) == (expected.status, expected.stdout, expected.stderr)
    assert good.descriptors == 0
    tried = list(cases(program, way, plan, most=3))
    chosen = Random(f"{program} {way}").sample(tried, min(SAMPLE, len(tried)))
    wrong = [each for each in (judged(case, good, work) for case in chosen) if each]
    assert not wrong, "\n".join(wrong)
    again, _ = undisturbed(program, way, work)
    assert again == good


@pytest.mark.parametrize("program", ["server", "loop", "copy", "tree"])
def test_a_program_without_descriptors_left(work: Path, program: str) -> None:
    """At each limit: what it gets no number for is closed again."""
    source, args = HERE / f"{program}.c", PROGRAMS[program]
    ends = []
    for limit in range(3, 14):
        renew(work)
        found = run(source, args, work, Plan(), "raw", limit)
        assert found.descriptors == 0
        assert found.end == 0 or b": error " in found.stderr
        ends.append(found.end)
    assert ends[0] == 1
    assert ends == sorted(ends, reverse=True)
    assert ends[-1] == (1 if program == "loop" else 0)  # which wants number 40
