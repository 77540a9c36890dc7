"""Calls that wait: a deadline ends them, Ctrl-C ends them, and a terminal behaves as natively."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running import load
from toolchain import native_program, wasm_program

import pywasmjit as wj
from pywasmjit.guest.kernel.portable import PortableKernel
from pywasmjit.runtime.memories import Memory
from pywasmjit.wali.dispatch import bind
from pywasmjit.wali.syscalls import TABLE

HERE = Path(__file__).parent
READ, FULL, SOME, AT = 100, 200, 300, 400


@pytest.fixture(params=["raw", "portable"])
def call(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Return a function that makes calls; descriptor 0 is an empty pipe, 1 a full one."""
    if request.param == "portable":
        monkeypatch.setattr("pywasmjit.guest.process.choose", PortableKernel)
    empty, full = os.pipe(), os.pipe()
    os.set_blocking(full[1], False)
    while True:
        try:
            os.write(full[1], bytes(65536))
        except BlockingIOError:
            break
    os.set_blocking(full[1], True)
    wali = wj.Wali(stdin=empty[0], stdout=full[1])
    memory = Memory(1, 2, shared=True)
    memory.pack("<qq", AT, 1000, 0)
    memory.pack("<ihh", SOME, 0, 1, 0)
    memory.pack("<II", FULL, 600, 5)
    wali.process.bind(memory)

    def make(name: str, *arguments: int) -> int:
        declaration = TABLE[f"SYS_{name}"]
        return int(bind(declaration, wali.process, declaration.type)(*arguments))

    yield make
    wali.close()
    for fd in (*empty, *full):
        os.close(fd)


WAITS = {
    "read": ("read", 0, 600, 1),
    "readv": ("readv", 0, FULL, 1),
    "write": ("write", 1, 600, 1),
    "writev": ("writev", 1, FULL, 1),
    "nanosleep": ("nanosleep", AT, 0),
    "clock_nanosleep": ("clock_nanosleep", 1, 0, AT, 0),
    "poll": ("poll", SOME, 1, 0xFFFF_FFFF),
    "poll with a time": ("poll", SOME, 1, 100_000),
    "futex": ("futex", 800, 0, 0, 0, 0, 0),
    "futex with a time": ("futex", 800, 0, 0, AT, 0, 0),
}


@pytest.mark.parametrize("name", WAITS)
def test_a_deadline_ends_the_wait(call: Callable[..., int], name: str) -> None:
    start = time.monotonic()
    with pytest.raises(wj.TimedOut), wj.deadline(0.05):
        call(*WAITS[name])
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("name", WAITS)
def test_a_deadline_ends_the_wait_in_another_thread(call: Callable[..., int], name: str) -> None:
    outcome: list[BaseException] = []

    def work() -> None:
        try:
            with wj.deadline(0.05):
                call(*WAITS[name])
        except wj.TimedOut as error:
            outcome.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(5)
    assert [type(each) for each in outcome] == [wj.TimedOut]


def test_what_comes_in_time_is_taken(call: Callable[..., int]) -> None:
    with wj.deadline(30):
        start = time.monotonic()
        assert call("poll", SOME, 1, 50) == 0
        assert 0.04 < time.monotonic() - start < 5
        assert call("nanosleep", 500, 0) == 0


def command(*arguments: str | Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(wj.__file__).parents[1])}
    line = [sys.executable, "-P", "-m", "pywasmjit", "run", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(line, env=environment, stdin=pipe, stdout=pipe, stderr=pipe)


def test_control_c_ends_a_blocked_read() -> None:
    with command(wasm_program(HERE / "read.c")) as process:
        time.sleep(0.7)
        process.send_signal(signal.SIGINT)
        process.wait(10)
        assert process.returncode == -signal.SIGINT


def test_timeout_ends_a_blocked_read() -> None:
    with command("--timeout", "0.3s", wasm_program(HERE / "read.c")) as process:
        assert process.wait(10) == 124


def test_terminal() -> None:
    outcomes = []
    for kind in ("native", "wasm"):
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        with os.fdopen(slave, "rb+", buffering=0) as terminal:
            output = os.pipe()
            if kind == "native":
                program = native_program(HERE / "terminal.c")
                status = subprocess.run([program], stdin=terminal, stdout=output[1], check=False).returncode
            else:
                wali = wj.Wali(stdin=terminal, stdout=output[1], policy=wj.Policy.allow_all())
                status = wali.start(wj.Instance(load(HERE / "terminal.c"), wali))
            os.close(output[1])
            outcomes.append((status, os.read(output[0], 100_000), termios.tcgetattr(terminal)))
            os.close(output[0])
        os.close(master)
    assert outcomes[0] == outcomes[1]
    assert b"rows=24\n" in outcomes[0][1]
