"""How deep guests may call: the interpreter's recursion limit, stacks of threads, and the counter of host re-entry."""

from __future__ import annotations

import os
from _thread import get_ident
from collections.abc import Callable

ENTRY_LIMIT = 200
"""How often one thread may be inside compiled code at once (Wasm calls host calls Wasm ...)."""

entries: dict[int, list[int]] = {}
"""Thread identifier -> one-element list: how many calls from the host into compiled code are active on that thread."""


def entry_cell() -> list[int]:
    """Return the calling thread's element of `entries`, made on first use."""
    cell = entries.get(get_ident())
    if cell is None:
        cell = entries.setdefault(get_ident(), [0])
    return cell


def guests_running() -> bool:
    """Tell whether any thread of the process is inside compiled code."""
    return any(cell[0] for cell in list(entries.values()))


def _forget_other_threads() -> None:
    """Keep the calling thread's cell only: after `fork` there is no other thread."""
    here = get_ident()
    for ident in list(entries):
        if ident != here:
            del entries[ident]


def register_after_fork(action: Callable[[], None]) -> None:
    """Have `action` called in every child that `os.fork` makes; nothing where there is no fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=action)


register_after_fork(_forget_other_threads)
