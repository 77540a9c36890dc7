"""Processes and threads in numbers, natively and by the engine; `python -m tests.stress.processes` does more of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from commands import command_of, environment
from toolchain import native_program, wasm_program

HERE = Path(__file__).parent
PROGRAM = HERE / "storm.c"
AT_ONCE = 0.5
"""Seconds within which a process must have ended."""


def storm(work: Path, *args: str, native: bool = False) -> tuple[int, str, str]:
    """Run the program in a directory of its own, where it finds itself; return status, output, errors."""
    shutil.copy(native_program(PROGRAM) if native else wasm_program(PROGRAM), work / "storm")
    (work / "storm").chmod(0o755)
    line = [str(work / "storm"), *args] if native else [*command_of(PROGRAM)[:-1], str(work / "storm"), *args]
    done = subprocess.run(
        line, cwd=work, env=environment(), capture_output=True, text=True, timeout=600, check=False, process_group=0
    )
    return done.returncode, done.stdout, done.stderr


def both(work: Path, *args: str) -> str:
    """Run the program both ways, compare, and return what it printed."""
    expected = storm(work, *args, native=True)
    assert storm(work, *args) == expected
    return expected[1]


def test_children_end_in_every_way(tmp_path: Path) -> None:
    """exit, signals, execve of native and Wasm programs, grandchildren; awaited by wait4 and waitid."""
    assert both(tmp_path, "exits", "64") == "good=72\nleft=-10\n"


def test_orphans_are_taken_over(tmp_path: Path) -> None:
    assert both(tmp_path, "orphans", "3").endswith("good=6\nleft=-10\n")


def test_a_second_thread_executes_a_program(tmp_path: Path) -> None:
    """Others compute and wait meanwhile, the main thread among them."""
    assert storm(tmp_path, "become") == storm(tmp_path, "become", native=True) == (21, "", "")


def test_a_second_thread_forks_while_others_are_everywhere(tmp_path: Path) -> None:
    assert both(tmp_path, "locks", "25") == "good=25\n"


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another user")
def test_another_user_while_all_threads_block_all_signals(tmp_path: Path) -> None:
    printed = both(tmp_path, "users", "1000").splitlines()
    assert printed == ["setgroups=0", "setgid=0", "setuid=0", *["thread=1000100125"] * 12, "main=1000100125", "back=-1"]


def seconds_to_end(work: Path, who: str) -> float:
    """Return how long the program lives on after one thread has called exit_group while the others block."""
    with subprocess.Popen(
        command_of(PROGRAM, "blocked", who), cwd=work, env=environment(), stdout=subprocess.PIPE, process_group=0
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        before = time.monotonic()
        assert process.stdout.read() == b""
        assert process.wait(30) == 7
        return time.monotonic() - before


@pytest.mark.parametrize("who", ["main", "thread"])
def test_exit_group_while_threads_block(tmp_path: Path, who: str) -> None:
    """In futex, read, poll, nanosleep, accept, epoll_wait, flock, wait4, sigsuspend, sigtimedwait and a loop."""
    assert storm(tmp_path, "blocked", who, native=True) == (7, "ready\n", "")
    tries = [seconds_to_end(tmp_path, who)]
    while min(tries) > AT_ONCE and len(tries) < 4:  # the machine may be busy
        tries.append(seconds_to_end(tmp_path, who))
    assert min(tries) < AT_ONCE
