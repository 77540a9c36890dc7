"""A file that shrinks under its mapping: the program gets SIGBUS, by the command line as natively."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import run_command
from running import Run

HERE = Path(__file__).parent
PROGRAM = HERE / "truncated.c"


HOW = ("load", "store", "copy", "fill", "threads", "write", "default", "ignored", "blocked")


@pytest.mark.parametrize("how", HOW)
def test_sigbus(tmp_path: Path, how: str) -> None:
    files = [tmp_path / "file", tmp_path / "other"]
    for each in files:
        each.touch()
    expected = Run(PROGRAM, [how, str(files[0])], cwd=tmp_path).native()
    assert b"still here" not in expected.stdout
    assert (expected.status == -7) == (how in ("default", "ignored", "blocked"))
    found = run_command(PROGRAM, how, str(files[1]))
    assert found.stdout.decode() == expected.stdout.decode()
    assert (found.returncode, found.stderr) == (expected.status, expected.stderr)
