"""setjmp and longjmp in C programs."""

from __future__ import annotations

from pathlib import Path

from running import Run

HERE = Path(__file__).parent


def test_setjmp_longjmp(tmp_path: Path) -> None:
    run = Run(HERE / "jumps.c", cwd=tmp_path)
    expected = run.native()
    assert b"nested=103\n" in expected.stdout
    assert run.wasm() == expected
