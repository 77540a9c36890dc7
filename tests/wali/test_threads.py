"""Threads in C programs: natively, in this process, and by the command line."""

from __future__ import annotations

import errno
import resource
import subprocess
import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from commands import command_of, environment, run_command
from running import Run

import pywasmjit as wj
from pywasmjit.wali.provider import WaliProcess

HERE = Path(__file__).parent
PROGRAM = HERE / "threads.c"


@pytest.mark.parametrize("how", ["count", "last", "group", "main"])
def test_threads(tmp_path: Path, how: str) -> None:
    run = Run(PROGRAM, [how], cwd=tmp_path)
    expected = run.native()
    before = threading.active_count()
    assert run.wasm(wj.Policy.allow_all()) == expected
    assert threading.active_count() <= before + 1  # the watchdog of deadlines
    found = run_command(PROGRAM, how)
    assert (found.returncode, found.stdout, found.stderr) == (expected.status, expected.stdout, expected.stderr)


def test_a_trap_in_a_thread_ends_the_process(tmp_path: Path) -> None:
    with pytest.raises(wj.Trap, match="unreachable"):
        Run(PROGRAM, ["trap"], cwd=tmp_path).wasm(wj.Policy.allow_all())
    found = run_command(PROGRAM, "trap")
    assert found.returncode == 134
    assert b"trap: unreachable" in found.stderr


CROWD = HERE / "crowd.c"


def numbers(output: bytes) -> list[tuple[int, int, int]]:
    """Return what each of two rounds said: threads, the last error, wrong numbers of threads."""
    found = [int(line.partition(b"=")[2]) for line in output.splitlines()]
    return [(found[0], found[1], found[2]), (found[3], found[4], found[5])]


def test_threads_until_there_can_be_no_more() -> None:
    found = run_command(CROWD)
    assert (found.returncode, found.stderr) == (0, b"")
    for threads, error, wrong in numbers(found.stdout):
        assert 500 < threads < 512
        assert (error, wrong) == (-errno.EAGAIN, 0)


def test_threads_until_the_address_space_ends() -> None:
    limit = 3 << 29
    options = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))}
    found = subprocess.run(
        command_of(CROWD), env=environment(), capture_output=True, timeout=60, check=False, process_group=0, **options
    )
    assert (found.returncode, found.stderr) == (0, b"")
    for threads, error, wrong in numbers(found.stdout):
        assert 1 <= threads < 100
        assert (error, wrong) == (-errno.EAGAIN, 0)


def test_no_memory_for_a_thread_is_no_end_of_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[wj.Instance] = []
    sibling = wj.Instance.sibling

    def fail_after_two(self: wj.Instance) -> wj.Instance:
        if len(made) == 2:
            raise MemoryError
        made.append(sibling(self))
        return made[-1]

    monkeypatch.setattr(wj.Instance, "sibling", fail_after_two)
    outcome = Run(CROWD, cwd=tmp_path).wasm()
    assert outcome.status == 0
    assert numbers(outcome.stdout) == [(2, -errno.EAGAIN, 0), (0, -errno.EAGAIN, 0)]


def test_who_ends_the_process_kicks_the_main_thread_until_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kick that comes just before the thread sleeps in the kernel is lost."""
    with closing(WaliProcess([b"p"], {}, wj.Policy.sandbox())) as process:
        answers = [True, True, True, False]
        process.threads.main.scope = SimpleNamespace(fire=lambda: answers.pop(0))  # type: ignore[assignment]
        kicked: list[object] = []
        monkeypatch.setattr(process.signals.arrivals, "kick", kicked.append)
        process.threads._end_process(wj.Exit(3))
    assert (answers, kicked) == ([], [process.threads.main] * 3)
