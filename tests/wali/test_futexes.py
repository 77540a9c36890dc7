"""Futexes, and memory.atomic.wait and notify on the same words: natively, in this process, and by the command line."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import command_of, environment, run_command
from running import Run
from test_calls import way_to_host

import pywasmjit as wj

HERE = Path(__file__).parent
PROGRAM = HERE / "futexes.c"

SAME_NATIVELY = [
    ["times"],
    ["locks"],
    ["orphaned"],
    ["wake", "f", "f"],
    ["wake", "p", "pb"],
    ["wake", "fa", "fa"],
    ["wake", "pb", "p"],
    ["signalled", "f"],
    ["signalled", "p"],
    ["signalled", "a"],
    ["signalled", "l"],
    ["turns", "x", "x", "100"],
    ["token", "fa", "af", "100"],
    ["left", "fapl"],
]


@pytest.mark.parametrize("args", SAME_NATIVELY, ids=" ".join)
def test_futexes(tmp_path: Path, args: list[str]) -> None:
    run = Run(PROGRAM, args, cwd=tmp_path)
    expected = run.native()
    found = run.wasm(wj.Policy.allow_all())
    assert found.stdout.decode() == expected.stdout.decode()
    assert found == expected
    command = run_command(PROGRAM, *args)
    assert command.stdout.decode() == expected.stdout.decode()
    assert (command.returncode, command.stderr) == (expected.status, expected.stderr)


@pytest.mark.parametrize("args", [["f", "f"], ["a", "a"], ["f", "a"], ["a", "f"]], ids="-".join)
def test_processes_wake_each_other(tmp_path: Path, args: list[str]) -> None:
    expected = Run(PROGRAM, ["across", *args], cwd=tmp_path).native()
    found = run_command(PROGRAM, "across", *args)
    assert (found.stdout, found.stderr) == (expected.stdout, b"")
    assert found.stdout == b"slept=0\nchild exited 3\n"


@pytest.mark.parametrize("args", [["f", "ff"], ["p", "pp"], ["fa", "fa"], ["a", "af"]], ids="-".join)
def test_sleepers_are_moved_whatever_they_sleep_in(tmp_path: Path, args: list[str]) -> None:
    expected = Run(PROGRAM, ["requeue", *args], cwd=tmp_path).native() if "p" not in args[0] else None
    found = run_command(PROGRAM, "requeue", *args)
    assert found.stdout == b"moved=4\nhere=0\nthere=3\nleft=1\nrefused=0\n"
    assert expected is None or found.stdout == expected.stdout


@pytest.mark.parametrize("waking", ["f", "p", "a", "fpa"])
@pytest.mark.parametrize("sleeping", ["p", "a", "l", "fpal"])
def test_every_way_to_wake_finds_every_way_to_sleep(tmp_path: Path, sleeping: str, waking: str) -> None:
    run = Run(PROGRAM, ["wake", sleeping, waking], cwd=tmp_path)
    assert run.wasm().stdout == b"woken=4\nmost=1\nrefused=0\n"


@pytest.mark.parametrize("args", [["wake", "fpal", "f"], ["wake", "fal", "a"], ["signalled", "p"]], ids=" ".join)
def test_without_the_kernel_they_meet_in_the_queue(tmp_path: Path, args: list[str]) -> None:
    with way_to_host("portable"):
        found = Run(PROGRAM, args, cwd=tmp_path).wasm(wj.Policy.allow_all())
    assert found.stdout in (b"woken=4\nmost=1\nrefused=0\n", b"handled=3\nword=1\n")


@pytest.mark.parametrize("ways", ["ff", "pa", "aa", "ll", "fl"])
def test_no_wake_up_is_lost(ways: str) -> None:
    found = run_command(PROGRAM, "token", ways, ways[::-1], "2000")
    assert found.stdout == b"word=4000\nplain=0\n"


def test_a_lock_with_inheritance_excludes(tmp_path: Path) -> None:
    found = run_command(PROGRAM, "turns", "x", "x", "2000")
    assert found.stdout == b"word=0\nplain=8000\nrefused=0\n"


@pytest.mark.parametrize("way", ["f", "a", "l"])
def test_a_timeout_of_the_command_line_ends_a_sleep(way: str) -> None:
    command = command_of(PROGRAM, "ever", way)
    command[command.index("-A") : command.index("-A")] = ["--timeout", "0.3"]
    start = time.monotonic()
    found = subprocess.run(command, env=environment(), capture_output=True, timeout=60, check=False)
    assert found.returncode == 124
    assert time.monotonic() - start < 20


def in_another_thread(action: Callable[[], object]) -> object:
    from threading import Thread

    results: list[object] = []
    thread = Thread(target=lambda: results.append(action()))
    thread.start()
    thread.join()
    return results[0]


def test_no_locks_where_the_main_thread_has_no_number_of_its_own(tmp_path: Path) -> None:
    """The kernel knows the thread that runs the guest by another number than the guest: it could own no lock."""
    run = Run(PROGRAM, ["locks"], cwd=tmp_path)
    outcome = in_another_thread(lambda: run.wasm(wj.Policy.allow_all()).stdout)
    assert isinstance(outcome, bytes)
    assert b"LOCK_PI, 0, NULL, NULL, 0)=-38\n" in outcome
