"""Damage sound code objects, and run what the verifier still accepts.

    python -m fuzz.mutate_code --count 100000
    python -m fuzz.mutate_code --seed 4711 --count 1
    python -m fuzz.mutate_code --count 1000 --without-verifier     (crashes: shows that the hunt can find some)

Mutant number n is made from seed n.  An accepted one may raise, hang or exhaust
its memory, but not crash.  It is called often enough to be specialised, with
several types of arguments, while exceptions arrive at random moments, and under
a trace function that raises.  The work is done in child processes whose memory
is limited and whose allocator looks for damage (PYTHONMALLOC=debug).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from types import FrameType, FunctionType
from typing import Any, Final

SILENCE: Final = 4.0
"""Seconds after which a mutant that does not react counts as hung."""
MEMORY: Final = 1 << 30
HUNG: Final = 77
"""Exit status of a child that gives up on a mutant."""
ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass
class Tally:
    """What became of the mutants; `crashes` has (seed, stage, what happened)."""

    made: int = 0
    refused: int = 0
    accepted: int = 0
    hung: int = 0
    crashes: list[tuple[int, str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.made} mutants: {self.refused} refused by CPython itself, {self.accepted} accepted and run, "
            f"{self.hung} of them hung, {len(self.crashes)} crashes"
        )


# --- in the child -------------------------------------------------------------


class Interrupt(BaseException):
    """Arrives at a moment that the running code does not expect."""


class _Alarms:
    """Raises Interrupt in the running mutant; gives up on one that swallows too many."""

    def __init__(self) -> None:
        self.left = 0
        self.armed = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.left -= 1
        if self.left < 0:
            os._exit(HUNG)
        if self.armed:
            raise Interrupt

    def within(self, seconds: float, call: Callable[[], Any]) -> None:
        """Make a call that is interrupted after some time, and again and again if that does not end it."""
        self.left = 50
        try:
            self.armed = True
            signal.setitimer(signal.ITIMER_REAL, seconds, 0.02)
            call()
            self.armed = False
        except BaseException as error:  # whatever a mutant raises is its own affair
            self.armed = False
            str(error)
        signal.setitimer(signal.ITIMER_REAL, 0)


class _Tracer:
    """A trace function that looks at the frame's locals, and raises at one of its events."""

    def __init__(self, countdown: int) -> None:
        self.countdown = countdown

    def __call__(self, frame: FrameType, event: str, arg: Any) -> Any:
        frame.f_trace_opcodes = True
        str(len(frame.f_locals))
        self.countdown -= 1
        if self.countdown == 0:
            raise Interrupt
        return self


class Odd(int):
    """An integer that is an object of its own: one reference dropped too many, and it is gone."""


def _arguments(rng: Random, count: int) -> list[tuple[Any, ...]]:
    """Return arguments for several calls: all integers, heap objects, floats, containers, anything."""
    small = (0, 1, 2, 7, -3, 100)
    return [
        tuple(rng.choice(small) for _ in range(count)),
        tuple(Odd(rng.choice(small)) for _ in range(count)),
        tuple(rng.choice((0.5, -1.0)) * 3 for _ in range(count)),
        tuple(list(rng.choice(([1, 2, 3], (), (4, 5)))) for _ in range(count)),
        tuple(rng.choice((None, "s", 1)) for _ in range(count)),
    ]


def _references(arguments: list[tuple[Any, ...]]) -> list[int]:
    """Return how often the arguments that nobody else knows are referred to."""
    return [sys.getrefcount(value) for values in arguments[1:4] for value in values]


def exercise(function: FunctionType, rng: Random, alarms: _Alarms) -> None:
    """Run a function in every way that may show that its code is unsound."""
    several = _arguments(rng, function.__code__.co_argcount)
    before = _references(several)

    def often(arguments: tuple[Any, ...] = several[0]) -> None:
        for _ in range(25):
            with contextlib.suppress(Exception):
                function(*arguments)

    alarms.within(0.1, often)
    for arguments in several:
        for _ in range(3):
            alarms.within(0.05, lambda arguments=arguments: function(*arguments))  # type: ignore[misc]
    for _ in range(4):
        delay = rng.choice((5e-6, 2e-5, 1e-4, 1e-3))
        alarms.within(delay, often)
        alarms.within(delay, lambda: often(several[1]))
    for _ in range(3):
        tracer = _Tracer(rng.randrange(1, 40))
        alarms.within(0.05, lambda tracer=tracer: _traced(function, several[1], tracer))  # type: ignore[misc]
        sys.settrace(None)
    if any(now < then for now, then in zip(_references(several), before, strict=True)):
        os.write(2, b"references were dropped that nobody held\n")
        os.abort()


