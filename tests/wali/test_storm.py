"""Processes and threads in numbers, natively and by the engine; `python -m tests.stress.processes` does more of it."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import command_of, environment
from toolchain import native_program, wasm_program

HERE = Path(__file__).parent
PROGRAM = HERE / "storm.c"
LIMITED = "import os, resource as r, sys; a = sys.argv; r.setrlimit(int(a[1]), (int(a[2]),) * 2); os.execv(a[3], a[3:])"
TIMEOUT = 60
AT_ONCE = 0.5
"""Seconds within which a process must have ended."""


def storm(work: Path, *args: str, native: bool = False, limit: tuple[int, int] | None = None) -> tuple[int, str, str]:
    """Run the program in a directory of its own, where it finds itself; return status, output, errors.

    limit: a resource limit under which it is started.
    """
    shutil.copy(native_program(PROGRAM) if native else wasm_program(PROGRAM), work / "storm")
    (work / "storm").chmod(0o755)
    line = [str(work / "storm"), *args] if native else [*command_of(PROGRAM)[:-1], str(work / "storm"), *args]
    if limit is not None:
        line = [sys.executable, "-c", LIMITED, str(limit[0]), str(limit[1]), *line]
    done = subprocess.run(
        line, cwd=work, env=environment(), capture_output=True, text=True, timeout=TIMEOUT, check=False, process_group=0
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


@pytest.mark.skipif(os.getuid() != 0, reason="processes of root are not limited")
def test_small_limits_that_a_program_gives_itself(tmp_path: Path) -> None:
    """The engine, which needs more of everything, works on; programs that are executed have the limits."""
    tmp_path.chmod(0o777)
    printed = both(tmp_path, "limits", "23456").splitlines()
    assert {"opened=3", "error=-24", "large=-12", "./storm exited 4", "error=-11", "thread=-11", "good=1"} < {
        each.replace(str(tmp_path), ".") for each in printed
    }


LIMITS = {
    "few descriptors": (resource.RLIMIT_NOFILE, 16),
    "little address space": (resource.RLIMIT_AS, 300 << 20),
    "little data": (resource.RLIMIT_DATA, 300 << 20),
    "a small stack": (resource.RLIMIT_STACK, 1 << 20),
}


@pytest.mark.parametrize("name", LIMITS)
def test_small_limits_from_the_start(tmp_path: Path, name: str) -> None:
    """Whoever starts the engine may have set them."""
    limit = LIMITS[name]
    assert storm(tmp_path, "exits", "16", limit=limit) == (0, "good=18\nleft=-10\n", "")
    if limit[0] not in (resource.RLIMIT_AS, resource.RLIMIT_DATA):  # in which there is no room for so many threads
        assert storm(tmp_path, "become", limit=limit) == (21, "", "")


def test_too_small_a_limit_is_reported(tmp_path: Path) -> None:
    status, printed, errors = storm(tmp_path, "orphans", "1", limit=(resource.RLIMIT_AS, 30 << 20))
    assert (status, printed) == (1, "")
    assert errors.startswith("pywasmjit: ")
    assert errors.count("\n") == 1
