"""What the command line says when something goes wrong, the exit status that stands for it, and how a process ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Final, NoReturn

from pywasmjit import errors
from pywasmjit.display import printable

_PID: Final = os.getpid()

UNUSABLE, USAGE, TIMED_OUT, TRAPPED = 1, 2, 124, 134


class Refusal(errors.WasmError):
    """What the command line itself finds wrong; the message is for the user.

    status: the exit status.
    """

    def __init__(self, message: str, status: int = UNUSABLE) -> None:
        super().__init__(message)
        self.status = status


def diagnosis(error: Exception, file: str) -> tuple[int, list[str]]:
    """Return the exit status that `error` stands for, and the lines that say what happened to `file`."""
    match error:
        case errors.Trap():
            return TRAPPED, [f"trap: {error}", *error.backtrace().splitlines()]
        case errors.TimedOut():
            return TIMED_OUT, [str(error)]
        case errors.MalformedError():
            return UNUSABLE, [f"{file}: malformed module: {error}"]
        case errors.ValidationError():
            return UNUSABLE, [f"{file}: invalid module: {error}"]
        case errors.LinkError():
            return UNUSABLE, [f"{file}: cannot link: {error}"]
        case Refusal():
            return error.status, [str(error)]
        case errors.WasmError():
            return UNUSABLE, [f"{file}: {error}"]
        case OSError(strerror=str() as reason):
            return UNUSABLE, [reason if error.filename is None else f"{error.filename}: {reason}"]
    return UNUSABLE, [f"internal error: {type(error).__name__}: {error}", "  (-v shows the traceback)"]


def attempt(
    action: Callable[[], int],
    file: str,
    verbose: bool,
    quiet: bool = False,
    passing: tuple[type[Exception], ...] = (),
) -> int:
    """Run `action`; return its exit status, or report what it raised and return the status that stands for it.

    passing: exceptions that go on.  A negative status is the number of the signal by which this process is to die.
    """
    try:
        return action()
    except KeyboardInterrupt:
        return -signal.SIGINT
    except errors.Exit as exit:
        return exit.code & 255
    except passing:
        raise
    except Exception as error:
        status, lines = diagnosis(error, file)
        if verbose:
            import traceback

            traceback.print_exc()
        if not quiet:
            complain(*lines)
        return status


def complain(first: str, *others: str) -> None:
    """Write a diagnostic to standard error; names in it may come from an untrusted module."""
    lines = [f"pywasmjit: {printable(first)}", *map(printable, others)]
    print(*lines, sep="\n", file=sys.stderr, flush=True)


# ---------------------------------------------------------------- the process


def restore_signals() -> None:
    """Give the signals that Python ignores their meaning back: a broken pipe ends a program."""
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)


def is_forked_child() -> bool:
    """Tell whether this is a child that the program has made by `fork`."""
    return os.getpid() != _PID


def leave(status: int) -> NoReturn:
    """End this process: a negative status is a signal to die by.

    A child by `fork` ends at once: what Python would do at the end is its parent's to do.
    """
    if status < 0 or is_forked_child():
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # one that was closed from the start
                stream.flush()
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [-status])
        os.kill(os.getpid(), -status)
    number = status if status >= 0 else 128 - status
    if is_forked_child():
        os._exit(number)
    sys.exit(number)
