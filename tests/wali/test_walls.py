"""The kernel's walls: alone, with the gate wide open, nothing reaches beyond the grants; what is granted works on."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from test_calls import HERE
from toolchain import native_program, wasm_program

from pywasmjit.wali.kernel import landlock
from pywasmjit.wali.walls import COMPLETE, LEFT_TO_THE_GATE

ROOT = HERE.parents[1]
ENGINE = [sys.executable, "-m", "pywasmjit", "run"]
ALONE = [sys.executable, str(HERE / "walls_alone.py")]

pytestmark = pytest.mark.skipif(landlock.version() < COMPLETE, reason="this kernel has not all of the walls")

LEFT = {call for calls in LEFT_TO_THE_GATE.values() for call in calls}
BY_PATH = {"connect to a path", "sendto a path"}
"""Unix sockets by path: the walls know of them only where no directory is writable."""


def run(command: list[str | Path], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with this engine in reach."""
    env = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    line = [str(each) for each in command]
    return subprocess.run(
        line, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False, process_group=0
    )


def results(printed: str) -> dict[str, int]:
    """Read lines of the form name=number."""
    return {name: int(number) for name, _, number in (line.rpartition("=") for line in printed.splitlines())}


# -- the kernel alone -------------------------------------------------------------------------------------------------


@dataclass
class World:
    """A granted directory, one outside with everything that could be reached there, and who listens."""

    inside: Path
    outside: Path
    words: list[str]
    servers: list[socket.socket]

    def command(self, *start: str | Path) -> list[str | Path]:
        return [*start, self.inside, self.outside, *self.words]

    def heard(self) -> list[str]:
        """Return which servers somebody has called or sent something to."""
        found = []
        for server in self.servers:
            server.setblocking(False)
            try:
                server.accept() if server.type == socket.SOCK_STREAM else server.recv(10)
            except BlockingIOError:
                continue
            found.append(f"{server.family.name} {server.type.name}")
        return found

    def content(self) -> dict[str, object]:
        """Return what is outside, but for what the gate alone guards: owners, modes and times."""
        files = [path for path in self.outside.rglob("*") if not path.is_socket()]
        return {str(path): os.readlink(path) if path.is_symlink() else self._read(path) for path in files}

    def _read(self, path: Path) -> object:
        return path.read_bytes() if path.is_file() else "directory"


FILES = (
    *("secret", "plain", "trunc", "rename", "replaced", "link", "unlink"),
    *("chmod", "chmodat", "chown", "lchown", "chownat", "times", "utimes", "utime", "futimes"),
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for directory in (inside, outside):
        directory.mkdir()
        shutil.copy("/bin/true", directory / "program")
    for name in FILES:
        (outside / name).write_text(f"content of {name}")
    for name in ("empty", "sub"):
        (outside / name).mkdir()
    (outside / "to-secret").symlink_to("secret")
    (inside / "escape").symlink_to("../outside")
    for name in ("file", "given"):
        (inside / name).write_text("mine")
    with ExitStack() as stack:
        servers = [
            _server(stack, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            _server(stack, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            _server(stack, socket.AF_UNIX, socket.SOCK_STREAM, f"\0walls{os.getpid()}"),
            _server(stack, socket.AF_UNIX, socket.SOCK_STREAM, str(outside / "stream")),
            _server(stack, socket.AF_UNIX, socket.SOCK_DGRAM, str(outside / "datagram")),
        ]
        victim = subprocess.Popen(["sleep", "100"], process_group=0)
        stack.callback(victim.wait)
        stack.callback(victim.kill)
        ports = [str(server.getsockname()[1]) for server in servers[:2]]
        yield World(inside, outside, [*ports, f"walls{os.getpid()}", str(victim.pid)], servers)


def _server(stack: ExitStack, family: int, kind: int, name: object) -> socket.socket:
    server = stack.enter_context(socket.socket(family, kind))
    server.bind(name)
    if kind == socket.SOCK_STREAM:
        server.listen(10)
    return server


def test_natively_all_of_it_works(world: World) -> None:
    """Without walls every request is answered, so the others show something."""
    ended = run(world.command(native_program(HERE / "outside.c")), world.inside)
    found = results(ended.stdout)
    assert {name for name, result in found.items() if result < 0} <= {"sys_socket(AF_INET, 3, 1)"}
    assert ended.returncode == 0
    assert not any("execve" in name for name in found)
    assert len(world.heard()) == 5


@pytest.mark.parametrize("writable", [False, True], ids=["nothing granted", "directory granted"])
def test_nothing_beyond_the_grants_is_reached(world: World, writable: bool) -> None:
    before = world.content()
    grants = ["--dir", str(world.inside)] if writable else []
    ended = run(world.command(*ALONE, *grants, wasm_program(HERE / "outside.c")), world.inside)
    assert (ended.returncode, ended.stderr) == (0, "")
    found = results(ended.stdout)
    assert len(found) == 77
    assert {name for name, result in found.items() if result >= 0} == (LEFT | BY_PATH if writable else LEFT)
    assert world.content() == before
    assert sorted(world.heard()) == ["AF_UNIX SOCK_DGRAM", *(["AF_UNIX SOCK_STREAM"] if writable else [])]


def test_what_the_kernel_lets_through_the_gate_refuses(world: World) -> None:
    program = wasm_program(HERE / "outside.c")
    command = world.command(*ENGINE, "-q", "--walls", "off", "--dir", str(world.inside), program)
    ended = run(command, world.inside)
    assert (ended.returncode, ended.stderr) == (0, "")
    found = results(ended.stdout)
    assert {name for name in LEFT | BY_PATH if found[name] >= 0} == set()
    assert {name for name, result in found.items() if result >= 0} == set()
    assert world.heard() == []
