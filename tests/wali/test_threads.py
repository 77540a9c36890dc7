"""Threads in C programs: natively, in this process, and by the command line."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from running import Run
from toolchain import wasm_program

import pywasmjit as wj

HERE = Path(__file__).parent
PROGRAM = HERE / "threads.c"


def command(program: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(wj.__file__).parents[1])}
    line = [sys.executable, "-m", "pywasmjit", "run", "-A", str(wasm_program(program)), *arguments]
    return subprocess.run(line, env=environment, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("how", ["count", "last", "group", "main"])
def test_threads(tmp_path: Path, how: str) -> None:
    run = Run(PROGRAM, [how], cwd=tmp_path)
    expected = run.native()
    before = threading.active_count()
    assert run.wasm(wj.Policy.allow_all()) == expected
    assert threading.active_count() <= before + 1  # the watchdog of deadlines
    found = command(PROGRAM, how)
    assert (found.returncode, found.stdout, found.stderr) == (expected.status, expected.stdout, expected.stderr)


def test_a_trap_in_a_thread_ends_the_process(tmp_path: Path) -> None:
    with pytest.raises(wj.Trap, match="unreachable"):
        Run(PROGRAM, ["trap"], cwd=tmp_path).wasm(wj.Policy.allow_all())
    found = command(PROGRAM, "trap")
    assert found.returncode == 134
    assert b"trap: unreachable" in found.stderr
