"""Storms of Ctrl-C over deadlines: part of `python -m tests.stress.deadlines --storms 100000`.

In each storm a thread opens scopes that expire within microseconds while a timer raises KeyboardInterrupt in it, again
and again, as a user does who leans on Ctrl-C: by SIGALRM with the handler that Python has for SIGINT, because a timer
hits every instruction, while another process mostly hits the moments in which it is scheduled.  Counted are

* escapes: `Interrupt` outside of the scope that it was for, during the storm or afterwards;
* lost deliveries: a scope that was fired and ended normally, or a body without end that took longer than 10 seconds;
* strangers: any other outcome than the body's own end, TimedOut of that scope and KeyboardInterrupt;
* scopes that are left behind, and exceptions that CPython had to ignore.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from collections import Counter

from pywasmjit.errors import TimedOut
from pywasmjit.runtime import watchdog
from pywasmjit.runtime.deadlines import Interrupt, deadline


class BodyError(Exception):
    """What some bodies raise on their own."""


def work(length: int) -> None:
    for _ in range(length):
        pass


def fail(length: int) -> None:
    work(length)
    raise BodyError


def endless() -> None:
    while True:
        pass


def persist() -> None:
    """Ignore the first few times of Ctrl-C; then only a deadline ends this."""
    for _ in range(10):
        try:  # noqa: SIM105 - nothing that could be interrupted itself
            endless()
        except KeyboardInterrupt:
            pass
    signal.setitimer(signal.ITIMER_REAL, 0)
    endless()


class Storms:
    """Makes storms one after another and keeps the outcomes."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.problems: list[str] = []
        self.ignored: list[object] = []

    def run(self, count: int) -> None:
        """Make `count` storms, or fewer if there is a problem; call this in the main thread.

        Firing a second time is put off, so that it does not hide a lost delivery.
        """
        again, interval, hook = watchdog.AGAIN, sys.getswitchinterval(), sys.unraisablehook
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        with deadline(10):  # starts the watchdog, which is to get no signal: it would come late
            pass
        handler = signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
        sys.setswitchinterval(5e-6)
        sys.unraisablehook = self.ignored.append
        watchdog.AGAIN = 15.0
        try:
            while self.outcomes.total() < count and not self.problems:
                try:
                    self._check(*self._storm())
                except KeyboardInterrupt:
                    self.outcomes["Ctrl-C afterwards"] += 1
        finally:
            watchdog.AGAIN = again
            sys.unraisablehook = hook
            sys.setswitchinterval(interval)
            signal.signal(signal.SIGALRM, handler)

    def _storm(self) -> tuple[str, list[Scope], float]:
        """Make one storm; return how it ended, the scopes in the order of opening, and the seconds that it took."""
        scopes: list[Scope] = []
        first = Scope(self.random, scopes)
        delay, interval = self.random.random() * 80e-6 + 1e-6, self.random.random() * 60e-6 + 20e-6
        start = time.monotonic()
        ended = "Ctrl-C"
        try:
            try:
                try:
                    try:
                        signal.setitimer(signal.ITIMER_REAL, delay, interval)
                        ended = first.run()
                    finally:
                        signal.setitimer(signal.ITIMER_REAL, 0)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            finally:  # the first one stopped the timer, but each of them may be interrupted
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            pass
        except TimedOut as error:
            ended = f"stranger: {error!r}"
        except Interrupt:
            ended = "escaped"
        return ended, scopes, time.monotonic() - start

    def _check(self, ended: str, scopes: list[Scope], seconds: float) -> None:
        try:
            work(3)
            time.sleep(0)
            work(3)
        except Interrupt:
            self.problems.append("late")
        self.outcomes[ended] += 1
        if ended.startswith(("stranger", "escaped")):
            self.problems.append(ended)
        for scope in scopes:
            self.problems += scope.problems()
        if any(watchdog.stacks.values()):
            self.problems.append("scopes were left behind")
        if seconds > 10:
            self.problems.append(f"lost: took {seconds:.1f} s")
        self.problems += map(str, self.ignored)


class Scope:
    """One scope of a storm, with those that its body opens."""

    def __init__(self, chance: random.Random, scopes: list[Scope]) -> None:
        self.random = chance
        self.scopes = scopes
        self.timeout = chance.random() * 60e-6
        self.handle = deadline(self.timeout)
        self.ended = ""
        self.length = chance.randrange(300)
        kinds = [persist, endless, self._fail, self._work, self._work]
        self.body = chance.choice([*kinds, self._nest, self._nest] if len(scopes) < 3 else kinds)
        scopes.append(self)

    def run(self) -> str:
        try:
            with self.handle:
                self.body()
        except TimedOut as error:
            if error.timeout != self.timeout:
                raise
            self.ended = "timed out"
        except BodyError:
            self.ended = "by itself"
        else:
            self.ended = "normally"
        return self.ended

    def problems(self) -> list[str]:
        """Return what is wrong with the end of this scope, when all is over."""
        outside = self.scopes[: self.scopes.index(self)]
        if self.handle._scope is not None and self.handle._scope.open:
            return ["left open"]
        if self.ended == "normally" and self.fired() and not any(outer.fired() for outer in outside):
            return ["lost: fired, but ended normally"]
        if self.ended == "timed out" and not self.fired():
            return ["stranger: not fired, but timed out"]
        return []

    def fired(self) -> bool:
        return self.handle._scope is not None and self.handle._scope.fired

    def _nest(self) -> None:
        Scope(self.random, self.scopes).run()
        work(self.length)

    def _fail(self) -> None:
        fail(self.length)

    def _work(self) -> None:
        work(self.length)
