"""Handlers of signals in C programs: natively, in this process, and by the command line."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from commands import run_command
from running import Run

import pywasmjit as wj

HERE = Path(__file__).parent
PROGRAM = HERE / "handlers.c"


@pytest.mark.parametrize("what", ["basics", "held", "info", "jumps", "waits", "timers"])
def test_handlers(tmp_path: Path, what: str) -> None:
    run = Run(PROGRAM, [what], cwd=tmp_path)
    expected = run.native()
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    found = run.wasm(wj.Policy.allow_all())
    assert found.stdout.decode() == expected.stdout.decode()
    assert found == expected
    assert {number: signal.getsignal(number) for number in signal.valid_signals()} == before
    command = run_command(PROGRAM, what)
    assert command.stdout.decode() == expected.stdout.decode()
    assert (command.returncode, command.stderr) == (expected.status, expected.stderr)


@pytest.mark.parametrize("how", ["timer", "thread"])
def test_a_handler_interrupts_a_loop_of_a_program_with_threads(tmp_path: Path, how: str) -> None:
    run = Run(HERE / "rung.c", [how], cwd=tmp_path)
    expected = run.native()
    assert expected.stdout in (b"rung=14\n", b"rung=10\n")
    assert run.wasm(wj.Policy.allow_all()) == expected
    command = run_command(HERE / "rung.c", how)
    assert (command.returncode, command.stdout, command.stderr) == (0, expected.stdout, b"")
