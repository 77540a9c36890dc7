"""What attacks aim at, and how to see whether they have hit: everything is judged from outside of the program.

`Targets` is a directory with a secret, and names and sockets that must not change; listening sockets; a victim
process; canaries in the engine's environment and arguments, and descriptors that it was given.
"""

from __future__ import annotations

import os
import secrets
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final

SECRET_FD: Final = 700
DIRECTORY_FD: Final = 701

_VICTIM: Final = """
import os, signal
def note(number, frame):
    os.write(1, b"%d " % number)
for number in (1, 2, 3, 10, 12, 13, 14, 15, 17, 29, 40):
    signal.signal(number, note)
os.write(1, b"ready ")
while True:
    signal.pause()
"""


class Targets:
    """Targets below a new directory `top`; a context that removes them."""

    def __init__(self, top: Path) -> None:
        """Make them.  top: an empty directory."""
        self.top = top
        self.secret = f"SECRET-{secrets.token_hex(8)}"
        self.canary = f"CANARY-{secrets.token_hex(8)}"
        self.abstract = f"attacks-{secrets.token_hex(8)}"
        self._stack = ExitStack()
        self._make_files()
        self._listen()
        self._give_descriptors()
        self.victim = self._start_victim()
        self._before = self._state()

    def __enter__(self) -> Targets:
        return self

    def __exit__(self, *_: object) -> None:
        left_in_group(self.victim.pid)  # the victim, and what attacks without a sandbox have left there
        self.victim.wait()
        self._stack.close()
        shutil.rmtree(self.top, ignore_errors=True)

    # -- making -------------------------------------------------------------------------------------------------------

    def _make_files(self) -> None:
        for name in ("two", "ro/sub", "ro/empty", "outside/dir", "outside/empty"):
            (self.top / name).mkdir(parents=True)
        for name in ("outside/secret", "outside/dir/file"):
            (self.top / name).write_text(f"{self.secret}\n" * 4)
        (self.top / "outside" / f"name-of-{self.secret}").write_text("")
        (self.top / "outside" / "pointer").symlink_to("nowhere")
        for name in ("ro/file", "ro/sub/inner", "two/file"):
            (self.top / name).write_text("granted\n")
        (self.top / "ro" / "link").symlink_to("file")
        self.renew()

    def renew(self) -> None:
        """Empty the writable grant."""
        with suppress(FileNotFoundError):
            shutil.rmtree(self.top / "rw")
        (self.top / "rw").mkdir()
        (self.top / "rw" / "own").write_text("own\n")

    def _listen(self) -> None:
        self._streams: dict[str, socket.socket] = {}
        self._packets: dict[str, socket.socket] = {}
        tcp = self._streams["TCP"] = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = tcp.getsockname()[1]
        with suppress(OSError):
            self._streams["TCP 6"] = socket.create_server(("::1", self.port), family=socket.AF_INET6)
        udp = self._packets["UDP"] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        self.udp_port = udp.getsockname()[1]
        here = os.getcwd()
        os.chdir(self.top)  # paths of sockets are short
        try:
            for name in ("outside/socket", "ro/socket"):
                self._streams[name] = socket.socket(socket.AF_UNIX)
                self._streams[name].bind(name)
            self._packets["outside/datagram"] = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._packets["outside/datagram"].bind("outside/datagram")
        finally:
            os.chdir(here)
        self._streams["abstract"] = socket.socket(socket.AF_UNIX)
        self._streams["abstract"].bind("\0" + self.abstract)
        for each in self._streams.values():
            each.listen(64)
        for each in (*self._streams.values(), *self._packets.values()):
            each.setblocking(False)
            self._stack.callback(each.close)

    def _give_descriptors(self) -> None:
        self._given: dict[int, int] = {}
        for number, name, flags in ((SECRET_FD, "outside/secret", os.O_RDWR), (DIRECTORY_FD, "outside", os.O_RDONLY)):
            self._given[number] = os.open(self.top / name, flags)
            self._stack.callback(os.close, self._given[number])

    def _start_victim(self) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-S", "-E", "-c", _VICTIM, self.canary]
        victim = subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=self.top / "outside", process_group=0,
            env={"CANARY": self.canary},
        )  # fmt: skip
        assert victim.stdout is not None
        self._stack.callback(victim.stdout.close)
        assert victim.stdout.read(6) == b"ready "
        os.set_blocking(victim.stdout.fileno(), False)
        return victim

    # -- what a program is started with -------------------------------------------------------------------------------

    @property
    def arguments(self) -> list[str]:
        """What every attack program gets before the names of attacks."""
        return [str(self.top), str(self.port), str(self.udp_port), str(self.victim.pid), self.abstract]

    @property
    def options(self) -> dict[str, Any]:
        """How it is started: directory, inherited descriptors, standard input."""
        given = self._given

        def give() -> None:
            for name in os.listdir("/proc/self/fd"):
                with suppress(OSError):
                    os.set_inheritable(int(name), int(name) <= 2)
            for number, fd in given.items():
                os.dup2(fd, number, inheritable=True)

        return {"cwd": self.top / "rw", "stdin": subprocess.DEVNULL, "close_fds": False, "preexec_fn": give}

    # -- judging ------------------------------------------------------------------------------------------------------

    def signs(self, output: bytes, patience: float = 0.05) -> list[str]:
        """Return what tells that an attack has succeeded, and forget it.

        patience: seconds in which the victim may tell of a signal, if there is nothing else.
        """
        found = self.signs_in(output)
        after = self._state()
        for name in sorted(self._before.keys() | after.keys()):
            if self._before.get(name) != after.get(name):
                found.append(f"changed {name}: {self._before.get(name)} is now {after.get(name)}")
        self._before = after
        found += self._arrivals()
        assert self.victim.stdout is not None
        if not found:
            select.select([self.victim.stdout], [], [], patience)
        signals = self.victim.stdout.read()
        if signals:
            found.append(f"signals {signals.decode()}")
        return found

    def signs_in(self, output: bytes) -> list[str]:
        """Return what the output alone tells."""
        found = [line.decode("utf-8", "replace") for line in output.splitlines() if line.startswith(b"WON")]
        names = {"secret": self.secret, "canary": self.canary}
        return found + [f"shows the {name}" for name, text in names.items() if text.encode() in output]

    def contents(self) -> dict[str, object]:
        """Return the files that must not change, without what is known of them beside their content."""
        return {name: state[-1] for name, state in self._files()}

    def _arrivals(self) -> list[str]:
        found = []
        for name, listening in self._streams.items():
            with suppress(BlockingIOError):
                while True:
                    listening.accept()[0].close()
                    found.append(f"connected to {name}")
        for name, bound in self._packets.items():
            with suppress(BlockingIOError):
                while True:
                    bound.recv(100)
                    found.append(f"sent to {name}")
        return found

    def _state(self) -> dict[str, tuple[object, ...]]:
        """Describe all that must not change."""
        names = tuple(sorted(os.listdir(self.top)))
        return {"top": names, **dict(self._files()), "victim": self._victim_state()}

    def _files(self) -> Iterator[tuple[str, tuple[object, ...]]]:
        for start in ("outside", "ro"):
            for parent, dirs, files in os.walk(self.top / start):
                for path in (Path(parent), *(Path(parent, name) for name in (*files, *dirs))):
                    found = path.lstat()
                    content = path.read_bytes() if stat.S_ISREG(found.st_mode) else b""
                    meta = (found.st_mode, found.st_nlink, found.st_uid, found.st_gid, found.st_size, found.st_ctime_ns)
                    yield str(path.relative_to(self.top)), (*meta, content)

    def _victim_state(self) -> tuple[object, ...]:
        pid = self.victim.pid
        if self.victim.poll() is not None:
            return ("dead",)
        start = Path(f"/proc/{pid}")
        fields = (start / "stat").read_text().rpartition(")")[2].split()
        chosen = [fields[number] for number in (0, 2, 3, 15, 16, 38)]  # state, group, session, priority, nice, policy
        chosen[0] = "stopped" if chosen[0] in "tT" else "alive"
        texts = [(start / name).read_text() for name in ("limits", "comm", "oom_score_adj")]
        return (*chosen, *texts, sorted(os.sched_getaffinity(pid)))


def left_in_group(group: int) -> list[int]:
    """Return the processes of a group, which should be none; they are killed."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError):
                fields = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == group and fields[0] not in "ZX":
                    found.append(int(name))
    for pid in found:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    return found
