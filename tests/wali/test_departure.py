"""Signals that arrive while a program executes another one: no moment in between is theirs to get lost in."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import environment
from toolchain import wasm_program

PROGRAM = Path(__file__).parent / "leap.c"
PATIENCE = 30

BEFORE = """
import os, signal
from threading import Thread
from pywasmjit.cli import main
from pywasmjit.guest.processes import execution
from pywasmjit.guest.process import Process

def terminate(*_):
    os.kill(os.getpid(), signal.SIGTERM)

def kick(process, _):
    def endlessly():
        while True:
            process.signals.arrivals.kick(process.threads.main)
    Thread(target=endlessly, daemon=True).start()

def refuse(*_):
    raise OSError(8, "no program")

def before(owner, name, *actions):
    original = getattr(owner, name)
    def replacement(*arguments):
        for action in actions:
            action(*arguments)
        return original(*arguments)
    setattr(owner, name, replacement)
"""


def run_leap(hook: str, *arguments: str) -> tuple[int, bytes, bytes]:
    """Run the program; hook: what is done to the engine before."""
    command = [sys.executable, "-c", f"{BEFORE}\n{hook}\nmain()", "run", "-A", str(wasm_program(PROGRAM)), *arguments]
    found = subprocess.run(command, env=environment(), capture_output=True, timeout=PATIENCE, check=False)
    return found.returncode, found.stdout, found.stderr


@pytest.mark.parametrize("how", [(), ("informed",)])
def test_a_signal_that_comes_before_execve_looks_has_its_handler(how: tuple[str, ...]) -> None:
    assert run_leap("before(execution, 'look', terminate)", "/bin/true", *how) == (0, b"ready\nhandled\n", b"")


@pytest.mark.parametrize("how", [(), ("informed",)])
@pytest.mark.parametrize("where", ["execution._Placement, 'place'", "execution, '_call_execve'"])
def test_a_signal_that_comes_too_late_for_its_handler_is_the_new_programs(where: str, how: tuple[str, ...]) -> None:
    assert run_leap(f"before({where}, terminate)", "/bin/true", *how) == (-signal.SIGTERM, b"ready\n", b"")


@pytest.mark.parametrize("how", [(), ("informed",)])
def test_a_signal_during_an_execve_that_fails_has_its_handler(how: tuple[str, ...]) -> None:
    hook = "before(execution._Placement, 'place', terminate, refuse)"
    assert run_leap(hook, "/bin/true", *how) == (0, b"ready\nhandled\n", b"")


@pytest.mark.parametrize("how", [(), ("informed",)])
def test_handlers_are_there_again_after_an_execve_that_failed(how: tuple[str, ...]) -> None:
    hook = "before(execution, '_call_execve', refuse)\nbefore(Process, 'sleep', terminate)"
    expected = b"ready\nsys_execve(argv[1], args, none)=-8\nhandled\n"
    assert run_leap(hook, "/bin/true", *how) == (0, expected, b"")


def test_the_new_program_is_not_kicked() -> None:
    hook = "before(execution, 'let_signals_go', kick)"
    for _ in range(10):
        assert run_leap(hook, "/bin/true") == (0, b"ready\n", b"")
