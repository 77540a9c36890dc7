"""Ends by a signal that are noticed: the engine takes the place of default actions that end a process.

Only while there is something to be done before the end (`streams`), and only in a process of the guest's own, whose
signals are otherwise the kernel's.  To the guest it makes no difference: such a signal has its default action when
it is taken, as one with a handler would be (`Signals.deliver`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pywasmjit.guest.abi.signal import IGNORED_BY_DEFAULT, NSIG, SIG_DFL, SIGKILL, STOPPING

if TYPE_CHECKING:
    from pywasmjit.guest.signals.signals import Signals


class Guard:
    """Which signals of a process the engine has told to itself, beside those that the guest handles."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._stands = False

    def begin(self) -> None:
        """Have all signals told that would end the process."""
        signals = self._signals
        host = signals.host
        if host is None or self._stands:
            return
        signals.arrivals.watch()
        with signals.lock:
            self._stands = True
            _each(lambda number: host.handle(number, 0), self._covered())

    def end(self) -> None:
        """Leave them to the kernel again."""
        signals = self._signals
        with signals.lock:
            covered = self._covered()
            self._stands = False
            host = signals.host
            if host is not None:
                _each(lambda number: host.default(number, 0), covered)

    def covers(self, number: int) -> bool:
        """Tell whether a signal would end the process, and is told to the engine instead."""
        if not self._stands or number == SIGKILL or number in STOPPING or self._signals.is_virtual(number):
            return False
        return number not in IGNORED_BY_DEFAULT and self._signals.action(number)[0] == SIG_DFL

    def _covered(self) -> list[int]:
        return [number for number in range(1, NSIG + 1) if self.covers(number)]


def _each(action: Callable[[int], object], numbers: Iterable[int]) -> None:
    """Do something for each; no loop stands in the `with` of a lock itself (`tests/contracts/test_locks.py`)."""
    for number in numbers:
        action(number)
