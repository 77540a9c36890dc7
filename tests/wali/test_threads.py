"""Threads in C programs: natively, in this process, and by the command line."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from commands import run_command
from running import Run

import pywasmjit as wj

HERE = Path(__file__).parent
PROGRAM = HERE / "threads.c"


@pytest.mark.parametrize("how", ["count", "last", "group", "main"])
def test_threads(tmp_path: Path, how: str) -> None:
    run = Run(PROGRAM, [how], cwd=tmp_path)
    expected = run.native()
    before = threading.active_count()
    assert run.wasm(wj.Policy.allow_all()) == expected
    assert threading.active_count() <= before + 1  # the watchdog of deadlines
    found = run_command(PROGRAM, how)
    assert (found.returncode, found.stdout, found.stderr) == (expected.status, expected.stdout, expected.stderr)


def test_a_trap_in_a_thread_ends_the_process(tmp_path: Path) -> None:
    with pytest.raises(wj.Trap, match="unreachable"):
        Run(PROGRAM, ["trap"], cwd=tmp_path).wasm(wj.Policy.allow_all())
    found = run_command(PROGRAM, "trap")
    assert found.returncode == 134
    assert b"trap: unreachable" in found.stderr
