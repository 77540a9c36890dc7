"""The command line with an engine that closes at once what a call of another thread still uses.

That is what every engine does that looks a descriptor up and then goes by its number: attacks by threads must succeed
against it, or they prove nothing.
"""

from __future__ import annotations

import os
import sys

from pywasmjit.cli import main
from pywasmjit.wali import files, grants
from pywasmjit.wali.files import OpenFile, WorkingDirectory


def close_now(file: OpenFile) -> None:
    if file.holder is not None:
        file.holder.close()  # type: ignore[attr-defined]


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
import pywasmjit.wali.process  # noqa: E402 - takes the class from there

pywasmjit.wali.process.GrantedPaths = Careless  # type: ignore[misc]
sys.setswitchinterval(float(os.environ["INTERVAL"]))
sys.argv[0] = "pywasmjit"
main()
