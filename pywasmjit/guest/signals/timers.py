"""The real-time interval timer of a guest inside a larger program, whose own timer is not touched."""

from __future__ import annotations

import threading
import weakref
from time import monotonic
from typing import TYPE_CHECKING

from pywasmjit.guest.abi.signal import SI_KERNEL, SIGALRM, pack_siginfo

if TYPE_CHECKING:
    from pywasmjit.guest.signals.signals import Signals

_SHORTEST = 1e-4
_LONGEST = 1e9


class Timer:
    """Sends SIGALRM to the guest after a while, and again and again; times are in seconds, 0 for not at all."""

    def __init__(self, signals: Signals) -> None:
        self._signals = weakref.ref(signals)
        self._lock = threading.Lock()
        self._due = 0.0
        self._interval = 0.0
        self._thread: threading.Timer | None = None

    def renew_lock(self) -> None:
        """Forget who held the lock, in a child process; timers are not inherited."""
        self._lock = threading.Lock()
        self._thread = None
        self._due = self._interval = 0.0

    def get(self) -> tuple[float, float]:
        """Return (interval, time until the next signal)."""
        return self._interval, max(_SHORTEST, self._due - monotonic()) if self._due else 0.0

    def set(self, interval: float, value: float) -> tuple[float, float]:
        """Start, change or stop the timer; return what `get` said before."""
        with self._lock:
            before = self.get()
            if self._thread is not None:
                self._thread.cancel()
            self._thread = None
            self._interval = interval if value else 0.0
            self._due = monotonic() + value if value else 0.0
            if value:
                self._start()
        return before

    def _start(self) -> None:
        delay = min(max(0.0, self._due - monotonic()), _LONGEST)
        self._thread = threading.Timer(delay, self._ring)
        self._thread.daemon = True
        self._thread.start()

    def _ring(self) -> None:
        signals = self._signals()
        if signals is None:
            return
        with self._lock:
            if threading.current_thread() is not self._thread:
                return
            self._due = monotonic() + max(self._interval, _SHORTEST) if self._interval else 0.0
            if self._interval:
                self._start()
        signals.send(SIGALRM, pack_siginfo(SIGALRM, SI_KERNEL))
