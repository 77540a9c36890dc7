"""What the command line says when something goes wrong, and the exit status that stands for it."""

from __future__ import annotations

import sys

from pywasmjit import errors

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


def complain(first: str, *others: str) -> None:
    """Write a diagnostic to standard error; names in it may come from an untrusted module."""
    lines = [f"pywasmjit: {printable(first)}", *map(printable, others)]
    print(*lines, sep="\n", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Return `text` with every character escaped that could steer a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
