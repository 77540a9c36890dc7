"""Imports before the files of Python and of the engine get out of reach: another root, another user, walls."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib import import_module

_STANDARD = "encodings.idna fcntl json linecache pkgutil resource select signal socket subprocess termios traceback tty"

_RUNNING = (
    *("_socket", "encodings.unicode_escape", "fcntl", "resource", "select", "signal", "tokenize", "warnings"),
    *("pywasmjit.runtime.functions", "pywasmjit.runtime.waiting", "pywasmjit.guest.threads"),
    *("pywasmjit.guest.kernel.faults", "pywasmjit.guest.kernel.host_signals"),
    *("pywasmjit.guest.kernel.raw",),
)
"""What the engine may import while a guest runs that can execute nothing, if it did not do so before."""
_UNWINDER = "libgcc_s.so.1"


def import_what_runs(interface: Iterable[str] = ()) -> None:
    """Import what a running guest can need, and no more: it is done at the start of every sandboxed program.

    interface: names of modules that the guest's interface needs beside.
    """
    for name in (*_RUNNING, *interface):
        with suppress(ImportError):
            import_module(name)
    _load_unwinder()


def _load_unwinder() -> None:
    """Load what glibc would load, and abort without, when Python ends threads that still run at its own end."""
    with suppress(ImportError, OSError):
        import ctypes

        ctypes.CDLL(_UNWINDER)


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
