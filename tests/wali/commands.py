"""Programs run by the command line, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from toolchain import native_program, wasm_program

import pywasmjit as wj


def command_of(program: Path, *arguments: str) -> list[str]:
    """Return the command that runs a program as Wasm with everything allowed."""
    return [sys.executable, "-P", "-m", "pywasmjit", "run", "-A", str(wasm_program(program)), *arguments]


def environment() -> dict[str, str]:
    """Return an environment in which the engine is found."""
    return {**os.environ, "PYTHONPATH": str(Path(wj.__file__).parents[1])}


def run_command(program: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a program as Wasm to its end."""
    line = command_of(program, *arguments)
    return subprocess.run(line, env=environment(), capture_output=True, timeout=60, check=False, process_group=0)


def start(program: Path, *arguments: str, native: bool = False) -> subprocess.Popen[bytes]:
    """Start a program, natively or as Wasm, with pipes for its standard streams."""
    line = [str(native_program(program)), *arguments] if native else command_of(program, *arguments)
    pipe = subprocess.PIPE
    return subprocess.Popen(line, env=environment(), stdin=pipe, stdout=pipe, stderr=pipe, process_group=0)
