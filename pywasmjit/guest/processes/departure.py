"""Signals while a program is executed: each reaches a handler before, or the new program after, and none gets lost.

Looking and getting ready take a while, in which the kernel holds back what arrives.  What came earlier has its
handler run first, as if it had interrupted the program just before its call.  Right before the leap all handlers give
way to default actions, which the new program begins with anyway, and the kernel may deliver again.

No kick may be on its way by then: nobody in the new program would expect it, and its default action is death.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pywasmjit.guest.abi.signal import NSIG

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process
    from pywasmjit.guest.threads import GuestThread


@contextmanager
def departing(process: Process) -> Iterator[None]:
    """Hold signals back while the calling thread gets ready to execute a program; leaving, go on as before.

    Raises what the handlers raise of signals that have arrived already.
    """
    signals = process.signals
    host = signals.host
    if host is None:
        yield
        return
    if signals.arrivals.watched:
        _run_handlers(process)
    try:
        yield
    finally:
        host.silent = False
        host.block(-1)
        for number in _handled(process):
            host.handle(number, signals.action(number)[1])
        signals.go_on()


def _run_handlers(process: Process) -> None:
    """Have all signals held back, and the handlers run for what the calling thread lets through before that."""
    signals = process.signals
    host = signals.host
    assert host is not None
    while True:
        signals.hold_all()
        host.block(-1)
        if not signals.interrupting():
            host.look_for(0)
            return
        host.block(signals.mask)
        signals.deliver()


def let_signals_go(process: Process, thread: GuestThread) -> None:
    """Leave to the kernel what the new program is to inherit: mask, and what is pending; only in `departing`.

    thread: the one that executes the program; the calling one, or what stands for it.
    """
    signals = process.signals
    host = signals.host
    if host is None:
        return
    host.be_silent()
    thread.held = 0
    for number in _handled(process):
        host.default(number, 0)
    while (item := signals.take(-1)) is not None:
        if not signals.is_virtual(item.number):
            with suppress(OSError):
                host.queue(process.pid, item.number, item.info)
    host.block_only(thread.mask)


def _handled(process: Process) -> list[int]:
    signals = process.signals
    noticed = (n for n in range(1, NSIG + 1) if signals.handles(n) or signals.guard.covers(n))
    return [n for n in noticed if not signals.is_virtual(n)]
