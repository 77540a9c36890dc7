"""Race deadlines against the end of their blocks, a million times: `python -m tests.stress.deadlines --scopes 1000000`.

Threads open scopes that expire at random moments while a further thread fires scopes at random as well, with a
switch interval of microseconds, so that firing meets every instruction of entering and ending.  Counted are

* late deliveries: `Interrupt` outside of any scope;
* lost deliveries: a scope that was fired and ended without TimedOut, or a block that took longer than 10 seconds;
* strangers: any other exception, or a TimedOut of another scope than the one that it left.

Ends with status 1 if there is any.  With `--storms 100000` there is no race but so many storms of Ctrl-C, see
`tests/stress/storms.py`.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import sys
import threading
import time

from pywasmjit.errors import TimedOut
from pywasmjit.runtime import watchdog
from pywasmjit.runtime.deadlines import Interrupt, deadline
from tests.stress.storms import Storms


class BodyError(Exception):
    """What some bodies raise on their own."""


class Racer:
    """One thread's share of scopes."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.handle: deadline | None = None
        self.handles: list[deadline] = []
        self.scopes = self.fired = self.interrupted = 0
        self.problems: list[str] = []

    def run(self, count: int) -> None:
        while self.scopes < count and not self.problems:
            try:
                self.scope(0)
                quiet()
            except Interrupt:
                self.problems.append("late")
            except TimedOut as error:
                self.problems.append(f"stranger {error!r}")

    def scope(self, depth: int) -> None:
        """Open one scope round a random body and check how it ends."""
        self.scopes += 1
        timeout = self.random.random() * 60e-6
        body = self.choose(depth)
        handle = self.handle = deadline(timeout)
        self.handles.append(handle)
        before = time.monotonic()
        ended = "normally"
        try:
            with handle:
                body()
        except TimedOut as error:
            ended = "interrupted"
            self.interrupted += 1
            if error.timeout != timeout:
                raise
        except BodyError:
            ended = "by itself"
        finally:
            del self.handles[depth:]
        self.check(handle, ended, time.monotonic() - before)

    def check(self, handle: deadline, ended: str, seconds: float) -> None:
        scope = handle._scope
        fired = scope is not None and scope.fired
        self.fired += fired
        if fired and ended == "normally" and not any(outer._scope.fired for outer in self.handles):
            self.problems.append("lost: fired, but ended normally")
        if not fired and ended == "interrupted":
            self.problems.append("stranger: not fired, but interrupted")
        if seconds > 10:
            self.problems.append(f"lost: took {seconds:.1f} s")

    def choose(self, depth: int):
        kind = self.random.random()
        length = self.random.randrange(200)
        if kind < 0.02:
            return endless
        if kind < 0.05 and depth == 0:
            return self.endless_nest
        if kind < 0.25 and depth < 3:
            return lambda: self.scope(depth + 1)
        if kind < 0.40:
            return lambda: fail(length)
        return lambda: work(length)

    def endless_nest(self) -> None:
        while True:
            self.scope(1)


def endless() -> None:
    while True:
        pass


def work(length: int) -> None:
    for _ in range(length):
        pass


def fail(length: int) -> None:
    work(length)
    raise BodyError


def quiet() -> None:
    """Give a late delivery a chance to be seen."""
    for _ in range(5):
        work(1)


def fire_at_random(racers: list[Racer], stop: threading.Event, seed: int) -> None:
    chance = random.Random(seed)
    while not stop.is_set():
        handle = chance.choice(racers).handle
        if handle is not None:
            handle.fire()
        if chance.random() < 0.5:
            time.sleep(chance.random() * 50e-6)


def fire_slowly(fire, seed: int):
    """Let other threads run between the watchdog's look at a scope and its exception."""
    chance = random.Random(seed)

    def fire_after_a_pause(watchdog, scope) -> None:
        if chance.random() < 0.5:
            time.sleep(0)
        fire(watchdog, scope)

    return fire_after_a_pause


def race(scopes: int, threads: int, seed: int) -> tuple[list[Racer], list[str]]:
    """Run the race and return the racers and all problems that were seen.

    Firing a second time is put off, so that it does not hide a lost delivery.
    """
    interval, again, fire = sys.getswitchinterval(), watchdog.AGAIN, watchdog.Watchdog.fire
    sys.setswitchinterval(5e-6)
    watchdog.AGAIN = 60.0
    watchdog.Watchdog.fire = fire_slowly(fire, seed)
    racers = [Racer(seed + n) for n in range(threads)]
    stop = threading.Event()
    firing = threading.Thread(target=fire_at_random, args=(racers, stop, seed - 1), daemon=True)
    others = [threading.Thread(target=racer.run, args=(scopes // threads,), daemon=True) for racer in racers[1:]]
    try:
        for thread in (firing, *others):
            thread.start()
        racers[0].run(scopes // threads)
        for thread in others:
            thread.join()
    finally:
        stop.set()
        firing.join()
        sys.setswitchinterval(interval)
        watchdog.AGAIN, watchdog.Watchdog.fire = again, fire
    problems = [problem for racer in racers for problem in racer.problems]
    if any(watchdog.stacks.values()):
        problems.append("scopes were left behind")
    return racers, problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scopes", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--storms", type=int, help="make storms of Ctrl-C instead")
    options = parser.parse_args()
    faulthandler.enable()
    start = time.perf_counter()
    if options.storms is not None:
        storms = Storms(options.seed)
        storms.run(options.storms)
        print(
            f"Python {sys.version.split()[0]}: {storms.outcomes.total()} storms in "
            f"{time.perf_counter() - start:.0f} s, {dict(storms.outcomes)}; problems: {storms.problems or 'none'}"
        )
        return 1 if storms.problems else 0
    racers, problems = race(options.scopes, options.threads, options.seed)
    counts = [sum(getattr(racer, name) for racer in racers) for name in ("scopes", "fired", "interrupted")]
    print(
        f"Python {sys.version.split()[0]}: {counts[0]} scopes, {counts[1]} fired, {counts[2]} interrupted in "
        f"{time.perf_counter() - start:.0f} s; problems: {problems or 'none'}"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
