"""The command line with an engine that does not hold on to what it has checked.

It looks a descriptor up twice, once for its rights and once for the host's number, and closes at once what a call of
another thread still uses.  Attacks by threads must succeed against it, or they prove nothing.
"""

from __future__ import annotations

import os
import sys

from pywasmjit.cli import main
from pywasmjit.guest.files import descriptors as files
from pywasmjit.guest.files import grants
from pywasmjit.guest.files.descriptors import Files, OpenFile, WorkingDirectory
from pywasmjit.records import replace


def close_now(file: OpenFile) -> None:
    if file.holder is not None:
        file.holder.close()  # type: ignore[attr-defined]


class Torn(list[OpenFile | None]):
    """A table that is asked twice: what is known of a file may be another file's."""

    def __getitem__(self, guest: int) -> OpenFile | None:  # type: ignore[override]
        known = super().__getitem__(guest)
        found = super().__getitem__(guest)
        if known is None or found is None or known is found:
            return known
        return replace(known, host=found.host, holder=found.holder)


class CarelessFiles(Files):
    """Keeps such a table."""

    def __init__(self, *streams: tuple[int, int, int]) -> None:
        super().__init__(*streams)
        self.slots = Torn(self.slots)


class Careless(grants.GrantedPaths):
    """Closes the working directory as soon as there is another one."""

    @property
    def cwd(self) -> WorkingDirectory:
        return self._cwd

    @cwd.setter
    def cwd(self, directory: WorkingDirectory) -> None:
        before = getattr(self, "_cwd", None)
        self._cwd = directory
        if before is not None and before is not directory:
            close_now(before)


files._last_words = close_now
grants.GrantedPaths = Careless  # type: ignore[misc]
import pywasmjit.guest.process  # noqa: E402 - takes the class from there

pywasmjit.guest.process.GrantedPaths = Careless  # type: ignore[misc]
pywasmjit.guest.process.Files = CarelessFiles  # type: ignore[misc]
sys.setswitchinterval(float(os.environ["INTERVAL"]))
sys.argv[0] = "pywasmjit"
main()
