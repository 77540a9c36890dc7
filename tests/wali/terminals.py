"""A terminal of one's own for a program: keys go in, what it shows comes out."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE = 30.0

_OPEN_TERMINAL = 'tty=$0; exec "$@" <"$tty" >"$tty" 2>&1'
"""The leader of a session that opens a terminal gets it as its controlling one."""


class Terminal:
    """A program that leads a session on a terminal of 24 lines."""

    def __init__(self, command: Sequence[str | Path], cwd: Path, env: Mapping[str, str]) -> None:
        self._master, slave = os.openpty()
        self.resize(24, 80)
        line = ["/bin/sh", "-c", _OPEN_TERMINAL, os.ttyname(slave), *command]
        self.process = subprocess.Popen(line, cwd=cwd, env=dict(env), start_new_session=True)
        self._slave: int | None = slave
        self._shown = b""
        self._seen = 0

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.hang_up()

    def resize(self, rows: int, columns: int) -> None:
        """Change the window's size."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        """Press keys; "^X" is control and a letter."""
        data = keys.encode()
        for letter in b"CDZ\\":
            data = data.replace(b"^%c" % letter, b"%c" % (letter & 31))
        os.write(self._master, data)

    def expect(self, text: str) -> None:
        """Wait until a text is shown behind what was waited for before."""
        end = time.monotonic() + PATIENCE
        while (found := self._shown.find(text.encode(), self._seen)) < 0:
            if not self._read(end):
                raise AssertionError(f"{text!r} is not shown, but {self.transcript[-500:]!r}")
        self._seen = found + len(text)
        if self._slave is not None:  # the program has the terminal open by now
            os.close(self._slave)
            self._slave = None

    @property
    def foreground(self) -> int:
        """The process group that owns the terminal."""
        return os.tcgetpgrp(self._master)

    def expect_job(self, before: int) -> None:
        """Wait until another group than `before` owns the terminal, and none of its processes is stopped."""
        end = time.monotonic() + PATIENCE
        while (group := self.foreground) == before or "T" in _states(group):
            assert time.monotonic() < end, self.transcript[-500:]
            time.sleep(0.005)

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, end - time.monotonic()))
        try:
            data = os.read(self._master, 4096) if ready else b""
        except OSError:  # EIO: nobody has the terminal open any more
            return False
        self._shown += data
        return bool(data)

    def hang_up(self) -> None:
        """Close the terminal."""
        for fd in (self._slave, self._master):
            if fd is not None and fd >= 0:
                os.close(fd)
        self._slave, self._master = None, -1

    def end(self) -> int:
        """Wait for the program's end and return its exit status."""
        end = time.monotonic() + PATIENCE
        while self._master >= 0 and self._read(end):
            pass
        return self.process.wait(PATIENCE)

    @property
    def transcript(self) -> str:
        """All that was shown so far."""
        return self._shown.decode("utf-8", "backslashreplace")


def _states(group: int) -> set[str]:
    """Return the states of a group's processes."""
    found = set()
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[2]) == group:
            found.add(fields[0])
    return found
