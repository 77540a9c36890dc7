"""The file of environment variables that a program reads when it starts: `K=V` lines.

Its path exists for the guest's `access` and `open` alone; what they give is a memory file without a name.
Variables that the format cannot carry are left out: an empty name or one with "=", a newline or NUL anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from stat import S_IFREG
from typing import Final

from pywasmjit.guest.files.descriptors import OpenFile, hold
from pywasmjit.guest.kernel.descriptors import move_high

PATH: Final = b"/.wali/environment"


def encode(variables: Mapping[str, str]) -> bytes:
    """Return the file's text."""
    lines = []
    for name, value in variables.items():
        line = os.fsencode(f"{name}={value}")
        if name and "=" not in name and b"\n" not in line and b"\0" not in line:
            lines.append(line + b"\n")
    return b"".join(lines)


class EnvironmentFile:
    """The file, made when it is first opened."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.text = encode(variables)
        self._file: OpenFile | None = None

    @property
    def path(self) -> bytes | None:
        """The path that the guest is told; None if there are no variables."""
        return PATH if self.text else None

    def names(self, path: bytes) -> bool:
        """Tell whether `path` is this file's."""
        return path == PATH and bool(self.text)

    def open(self) -> int:
        """Return a new host descriptor, open for reading at the start of the file."""
        if not hasattr(os, "memfd_create"):
            return self._open_temporary()
        file = self._file
        if file is None:
            fd = os.memfd_create("environment")
            os.write(fd, self.text)
            file = self._file = hold(move_high(fd), kind=S_IFREG)
        return os.open(b"/proc/self/fd/%d" % file.host, os.O_RDONLY | os.O_CLOEXEC)

    def _open_temporary(self) -> int:
        from tempfile import TemporaryFile

        with TemporaryFile() as file:
            file.write(self.text)
            file.seek(0)
            return os.dup(file.fileno())

    def close(self) -> None:
        """Remove the file; descriptors that the guest has stay open."""
        self._file = None
