"""Non-local jumps: what `setjmp` notes and what `longjmp` raises (see `codegen.baseline.emitters.jumps`)."""

from __future__ import annotations

import weakref
from _thread import get_ident
from itertools import count
from typing import Final


class Activation:
    """One call of a function that calls `setjmp`; alive as long as that call's frame.

    number: unique in the process, for the guest to keep.  thread: identifier of the thread that it runs on.
    """

    __slots__ = ("__weakref__", "number", "thread")

    def __init__(self) -> None:
        self.number = next(_numbers)
        self.thread = get_ident()


_numbers: Final = count(1)
_live: Final[weakref.WeakValueDictionary[int, Activation]] = weakref.WeakValueDictionary()


class LongJump(BaseException):
    """On its way to an activation; not an Exception, so that host functions in between let it pass."""

    def __init__(self, activation: Activation, site: int, stack_pointer: int, value: int) -> None:
        super().__init__(site, value)
        self.activation = activation
        self.site = site
        self.stack_pointer = stack_pointer
        self.value = value


def new_activation() -> Activation:
    """Return an activation for the function that calls this."""
    activation = Activation()
    _live[activation.number] = activation
    return activation


def live_activation(number: int) -> Activation | None:
    """Return the activation of that number if the calling thread can still return to it."""
    found = _live.get(number)
    return found if found is not None and found.thread == get_ident() else None


def arrive(error: BaseException, activation: Activation) -> tuple[int, int, int] | None:
    """Return (site, stack pointer, value) if `error` is a jump to `activation`, else None."""
    if isinstance(error, LongJump) and error.activation is activation:
        return error.site, error.stack_pointer, error.value
    return None
