"""The first moments of the command line, before most of the package is loaded.

Until a program runs, Ctrl-C ends the process as it ends any other, by the signal: Python's own answer would be a
traceback out of some import, or none at all where the exception hits what swallows it.  What Python does before the
package's first line cannot be helped.

`-m` without -P also looks for modules in the working directory, first of all.
"""

from __future__ import annotations

import os
import sys
from _signal import (  # type: ignore[import-not-found]  # quicker than `signal`, which makes enumerations
    SIG_DFL,
    SIGINT,
    default_int_handler,
    getsignal,
    signal,
)
from contextlib import suppress
from itertools import pairwise
from typing import Final

_SCRIPTS: Final = frozenset({"pywasmjit", "pywasmjit.exe", "pywasmjit-script.py"})

searched_directory: str | None = None
"""The working directory, if Python was told to look there for modules: some may have come from it."""


def is_command_line() -> bool:
    """Tell whether this process was started to be the command line, and not by a program that imports the package."""
    if not sys.argv:
        return False
    if sys.argv[0] == "-m":  # while Python is still looking for the module
        return ("-m", "pywasmjit") in pairwise(sys.orig_argv)
    return os.path.basename(sys.argv[0]) in _SCRIPTS


ends_by_signal = False
"""Whether Ctrl-C ends the process for the time being."""


def begin() -> None:
    """Have Ctrl-C end the process, unless somebody has said otherwise."""
    global ends_by_signal
    if getsignal(SIGINT) is default_int_handler:
        with suppress(ValueError):  # in another thread: then it is no command line
            signal(SIGINT, SIG_DFL)
            ends_by_signal = True


def ready() -> None:
    """Have Ctrl-C raise KeyboardInterrupt again: from now on it is caught, and what must be put back is."""
    global ends_by_signal
    if ends_by_signal:
        ends_by_signal = False
        signal(SIGINT, default_int_handler)


def leave_working_directory() -> None:
    """Take the working directory out of the path of modules, where `-m` has put it, and remember that it was there."""
    global searched_directory
    if not sys.flags.safe_path and sys.path and sys.path[0] in ("", os.getcwd()):
        searched_directory = os.getcwd()
        del sys.path[0]


if is_command_line():
    begin()
