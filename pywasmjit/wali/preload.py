"""Imports before the files of Python and of the engine get out of reach: another root, another user."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib import import_module

_STANDARD = "encodings.idna fcntl json linecache pkgutil resource select signal socket subprocess termios traceback tty"


@cache
def import_everything() -> None:
    """Import all of the engine and what it takes from the standard library; once."""
    import pkgutil

    import pywasmjit

    ours = [each.name for each in pkgutil.walk_packages(pywasmjit.__path__, "pywasmjit.")]
    for name in (*ours, *_STANDARD.split()):
        if not name.endswith("__main__"):
            with suppress(ImportError):
                import_module(name)
