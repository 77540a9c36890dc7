"""Run the benchmark of system calls: `python -m benchmarks.wali`."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median

from benchmarks.comparison import duration, markdown, number, progress
from benchmarks.wali import measures
from benchmarks.wali.measures import Pair

EXAMPLES = """\
examples:
  python -m benchmarks.wali                      all figures, five rounds
  python -m benchmarks.wali --only start,fork --rounds 15
  python -m benchmarks.wali --best --rounds 20   where other programs run beside
"""


def rate(bytes_per_second: float) -> str:
    """Write a throughput."""
    return f"{bytes_per_second / 1e9:.2f} GB/s"


def count(value: float) -> str:
    """Write a plain number."""
    return f"{value:,.0f}"


@dataclass(frozen=True)
class Figure:
    """A figure: how a pair is measured, and whether the medians of several are good enough.

    name: what --only calls its group.  target: in words.  is_met: of the engine's value and the one to compare with.
    rounds: at most so many pairs.
    """

    name: str
    what: str
    measure: Callable[[], Pair]
    target: str
    is_met: Callable[[float, float], bool]
    write: Callable[[float], str] = duration
    rounds: int = 1000
    pairs: list[Pair] = field(default_factory=list)

    def row(self, best: bool) -> tuple[list[str], bool]:
        """Return the line of the table, and whether the target is met; best: by the best samples, not the medians."""
        choose = median if not best else max if self.write is rate else min
        engine = choose([pair.engine for pair in self.pairs])
        both = [(pair.engine, pair.reference) for pair in self.pairs if pair.reference is not None]
        reference = choose([each for _, each in both]) if both else 0.0
        ratio = 0.0 if not both else engine / reference if best else median(mine / other for mine, other in both)
        met = self.is_met(engine, engine / ratio if both else 0.0)
        compared = [self.write(reference), number(ratio)] if both else ["", ""]
        return [self.what, self.write(engine), *compared, self.target, _verdict(self.target, met)], met


def _verdict(target: str, met: bool) -> str:
    return "" if not target else "met" if met else "MISSED"


def cheap(mine: float, bare: float) -> bool:
    """At most three times the bare call, and 3 µs above it."""
    return mine <= 3 * bare and mine - bare <= 3e-6


def fast(mine: float, native: float) -> bool:
    """At least 70 % of the native throughput."""
    return mine >= 0.7 * native


def always(*_: float) -> bool:
    """A figure without a target."""
    return True


def at_most(limit: float) -> Callable[[float, float], bool]:
    """Only the engine's value counts."""
    return lambda mine, _: mine <= limit


def call(name: str) -> Figure:
    what = f"{name} / bare ctypes call"
    return Figure("calls", what, partial(measures.cheap_call, name), "<= 3 times, + 3 µs", cheap)


def blocks(name: str, where: str, count: int) -> Figure:
    """Return the figure of a call that moves blocks of 1 MB.

    Writing to /dev/null is not among them: nothing moves there.  Small pipes and sockets, which hand on less than
    1 MB at a time, have no target.
    """
    measure = partial(measures.throughput, name, where, count)
    figure = Figure("blocks", f"{name} of 1 MB, {where} / native", measure, ">= 0.7 of native", fast, rate)
    return figure if where in ("device", "file", "pipe") else replace(figure, target="", is_met=always)


def copies(name: str) -> Figure:
    what = f"{name} of 64 blocks rather than one: bytes of Python's"
    return Figure("copies", what, partial(measures.copied, name), "<= 4,096", at_most(4096), count, 1)


def delay(what: str, how: str, limit: float) -> Figure:
    measure = partial(measures.signal_delay, how)
    return Figure("signals", f"signal to handler, {what} / native", measure, f"<= {duration(limit)}", at_most(limit))


FIGURES = (
    call("getpid"),
    call("clock_gettime"),
    blocks("read", "device", 4096),
    blocks("read", "file", 2048),
    blocks("write", "file", 2048),
    blocks("pread", "file", 2048),
    blocks("pwrite", "file", 2048),
    blocks("readv", "file", 2048),
    blocks("writev", "file", 2048),
    blocks("read", "pipe", 1024),
    blocks("write", "pipe", 1024),
    blocks("read", "small pipe", 1024),
    blocks("write", "small pipe", 1024),
    blocks("recv", "socket", 1024),
    blocks("send", "socket", 1024),
    *(copies(name) for name in ("read", "write", "pread", "readv", "writev")),
    Figure(
        "echo",
        "threaded echo, 64 connections, messages/s / native",
        measures.echo,
        "no loss, no leak",
        always,
        count,
        1,
    ),
    Figure("start", "start of a small program / of Python", measures.start, "<= 150 ms", at_most(0.150)),
    Figure("start", "the same, CPU time", measures.start_cpu, "", always),
    delay("hot loop", "spin", 2e-4),
    delay("blocked read", "read", 5e-4),
    Figure("fork", "fork, exit, wait, 16 MB touched / bare Python", measures.fork, "<= 5 ms", at_most(5e-3)),
)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.wali",
        description="Measure what system calls, start-up, signals and processes cost a program.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ",".join(dict.fromkeys(figure.name for figure in FIGURES))
    parser.add_argument("--only", default=names, metavar="NAMES", help="which figures (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of each, default %(default)s")
    parser.add_argument("--best", action="store_true", help="judge by the best samples: on a machine that is busy")
    return parser.parse_args()


def main() -> int:
    """Take the pairs round by round, print the table; return 1 if a target is missed."""
    options = arguments()
    chosen = [figure for figure in FIGURES if figure.name in options.only.split(",")]
    failed: list[str] = []
    for turn in range(options.rounds):
        for figure in chosen:
            if turn < figure.rounds:
                progress(f"round {turn + 1}/{options.rounds}: {figure.what}")
                try:
                    figure.pairs.append(figure.measure())
                except RuntimeError as error:
                    failed.append(f"FAILED {figure.what}: {error}")
    progress("")
    rows = [figure.row(options.best) for figure in chosen if figure.pairs]
    load = os.getloadavg()[0]
    how = f"{'best' if options.best else 'medians'} of {options.rounds}"
    print(f"CPython {platform.python_version()}, {platform.machine()}, load {load:.1f}; {how}\n")
    print(markdown([["figure", "engine", "reference", "ratio", "target", ""], *(row for row, _ in rows)]))
    print(*failed, sep="\n", end="\n" if failed else "")
    return 0 if all(met for _, met in rows) and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
