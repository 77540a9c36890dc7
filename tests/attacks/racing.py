"""Attacks by threads: every call that is about a descriptor, a path or an address, while another thread swaps that.

    python -m tests.attacks.racing [--seconds S] [--walls MODE] [--engine DIR | --prove] [CALL/SWAP | CALL | SWAP]...

`racing.c` holds the table of calls; `SWAPS` says what is swapped for each kind of call.  Each pair is tried for some
milliseconds; --seconds: for how long all of them together.  --engine: the root of another checkout of this project,
--prove: an engine that does not hold on to what it checked; against both, attacks must succeed, or they prove nothing.
Ends with status 1 if an attack succeeds, against a faulty engine if none does.

A success is a change of what must not change, a connection, a secret or the size of what lies outside.  Calls that
give no such sign (lseek, fsync, access, readlink, statx, ...) show only that the engine goes on as it should.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.attacks.runner import TESTS, targets, wasm_program
from tests.attacks.targets import Targets, left_in_group

SOURCE: Final = Path(__file__).with_name("racing.c")
FAULTY: Final = Path(__file__).with_name("faulty_engine.py")

SWAPS: Final = {
    "file": ("read-only", "standard-input", "path-only", "reopened"),
    "directory": ("read-only", "path-only", "reopened"),
    "at": ("read-only", "path-only", "reopened", "working-directory", "bytes", "names", "outside"),
    "path": ("working-directory", "bytes", "names", "outside"),
    "address": ("ports", "disconnected"),
}
"""Kind of call -> what another thread swaps meanwhile."""

WITHOUT: Final = {
    **dict.fromkeys(("accept", "accept4", "getsockname", "getpeername", "shutdown"), "about the socket alone"),
    **dict.fromkeys(("setsockopt", "getsockopt"), "options are numbers; values are copied in"),
    **dict.fromkeys(("recvfrom", "recvmsg"), "what is received, not where from; the descriptors: sendmsg"),
    **dict.fromkeys(("epoll_ctl", "epoll_wait", "epoll_pwait", "poll", "ppoll", "select", "pselect6"), "only looks"),
    **dict.fromkeys(("timerfd_settime", "timerfd_gettime", "signalfd", "signalfd4"), "about the descriptor alone"),
    **dict.fromkeys(("fstatat", "getdents", "fadvise64"), "another name of a call that is tried"),
    **dict.fromkeys(("chroot", "mount"), "refused in a sandbox with directories"),
}
"""Calls with a descriptor, a path or a socket's address that are not tried, and why."""

ENGINE: Final = (
    "import sys; sys.argv[0] = 'pywasmjit'; sys.setswitchinterval({interval}); from pywasmjit.cli import main; main()"
)
TINY: Final = 1e-6
"""Seconds after which another thread may go on: races that take days otherwise take seconds."""
GRANTS: Final = ("--dir", "{top}/rw", "--dir", "{top}/ro:ro", "--allow", "net=127.0.0.1:1", "--allow", "exec")


@dataclass(frozen=True)
class Race:
    """A call under attack, and what is swapped."""

    call: str
    kind: str
    swap: str

    @property
    def name(self) -> str:
        return f"{self.call}/{self.swap}"


def _read_table() -> list[tuple[str, str]]:
    """Return name and kind of each call in the C file's table."""
    return re.findall(r"^    X\((\w+), (\w+),", SOURCE.read_text(encoding="utf-8"), re.MULTILINE)


def races(names: Sequence[str] = ()) -> list[Race]:
    """Return all pairs, or those that are named: by both parts, or by one."""
    every = [Race(call, kind, swap) for call, kind in _read_table() for swap in SWAPS[kind]]
    return [race for race in every if not names or {race.name, race.call, race.swap} & set(names)]


@dataclass(frozen=True)
class Outcome:
    """What came of some races in one process: signs that one succeeded, faults of the engine's, tries of each."""

    signs: tuple[str, ...]
    faults: tuple[str, ...]
    tries: dict[str, int]


def run(
    aims: Targets,
    chosen: Sequence[Race],
    *,
    milliseconds: int,
    walls: str = "off",
    interval: float = TINY,
    engine: Path = TESTS.parent,
    faulty: bool = False,
) -> Outcome:
    """Try races in one process, one after the other."""
    aims.renew()
    start = ["-P", str(FAULTY)] if faulty else ["-P", "-c", ENGINE.format(interval=interval)]
    grants = [each.format(top=aims.top) for each in GRANTS]
    line = [sys.executable, *start, "run", "--walls", walls, "-q", *grants, str(wasm_program(SOURCE)), *aims.arguments]
    line += [str(milliseconds), *(race.name for race in chosen)]
    environment = {**os.environ, "PYTHONPATH": str(engine), "CANARY": aims.canary, "INTERVAL": str(interval)}
    patience = 30 + len(chosen) * (milliseconds / 1000 + 2)
    with open(aims.top / "outside" / "dir" / "file", "rb") as stdin:
        options = {**aims.options, "stdin": stdin}
        pipe = subprocess.PIPE
        with subprocess.Popen(line, env=environment, stdout=pipe, stderr=pipe, process_group=0, **options) as process:
            try:
                output, errors = process.communicate(timeout=patience)
            except subprocess.TimeoutExpired:
                left_in_group(process.pid)
                output, errors = process.communicate()
                errors += b"hangs"
    faults = [] if process.returncode == 0 else [f"exit status {process.returncode}"]
    faults += [errors.decode("utf-8", "replace")[-1000:]] if errors else []
    parts = re.split(r"^== ", output.decode("utf-8", "replace"), flags=re.MULTILINE)  # what was read stands in between
    counts = {part.partition("\n")[0]: re.search(r"^tries (\d+)$", part, re.MULTILINE) for part in parts}
    found = [(name, count[1]) for name, count in counts.items() if count is not None]
    return Outcome(tuple(aims.signs(output)), tuple(faults), {name: int(count) for name, count in found})


def successes(aims: Targets, chosen: Sequence[Race], outcome: Outcome, **options: object) -> dict[str, Outcome]:
    """Return, where something has happened, what each race comes to alone."""
    if not (outcome.signs or outcome.faults):
        return {}
    alone = {race.name: run(aims, [race], **options) for race in chosen}  # type: ignore[arg-type]
    return {name: each for name, each in alone.items() if each.signs or each.faults} or {"together": outcome}


def main() -> int:
    """Run as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--walls", choices=("off", "require", "auto"), default="off")
    parser.add_argument("--interval", type=float, default=TINY, help="seconds until another thread may go on")
    parser.add_argument("--engine", type=Path, default=TESTS.parent, help="the root of the checkout to attack")
    parser.add_argument(
        "--prove", action="store_true", help="against an engine that does not hold on to what it checked"
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    given = parser.parse_args()
    chosen = races(given.names)
    milliseconds = max(1, int(given.seconds * 1000 / max(1, len(chosen))))
    options = {"walls": given.walls, "interval": given.interval, "engine": given.engine, "faulty": given.prove}
    succeeded = 0
    with targets() as aims:
        for race in chosen:
            outcome = run(aims, [race], milliseconds=milliseconds, **options)
            what = "; ".join((*outcome.signs, *outcome.faults))[:200] or "stopped"
            succeeded += what != "stopped"
            print(f"{race.name:32} {outcome.tries.get(race.name, 0):8} tries  {what}", flush=True)
    print(f"{len(chosen)} racing attacks, {succeeded} succeeded")
    expected = given.prove or given.engine != TESTS.parent
    return int(succeeded == 0) if expected else int(succeeded > 0)


if __name__ == "__main__":
    sys.exit(main())
