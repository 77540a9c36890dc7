"""Signals read from descriptors, and sent with values: natively, and by the command line."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
from commands import command_of, environment, run_command, start
from running import Run
from toolchain import native_program, wasm_program

import pywasmjit as wj

HERE = Path(__file__).parent
PROGRAM = HERE / "signalfds.c"


PARTS = ("errors", "queued", "waited", "others", "inherited", "served", "own", "unblocked", "earlier")


@pytest.mark.parametrize("what", PARTS)
def test_signalfd(tmp_path: Path, what: str) -> None:
    expected = Run(PROGRAM, [what], cwd=tmp_path).native()
    found = run_command(PROGRAM, what)
    assert found.stdout.decode() == expected.stdout.decode()
    assert (found.returncode, found.stderr) == (expected.status, expected.stderr)


@pytest.mark.parametrize("becomes", ["native", "wasm"])
def test_a_program_that_is_executed_finds_blocked_signals_and_descriptor(tmp_path: Path, becomes: str) -> None:
    native, wasm = native_program(PROGRAM), wasm_program(PROGRAM)
    expected = Run(PROGRAM, ["executed", str(native)], cwd=tmp_path).native()
    assert b"signal=40\n" in expected.stdout
    found = run_command(PROGRAM, "executed", str(native if becomes == "native" else wasm))
    assert found.stdout.decode() == expected.stdout.decode()
    assert (found.returncode, found.stderr) == (expected.status, expected.stderr)


def test_a_signal_from_outside_ends_the_wait() -> None:
    with start(PROGRAM, "ever") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.05)
        process.send_signal(signal.SIGUSR1)
        output, errors = process.communicate(timeout=30)
    lines = output.decode().splitlines()
    assert lines[:4] == ["read=128", "signal=10", " code=0", " mine=0"]
    assert (process.returncode, errors) == (0, b"")


def test_a_timeout_of_the_command_line_ends_the_wait() -> None:
    command = command_of(PROGRAM, "ever")
    command[command.index("-A") : command.index("-A")] = ["--timeout", "2"]
    found = subprocess.run(command, env=environment(), capture_output=True, timeout=60, check=False)
    assert (found.returncode, found.stdout) == (124, b"ready\n")


def test_no_descriptor_inside_a_larger_program(tmp_path: Path) -> None:
    output = Run(PROGRAM, ["errors"], cwd=tmp_path).wasm(wj.Policy.allow_all()).stdout
    assert b"sys_signalfd(-1, &set, 4)=-38\n" in output
