"""A time limit ends calls that cannot be made in slices, in a process of the program's own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import environment
from toolchain import wasm_program

PROGRAM = Path(__file__).parent / "stuck.c"


@pytest.mark.parametrize("how", ["fifo", "write", "sendfile"])
def test_a_time_limit_ends_a_call_that_waits_inside_the_kernel(how: str, tmp_path: Path) -> None:
    program = str(wasm_program(PROGRAM))
    line = [sys.executable, "-P", "-m", "pywasmjit", "run", "--timeout", "1s", "--dir", str(tmp_path), program, how]
    begin = time.monotonic()
    options = {"env": environment(), "cwd": tmp_path, "capture_output": True, "timeout": 50, "check": False}
    result = subprocess.run(line, **options)
    assert (result.returncode, result.stdout) == (124, b"")
    assert result.stderr == b"pywasmjit: timed out after 1 s\n"
    assert time.monotonic() - begin < 20
