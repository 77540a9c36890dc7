"""Child processes: making one, waiting for its end.

Only a process of the guest's own can be copied, or have children that are the guest's: inside a larger program `fork`
is refused, and there is nobody to wait for.  A child goes on in the middle of its compiled functions, with the calling
thread as its only one; what is shared with its parent are open files and MAP_SHARED mappings.  It ends without
anything that Python does at the end of a process.

Other threads may be anywhere in the engine meanwhile.  What they hold locked is unlocked in the child (each module
renews its own locks after a fork), and what they could leave half changed is held by the thread that forks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from errno import ECHILD, EPERM
from functools import cache
from time import sleep
from typing import TYPE_CHECKING, Final

from pywasmjit.guest.abi.wait import WNOHANG
from pywasmjit.guest.policy.preload import import_everything
from pywasmjit.guest.restart import Restart
from pywasmjit.guest.waiting import Interrupted, has_deadline
from pywasmjit.runtime.deadlines import check
from pywasmjit.runtime.memories import whole_memories
from pywasmjit.runtime.tables import whole_tables
from pywasmjit.runtime.watchdog import SLICE

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

_FIRST_PAUSE: Final = 0.0005


def require_own_process(process: Process, request: str) -> None:
    """Raise EPERM, and report it, in a host process that is not the guest's own."""
    if not process.owns_host:
        process.denials.tell("own process", request, "a process of its own (pywasmjit run)")
        raise OSError(EPERM, request)


def fork(process: Process) -> int:
    """Copy the process; return the child's number, and 0 in the child.  Raises EPERM, EAGAIN, ENOMEM."""
    require_own_process(process, "fork")
    _empty_buffers()
    _silence_warning()
    process.streams.before_fork()
    if process.threads.others():
        with suppress(OSError):  # walls may stand in the way
            import_everything()  # waits for what others are importing: its locks would stay locked in the child
    with process.space.whole(), process.files.whole(), whole_memories(), whole_tables(), process.signals.delayed():
        return os.fork()


def _empty_buffers() -> None:
    """Write out what Python has buffered, or both processes would."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()


@cache
def _silence_warning() -> None:
    """Keep 3.12 and later from warning that there are threads: the engine's own are prepared for it.  Once."""
    import warnings

    warnings.filterwarnings("ignore", message=".*fork", category=DeprecationWarning)


def wait(process: Process, options: int, attempt: Callable[[int], int]) -> int:
    """Call `attempt(options)`, which waits for a child and returns its number, 0 for none yet.

    A deadline of the thread ends it.  Raises ECHILD inside a larger program, and what `attempt` raises.
    """
    if not process.owns_host:
        raise OSError(ECHILD, "no children")
    if options & WNOHANG or not has_deadline():
        return attempt(options)
    pause = _FIRST_PAUSE
    while not (found := attempt(options | WNOHANG)):
        check()
        sleep(pause)
        if process.interrupted(Restart.ALWAYS):
            raise Interrupted
        pause = min(2 * pause, SLICE)
    return found
