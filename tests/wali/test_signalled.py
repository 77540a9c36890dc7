"""Signals from outside, and deaths by signals, in a process of the program's own."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import pytest
from commands import environment, run_command, start
from running import Run
from toolchain import wasm_program

HERE = Path(__file__).parent
PROGRAM = HERE / "signalled.c"
PATIENCE = 30


def started(how: str, count: int = 0) -> subprocess.Popen[bytes]:
    process = start(PROGRAM, how, str(count))
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.parametrize(
    ("how", "most"),
    [("spin", 0.2e-3), ("read", 0.5e-3), ("spin_informed", 1e-3), ("read_informed", 1e-3), ("spin_thread", 20e-3)],
)
def test_a_signal_reaches_its_handler_soon(how: str, most: float) -> None:
    count = 40
    delays = []
    with started(how, count) as process:
        assert process.stdout is not None
        for _ in range(count):
            time.sleep(0.006)
            sent = time.monotonic_ns()
            process.send_signal(signal.SIGUSR1)
            delays.append(int(process.stdout.readline()) - sent)
        assert process.stdout.read() == b"end\n"
    assert process.returncode == 0
    # The figure is for an idle machine; a busy one is forgiven a scheduler's time slice.
    assert median(delays) / 1e9 < most + 0.02


@pytest.mark.parametrize("how", ["alternate", "alternate_informed", "thread"])
def test_no_signal_is_lost(how: str) -> None:
    count = 1000
    with started(how, count) as process:
        for number in range(count):
            process.send_signal(40)
            time.sleep(number % 7 * 5e-5)
        assert process.communicate(timeout=PATIENCE) == (b"count=%d\nend\n" % count, b"")
    assert process.returncode == 0


def test_who_sent_it() -> None:
    with started("info", 1) as process:
        process.send_signal(signal.SIGUSR1)
        output, _ = process.communicate(timeout=PATIENCE)
    assert output == b"number=10\ncode=0\npid=%d\nuid=%d\nend\n" % (os.getpid(), os.getuid())


def queue_signal(pid: int, number: int, value: int) -> None:
    """sigqueue(3)."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.sigqueue(pid, number, ctypes.c_void_p(value)) == 0


def test_values_that_others_queue_arrive_in_order() -> None:
    """Every one, in order for each number, and the lower numbers first of those that wait."""
    sent = [(35 + place % 3, 1000 + place) for place in range(200)]
    with started("info", len(sent)) as process:
        for number, value in sent:
            queue_signal(process.pid, number, value)
        output, _ = process.communicate(timeout=PATIENCE)
    lines = output.decode().split("\n")
    numbers = [int(line[7:]) for line in lines if line.startswith("number=")]
    values = [int(line[6:]) for line in lines if line.startswith("value=")]
    assert sorted(zip(numbers, values, strict=True)) == sorted(sent)
    for number in (35, 36, 37):
        mine = [value for each, value in zip(numbers, values, strict=True) if each == number]
        assert mine == sorted(mine)
    assert lines.count("code=-1") == len(sent)
    assert lines.count(f"pid={os.getpid()}") == len(sent)


@pytest.mark.parametrize("how", ["default", "ignore"])
def test_dispositions_of_the_kernel(how: str) -> None:
    with started(how) as process:
        process.send_signal(signal.SIGUSR1)
        output, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == ((-signal.SIGUSR1, b"") if how == "default" else (0, b"end\n"))


def test_stop_and_continue() -> None:
    with started("read", 1) as process:
        process.send_signal(signal.SIGTSTP)
        assert os.WIFSTOPPED(os.waitpid(process.pid, os.WUNTRACED)[1])
        process.send_signal(signal.SIGCONT)
        assert os.WIFCONTINUED(os.waitpid(process.pid, os.WCONTINUED)[1])
        process.send_signal(signal.SIGUSR1)
        output, _ = process.communicate(timeout=PATIENCE)
    assert output.endswith(b"end\n")


DEATHS = ("term", "kill", "segv", "realtime", "unused", "abort", "alarm", "held", "pipe", "leave", "thread", "main")


@pytest.mark.parametrize("how", DEATHS)
def test_deaths(tmp_path: Path, how: str) -> None:
    expected = Run(HERE / "dying.c", [how], cwd=tmp_path).native()
    assert b"still here" not in expected.stdout
    found = run_command(HERE / "dying.c", how)
    assert (found.returncode, found.stdout, found.stderr) == (expected.status, expected.stdout, expected.stderr)


def test_parents_and_children(tmp_path: Path) -> None:
    expected = Run(HERE / "signalfork.c", cwd=tmp_path).native()
    assert b"sys_ppoll(NULL, 0, &never, &none, 8)=-4\n" in expected.stdout
    found = run_command(HERE / "signalfork.c")
    assert found.stdout.decode() == expected.stdout.decode()
    assert (found.returncode, found.stderr) == (expected.status, expected.stderr)


LATE = """
import os, signal, sys
from pywasmjit.cli import main
from pywasmjit.guest.kernel.raw import RawKernel

read = RawKernel.read

def read_late(self, fd, address, count):
    os.kill(os.getpid(), signal.SIGUSR1)
    return read(self, fd, address, count)

RawKernel.read = read_late
main()
"""


@pytest.mark.parametrize("how", ["read", "read_informed"])
def test_a_signal_just_before_the_kernel_is_entered_interrupts_the_call(how: str) -> None:
    """The engine is told of it where no handler can run; somebody else must know, and interrupt the call."""
    count = 200
    program = wasm_program(PROGRAM)
    command = [sys.executable, "-c", LATE, "run", "-A", str(program), how, str(count)]
    found = subprocess.run(command, env=environment(), capture_output=True, timeout=PATIENCE, check=False)
    assert (found.returncode, found.stderr) == (0, b"")
    assert len(found.stdout.splitlines()) == count + 2


def test_signals_of_a_child_that_a_second_thread_has_made(tmp_path: Path) -> None:
    """CPython takes the thread that forks for its main one in the child, and so do signals."""
    program = HERE / "heir.c"
    expected = Run(program, cwd=tmp_path).native()
    assert expected.stdout == b"rung=3\nstatus=1792\n"
    found = run_command(program)
    assert (found.returncode, found.stdout, found.stderr) == (0, expected.stdout, b"")


@pytest.mark.parametrize("how", [("self",), ("self", "handled"), ("child",), ("child", "handled")])
def test_a_main_thread_that_has_ended_takes_no_signals(tmp_path: Path, how: tuple[str, ...]) -> None:
    program = HERE / "orphan.c"
    expected = Run(program, how, cwd=tmp_path).native()
    assert (expected.status, expected.stdout.count(b"=15\n")) == (3, 1)
    found = run_command(program, *how)
    assert (found.returncode, found.stdout, found.stderr) == (3, expected.stdout, b"")
