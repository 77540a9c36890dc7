"""A race for the way out: `python -m tests.stress.paths --swaps 1000000`.

A process swaps a directory in a granted one and a link to outside, again and again, while a guest opens, looks,
makes, changes, removes and enters through their names.  Whatever it does must happen inside.  Ends with status 1 if
it got at anything outside.  `race` is what a test calls for a few swaps.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [each for each in (str(TESTS / "unit" / "wali"), str(TESTS.parent)) if each not in sys.path]

from guest import Guest  # noqa: E402 - found by the path above

from pywasmjit.guest.kernel.portable import PortableKernel  # noqa: E402
from pywasmjit.guest.kernel.raw import RawKernel  # noqa: E402
from pywasmjit.guest.policy.policy import Policy  # noqa: E402

O_WRONLY, O_CREAT, O_DIRECTORY, O_PATH = 1, 0o100, 0o200000, 0o10000000
FDCWD = -100
RENAME_EXCHANGE = 2

_SWAPPER = """
import ctypes, sys
rename = ctypes.CDLL(None, use_errno=True).renameat2
a, b = sys.argv[1].encode(), sys.argv[2].encode()
print("ready", flush=True)
for _ in range(int(sys.argv[3])):
    if rename(-100, a, -100, b, 2):
        sys.exit(1)
"""


@dataclass
class Report:
    """What came of a race.

    swaps: how many the other process made.  calls: how many the guest made.  seen: what came of reading, by kind.
    escapes: what was got at outside.
    """

    swaps: int
    calls: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    escapes: list[str] = field(default_factory=list)


def race(top: Path, swaps: int) -> Report:
    """Race in an empty directory; the swapping process decides how long."""
    for name in ("box/place", "box/place/empty", "outside/empty"):
        (top / name).mkdir(parents=True)
    for name, text in (("box/place/file", "inside"), ("outside/file", "outside"), ("outside/kept", "outside")):
        (top / name).write_text(text)
    (top / "box" / "trap").symlink_to("../outside")
    before = _state(top / "outside")
    report = Report(swaps)
    names = [str(top / "box" / name) for name in ("place", "trap")]
    line = [sys.executable, "-S", "-E", "-c", _SWAPPER, *names, str(swaps)]
    with Guest(Policy.sandbox({"/box": top / "box"}), cwd="/box") as guest:
        with subprocess.Popen(line, stdout=subprocess.PIPE) as swapper:
            assert swapper.stdout is not None
            swapper.stdout.readline()
            while swapper.poll() is None:
                for attempt in _ATTEMPTS:
                    attempt(guest, report)
                report.calls += len(_ATTEMPTS)
        if swapper.returncode:
            raise RuntimeError("the host cannot swap names")
    after = _state(top / "outside")
    report.escapes += [
        f"changed {name}" for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    ]
    return report


def _state(start: Path) -> dict[str, tuple[object, ...]]:
    found = {}
    for path in (start, *start.rglob("*")):
        stat = path.lstat()
        found[str(path)] = (stat.st_mode, stat.st_size, stat.st_ctime_ns, path.read_text() if path.is_file() else "")
    return found


def _read(name: str) -> Callable[[Guest, Report], None]:
    def attempt(guest: Guest, report: Report) -> None:
        _look_into(guest, report, guest.open(name, 0, 0))

    return attempt


def _look_into(guest: Guest, report: Report, fd: int) -> None:
    if fd < 0:
        report.seen[f"error {-fd}"] += 1
        return
    text = guest.memory.read(60000, max(0, guest.read(fd, 60000, 100)))
    guest.process.files.close(fd)
    report.seen[text.decode()] += 1
    if text == b"outside":
        report.escapes.append("read a file")


def _at(guest: Guest, report: Report) -> None:
    fd = guest.open("place", O_PATH | O_DIRECTORY, 0)
    if fd >= 0:
        _look_into(guest, report, guest.openat(fd, "file", 0, 0))
        _look_into(guest, report, guest.openat(fd, "../place/file", 0, 0))
        guest.process.files.close(fd)


def _enter(guest: Guest, report: Report) -> None:
    if guest.chdir("trap") == 0:
        _look_into(guest, report, guest.open("file", 0, 0))
        _look_into(guest, report, guest.open("../trap/kept", 0, 0))
    guest.chdir("/box")


def _make(guest: Guest, report: Report) -> None:
    fd = guest.open("place/made", O_CREAT | O_WRONLY, 0o644)
    if fd >= 0:
        guest.process.files.close(fd)
    guest.mkdir("trap/made-dir", 0o755)
    guest.symlink("x", "place/./made-link")
    for name in ("place/made", "trap/made", "place/made-link", "trap/made-link"):
        guest.unlink(name)
    for name in ("place/made-dir", "trap/made-dir"):
        guest.rmdir(name)


def _change(guest: Guest, report: Report) -> None:
    guest.chmod("place/kept", 0o600)
    guest.utimensat(FDCWD, guest.text("trap/file"), 0, 0)
    guest.truncate("place/../trap/kept", 0)
    guest.unlink("trap/kept")
    guest.rename("place/kept", "trap/taken")
    guest.link("place/kept", "linked")
    guest.unlink("linked")


def _stat(guest: Guest, report: Report) -> None:
    for name in ("place/kept", "trap/../trap/kept"):
        if guest.stat(name, 2000) == 0:
            report.escapes.append("found a file")


_ATTEMPTS = (
    _read("place/file"), _read("trap/file"), _read("place/../trap/file"), _at, _enter, _make, _change, _stat,
)  # fmt: skip

WAYS: dict[str, Callable[[], None]] = {
    "raw": lambda: None,
    "no openat2": lambda: setattr(RawKernel, "_has_openat2", lambda self: False),
    "portable": lambda: setattr(sys.modules["pywasmjit.guest.process"], "choose", PortableKernel),
}


def main() -> int:
    """Run as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swaps", type=int, default=100_000)
    parser.add_argument("--way", choices=WAYS, default="raw", help="how the engine resolves paths")
    arguments = parser.parse_args()
    WAYS[arguments.way]()
    with tempfile.TemporaryDirectory() as top:
        report = race(Path(top).resolve(), arguments.swaps)
    seen = ", ".join(f"{name} {count}" for name, count in report.seen.most_common())
    print(f"{arguments.way}: {report.swaps} swaps, {report.calls} calls ({seen}), {len(report.escapes)} escapes")
    for each in report.escapes[:10]:
        print(f"  {each}")
    return 1 if report.escapes else 0


if __name__ == "__main__":
    sys.exit(main())