def _traced(function: FunctionType, arguments: tuple[Any, ...], tracer: _Tracer) -> None:
    sys.settrace(tracer)
    try:
        function(*arguments)
    finally:
        sys.settrace(None)


def _child(first: int, last: int, verified: bool) -> None:
    """Work through seeds first..last-1, one word to standard output before each step that may be fatal."""
    import faulthandler
    import gc
    import resource

    from fuzz.code_corpus import corpus
    from fuzz.code_mutations import mutant
    from fuzz.raw_code import function
    from pywasmjit.codegen.verifier import VerificationError, verify

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    alarms = _Alarms()
    signal.signal(signal.SIGALRM, alarms)
    sys.setrecursionlimit(300)
    samples = corpus()
    for seed in range(first, last):
        rng = Random(f"mutant {seed}")
        sample = samples[seed % len(samples)]
        os.write(1, b"make %d\n" % seed)
        code, _ = mutant(sample.code.replace(), rng)
        if code is None:
            os.write(1, b"refused %d\n" % seed)
            continue
        if verified:
            os.write(1, b"verify %d\n" % seed)
            try:
                verify(code)
            except VerificationError:
                continue
        os.write(1, b"run %d\n" % seed)
        cells = (*sample.cells, 1, 2)[: len(code.co_freevars)]
        try:
            made = function(code, cells, dict(sample.globals))
        except (TypeError, ValueError):
            continue
        exercise(made, rng, alarms)
        if seed % 64 == 0:
            gc.collect()
    os.write(1, b"done %d\n" % last)


# --- in the parent ------------------------------------------------------------


def _start(first: int, last: int, verified: bool) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "fuzz.mutate_code", "--child", str(first), str(last)]
    if not verified:
        command.append("--without-verifier")
    environment = {**os.environ, "PYTHONMALLOC": "debug", "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )


def _follow(child: subprocess.Popen[bytes], tally: Tally) -> tuple[str, int, bool]:
    """Read a child's words until it ends or falls silent; return the last one, its seed, and whether it fell silent."""
    assert child.stdout is not None
    stage, seed, rest, heard = "start", -1, b"", monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(SILENCE):
                if stage == "start" and monotonic() - heard < 60:
                    continue
                return stage, seed, True
            data = os.read(child.stdout.fileno(), 65536)
            if not data:
                return stage, seed, False
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                word, number = line.split()
                stage, seed = word.decode(), int(number)
                tally.made += stage == "make"
                tally.refused += stage == "refused"
                tally.accepted += stage == "run"


def hunt(seeds: range, *, verified: bool = True, report: Callable[[str], None] = print) -> Tally:
    """Make and try one mutant for each seed (a range without steps), in child processes."""
    tally = Tally()
    place = seeds.start
    while place < seeds.stop:
        child = _start(place, seeds.stop, verified)
        stage, seed, silent = _follow(child, tally)
        if silent:
            child.kill()
        _, errors = child.communicate()
        if stage == "done":
            break
        if stage == "start":
            raise RuntimeError(f"the child did not start: {errors.decode(errors='replace')}")
        if silent or child.returncode == HUNG:
            tally.hung += 1
        else:
            what = f"exit status {child.returncode}: {errors.decode(errors='replace')[-2000:].strip()}"
            tally.crashes.append((seed, stage, what))
            report(f"seed {seed} crashed at stage {stage!r}: {what}")
        place = seed + 1
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 if anything crashed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="how many mutants (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="the first one's seed (default: %(default)s)")
    parser.add_argument("--without-verifier", action="store_true", help="run everything that CPython lets be made")
    parser.add_argument("--child", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    verified = not options.without_verifier
    if options.child:
        first, last = options.child
        _child(first, last, verified)
        return 0
    tally = hunt(range(options.seed, options.seed + options.count), verified=verified)
    print(tally)
    return 1 if tally.crashes else 0


if __name__ == "__main__":
    sys.exit(main())
