"""What a guest changes of its caller's terminal and open files is as before when it has ended, however it does.

The caller is the test: it has the terminal open by the same open file that the program gets for its streams.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import environment
from toolchain import wasm_program

import pywasmjit as wj

HERE = Path(__file__).parent
PATIENCE = 10
CHANGED = b"changed"


class Caller:
    """A terminal of 24 lines, and the program on it."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        self.before = self.state()

    def state(self) -> tuple[int, list[Any], bytes]:
        """Return what the caller sees: status flags, modes, the window's size."""
        size = fcntl.ioctl(self.slave, termios.TIOCGWINSZ, bytes(8))
        return fcntl.fcntl(self.slave, fcntl.F_GETFL), termios.tcgetattr(self.slave), size

    def start(self, *arguments: str, options: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-P",
            "-m",
            "pywasmjit",
            "run",
            *options,
            str(wasm_program(HERE / "caller.c")),
            *arguments,
        ]
        return subprocess.Popen(
            command, stdin=self.slave, stdout=self.slave, stderr=self.slave, env=environment(), start_new_session=True
        )

    def shown(self, text: bytes = CHANGED) -> bytes:
        """Wait until a text is shown, and return all that was."""
        data = b""
        end = time.monotonic() + PATIENCE
        while text not in data:
            assert select.select([self.master], [], [], end - time.monotonic())[0], data
            data += os.read(self.master, 4096)
        return data

    def run(self, *arguments: str, options: tuple[str, ...] = ()) -> int:
        process = self.start(*arguments, options=options)
        self.shown()
        return process.wait(PATIENCE)

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def caller() -> Iterator[Caller]:
    made = Caller()
    yield made
    made.close()


ENDS = {
    "return": 2,
    "flushing": 2,
    "quiet": 5,
    "trap": 134,
    "thread": 3,
    "storm": 3,
    "term": -signal.SIGTERM,
    "kill": -signal.SIGKILL,
    "realtime": -50,
    "alarm": -signal.SIGALRM,
    "held": -signal.SIGTERM,
}


@pytest.mark.parametrize("how", ENDS)
def test_all_is_as_before_when_a_program_has_ended(caller: Caller, how: str) -> None:
    for _ in range(5 if how == "storm" else 1):
        assert caller.run(how) == ENDS[how]
        assert caller.state() == caller.before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1])
@pytest.mark.parametrize("how", ["spin", "blocked"])
def test_all_is_as_before_when_a_signal_from_outside_has_ended_it(caller: Caller, how: str, number: int) -> None:
    process = caller.start(how)
    caller.shown()
    changed = caller.state()
    assert changed[0] & os.O_NONBLOCK
    assert changed[1][3] == 0
    assert struct.unpack("4H", changed[2]) == (7, 8, 9, 10)
    process.send_signal(number)
    assert process.wait(PATIENCE) == -number
    assert caller.state() == caller.before


def test_all_is_as_before_after_a_timeout(caller: Caller) -> None:
    assert caller.run("spin", options=("--timeout", "2s")) == 124
    assert caller.state() == caller.before


def test_what_a_child_has_changed_is_undone_when_its_parent_has_ended(caller: Caller) -> None:
    """Not before: the parent goes on with it, as after stty."""
    process = caller.start("child", options=("--allow", "process"))
    assert b"nonblocking after the child=1" in caller.shown(b"after the child=1")
    assert process.wait(PATIENCE) == 4
    assert (caller.state()[0], caller.state()[1]) == caller.before[:2]


def test_a_wasm_program_that_is_executed_restores_at_its_end(caller: Caller, tmp_path: Path) -> None:
    program = tmp_path / "next"
    program.write_bytes(wasm_program(HERE / "caller.c").read_bytes())
    program.chmod(0o755)
    options = ("--allow", "exec", "--dir", f"{tmp_path}::/bin")
    assert caller.run("execute", "/bin/next", options=options) == 6
    assert caller.state() == caller.before


def test_a_native_program_that_is_executed_finds_all_as_before(caller: Caller) -> None:
    options = ("--allow", "exec", "--dir", "/::/:ro", "--walls", "off")
    process = caller.start("execute", "/bin/stty", "-a", options=options)
    shown = caller.shown(b"echoke")
    assert process.wait(PATIENCE) == 0
    assert b"rows 24;" in shown
    assert b" echo " in shown
    assert caller.state() == caller.before


def test_all_is_as_it_was_changed_when_a_program_could_not_be_executed(caller: Caller, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_bytes(b"\x7fELF but no program")
    bad.chmod(0o755)
    options = ("--allow", "exec", "--dir", f"{tmp_path}::/bin", "--walls", "off")
    process = caller.start("execute", "/bin/bad", options=options)
    caller.shown()
    assert process.wait(PATIENCE) == 1
    assert caller.state() == caller.before


def test_with_everything_allowed_all_stays_as_on_linux(caller: Caller) -> None:
    assert caller.run("return", options=("-A",)) == 2
    assert caller.state()[0] & os.O_NONBLOCK
    assert caller.state()[1][3] == 0


@pytest.mark.parametrize("how", ["return", "quiet", "trap", "thread", "term", "spin"])
def test_all_is_as_before_inside_a_larger_program(caller: Caller, how: str) -> None:
    module = wj.Module.from_file(str(wasm_program(HERE / "caller.c")))
    streams = {"stdin": caller.slave, "stdout": caller.slave, "stderr": caller.slave}
    with wj.Wali(["caller", how], **streams) as wali:
        instance = wj.Instance(module, wali)
        try:
            with wj.deadline(2):
                wali.start(instance)
        except (wj.Trap, wj.TimedOut):
            pass
    assert CHANGED in caller.shown()
    assert caller.state() == caller.before
