"""Ten programs, and what may come of a fault in one of their calls (`faulty`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from errno import EAGAIN, EINTR
from pathlib import Path
from typing import Final

from faulty import WAYS, Fault, Plan, Result, describe, faults_for, run
from test_calls import HERE, renew

PROGRAMS: Final[dict[str, tuple[str, ...]]] = {
    "../programs/wc": ("file", "large", "missing"),
    "../programs/sha256": ("large", "file"),
    "../programs/sort": ("file", "large", "-"),
    "copy": ("file", "made"),
    "tree": (),
    "mapper": ("large",),
    "server": (),
    "loop": (),
    "tidy": (),
    "workers": (),
}
"""Program -> its arguments."""

SPARED: Final = {
    "os.readlink": "where the host does not tell what a directory is called now, it keeps its name",
    "set_option": "putting back a time limit after a connection has been made",
    "get_option": "what kind of a socket it is matters only to a call that has to go on",
}
"""Calls of the engine's own whose failure need not be the guest's, and why."""
WAITED_FOR: Final = {"accept", "connect", "flock", "open_resolving", "poll", "receive", "receive_from", "send", "sleep"}
"""Calls that say EAGAIN where the guest waits: then the engine waits, or goes another way."""
UNORDERED: Final = {"workers"}
"""Programs whose calls come in another order each time, and whose threads do not look at all results."""


_ENDS: Final = (0, 1, 2, 99)
"""Statuses of these programs; 2 is sort's for errors, 99 theirs who get no memory."""


PAIRS: Final = [(each, way) for each in PROGRAMS for way in WAYS if (each, way) != ("loop", "portable")]
"""Programs and ways to run them; there is no epoll without Linux system calls."""


@dataclass(frozen=True)
class Case:
    """One fault in one run."""

    program: str
    way: str
    name: str
    at: int
    fault: Fault

    def __str__(self) -> str:
        return f"{self.program}, {self.way}: {describe(self.fault)} at {self.name} number {self.at}"


def undisturbed(program: str, way: str, work: Path) -> tuple[Result, Plan]:
    """Run a program without faults."""
    renew(work)
    plan = Plan()
    return run((HERE / f"{program}.c").resolve(), PROGRAMS[program], work, plan, way), plan


def cases(program: str, way: str, plan: Plan, most: int) -> Iterator[Case]:
    """Yield all faults of a program, at no more than `most` calls of each name: the first ones and the last."""
    for name, count in sorted(plan.calls.items()):
        places = range(count) if count <= most else [*range(most - 1), count - 1]
        for at in places:
            for fault in faults_for(name, way):
                yield Case(program, way, name, at, fault)


def judged(case: Case, good: Result, work: Path) -> str | None:
    """Run a case and return what is wrong with its outcome, None if nothing."""
    renew(work)
    plan = Plan(case.name, case.at, case.fault)
    found = run((HERE / f"{case.program}.c").resolve(), PROGRAMS[case.program], work, plan, case.way)
    wrong = _wrong(case, plan, good, found)
    if wrong is None:
        return None
    return f"{case}: {wrong}; end {found.end}, told {found.told}, {found.stdout[-100:]!r}, {found.stderr[-200:]!r}"


def _wrong(case: Case, plan: Plan, good: Result, found: Result) -> str | None:
    if found.descriptors:
        return "descriptors are left over"
    if found.end not in _ENDS:
        return "it has ended strangely"
    same = (found.end, found.stdout, found.stderr) == (good.end, good.stdout, good.stderr)
    if plan.struck is None or case.fault == EINTR or isinstance(case.fault, str):
        return None if same else "it did not go as if nothing had been"
    if case.program in UNORDERED:
        return None
    told = found.told[0][1] if found.told else None
    if told == -case.fault:
        lost = found.told[0][0] == "write" and (found.stdout, found.stderr) != (good.stdout, good.stderr)
        expected = case.fault == EAGAIN and same  # it is what the program waits for
        says = f"error {case.fault}".encode() in found.stderr
        return None if says or lost or expected else "it does not say what it was told"
    after_the_end = told is None and case.name == "clear"  # files are unmapped when there is nobody to be told
    spared = case.name in SPARED or (case.fault == EAGAIN and case.name in WAITED_FOR) or after_the_end
    return None if spared and same else "it was not told"
