"""Faults in ten programs: errors reach the guest and nobody else, short transfers and interruptions do no harm."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from injected import HERE, PROGRAMS, cases, judged, undisturbed
from running import Run
from test_calls import renew, work

__all__ = ["work"]

SAMPLE = 24
"""Faults of each program and kernel; `python -m tests.stress.faults` tries all of them."""


@pytest.mark.parametrize("way", ["raw", "portable"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_faults(work: Path, program: str, way: str) -> None:
    if program == "loop" and way == "portable":
        pytest.skip("there is no epoll without Linux system calls")
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
