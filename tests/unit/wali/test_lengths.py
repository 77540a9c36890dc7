"""Every number that a call takes at its greatest, where the memory that it speaks of is there: nothing is allocated.

The guest has 2 GiB that nobody has touched, so a count of 1 GiB passes every check of addresses.  Each call is walked
in a child process whose address space may grow by 1 GiB and must not grow by more than 64 MiB: that counts whatever
the engine allocates, touched or not, and nothing of what the guest's memory holds.
"""

from __future__ import annotations

import os
import resource
import signal
import struct
from collections.abc import Callable, Iterator
from errno import E2BIG, EBADF, EINVAL, ENOBUFS
from pathlib import Path
from typing import Final, TypeAlias

import pytest
from guest import Guest
from recipes import GOOD, Absent, Arguments, Scene, make_files
from test_pointers import in_child, replaced

import pywasmjit as wj
from pywasmjit.errors import Exit, TimedOut, Trap
from pywasmjit.guest import process as process_module
from pywasmjit.guest.kernel.portable import PortableKernel
from pywasmjit.guest.policy.policy import Policy
from pywasmjit.runtime.memories import Memory
from pywasmjit.wali.dispatch import bind
from pywasmjit.wali.strace import Trace
from pywasmjit.wali.syscalls import TABLE
from pywasmjit.wali.table import Buffer, Declaration, IovecArray, Kind, Number

MIB: Final = 1 << 20
GIB: Final = 1 << 30
SIZE: Final = 2 * GIB
FAR: Final = 4 * MIB
"""From here on nobody has touched the guest's memory."""
MOST_GROWTH: Final = 64 * MIB
GREATEST: Final = {
    "i32": (GIB, SIZE, 0x7FFF_FFFF, 0xFFFF_FFFF),
    "i64": (GIB, SIZE, 0x7FFF_FFFF, 0xFFFF_FFFF, (1 << 63) - 1, (1 << 64) - 1),
}
WAYS: Final = ("raw", "portable", "traced")
PATIENCE: Final = 10.0
"""Seconds for a call that has much to look at."""
BRIEFLY: Final = 0.05

Outcome: TypeAlias = "int | str | None"
Nested: TypeAlias = "Callable[[Scene], Arguments]"

WITHOUT_ADDRESSES: Final[dict[str, Callable[[Scene], Arguments]]] = {
    "SYS_ftruncate": lambda s: (s.file(), 5),
    "SYS_fallocate": lambda s: (s.file(), 0, 0, 5),
    "SYS_fadvise": lambda s: (s.file(), 0, 5, 0),
    "SYS_lseek": lambda s: (s.file(), 5, 0),
    "SYS_listen": lambda s: (s.socket(), 5),
    "SYS_epoll_create": lambda s: (5,),
    "SYS_eventfd": lambda s: (5,),
    "SYS_eventfd2": lambda s: (5, 0),
    "SYS_dup2": lambda s: (s.file(), 5),
    "SYS_dup3": lambda s: (s.file(), 5, 0),
    "SYS_socket": lambda s: (1, 1, 0),
    "__cl_get_argv_len": lambda s: (0,),
}


def _iovecs(s: Scene, count: int) -> int:
    return s.put(struct.pack("<II", FAR, GIB) * count)


def _everywhere(s: Scene, value: bytes, size: int) -> int:
    """Return an address from which on memory is full of the same bytes."""
    s.guest.memory.write(FAR, value * (size // len(value)))
    return FAR


NESTED: Final[dict[str, tuple[str, Nested, tuple[int, ...]]]] = {
    "a long control message": (
        "sendmsg",
        lambda s: (s.pair(), s.message(control=FAR, controllen=GIB), 0),
        (-ENOBUFS,),
    ),
    "the longest control message": (
        "sendmsg",
        lambda s: (s.pair(), s.message(control=FAR, controllen=-1), 0),
        (-ENOBUFS,),
    ),
    "much data": ("sendmsg", lambda s: (s.pair(), s.message(iov=_iovecs(s, 1000), iovlen=1000), 0x40), ()),
    "room for control messages": (
        "recvmsg",
        lambda s: (s.pair(), s.message(control=FAR, controllen=GIB), 0x40),
        (4,),
    ),
    "room for data": ("recvmsg", lambda s: (s.pair(), s.message(iov=_iovecs(s, 1000), iovlen=1000), 0x40), (4,)),
    "room for a name": ("recvmsg", lambda s: (s.pair(), s.message(name=FAR, namelen=0x7FFF_FFFF), 0x40), (4,)),
    "room for an option": ("getsockopt", lambda s: (s.socket(), 1, 3, FAR, s.length(0x7FFF_FFFF)), (0,)),
    "room for an address": ("getsockname", lambda s: (s.listener(), FAR, s.length(0x7FFF_FFFF)), (0,)),
    "room for a sender": (
        "recvfrom",
        lambda s: (s.addressed(), FAR, GIB, 0x40, s.room(110), s.length(0x7FFF_FFFF)),
        (4,),
    ),
    "a vector to read into": ("readv", lambda s: (s.file(), _iovecs(s, 1000), 1000), (7000,)),
    "a vector to read into at a place": ("preadv", lambda s: (s.file(), _iovecs(s, 1000), 1000, 0, 0), (7000,)),
    "arguments without end": (
        "execve",
        lambda s: (s.text("program"), _everywhere(s, struct.pack("<I", s.text("argument")), 16 * MIB), 0),
        (-E2BIG,),
    ),
    "an argument without end": (
        "execve",
        lambda s: (s.text("program"), s.strings(_everywhere(s, b"a", 2 * MIB)), 0),
        (-E2BIG,),
    ),
    "sets full of descriptors": (
        "select",
        lambda s: (MIB, *[_everywhere(s, b"\xff", MIB)] * 3, s.time()),
        (-EBADF,),
    ),
    "a long mapping of a short file": ("mmap", lambda s: (0, GIB, 3, 1, s.file(), 0), ()),
    "a long mapping of a sparse file": ("mmap", lambda s: (0, GIB, 3, 1, _sparse(s), 0), ()),
}
"""What is walked -> call, arguments, what it may answer (anything if nothing is named)."""


def _sparse(s: Scene) -> int:
    fd = s.file()
    assert s.guest.ftruncate(fd, GIB // 8) == 0
    return fd


class Walk:
    """Makes calls with great numbers in one process, whose address space must not grow by them."""

    def __init__(self, way: str, top: Path, seconds: float = PATIENCE) -> None:
        self.way = way
        self.seconds = PATIENCE
        self.top = top
        self.problems: list[str] = []
        self.outcomes: dict[str, Outcome] = {}
        if way == "portable":
            process_module.choose = PortableKernel  # type: ignore[assignment]  # a child process: for good
        resource.setrlimit(resource.RLIMIT_FSIZE, (GIB // 4, GIB // 4))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        self.memory = Memory(SIZE // 65536, 65535, shared=True)
        self.null = os.open(os.devnull, os.O_RDWR)
        self.tracing = os.open(os.devnull, os.O_WRONLY)
        for name in ("getrandom", "read", "recvmsg", "mmap"):  # what is imported at need is there
            with self.scene().guest as guest:
                self._call(guest, f"SYS_{name}", GOOD[f"SYS_{name}"](Scene(guest, top)))
        now = self._status("VmSize")
        resource.setrlimit(resource.RLIMIT_AS, (now + GIB, now + GIB))
        self.before = self._status("VmPeak")
        self.seconds = seconds

    def scene(self) -> Scene:
        make_files(self.top)
        os.chdir(self.top)
        policy = Policy.sandbox({"/": self.top}, allow=("net", "exec", "process", "ipc", "system"))
        guest = Guest(policy, streams=(self.null,) * 3, env={"A": "1"}, owns_host=True, memory=self.memory)
        return Scene(guest, self.top)

    @staticmethod
    def _status(name: str) -> int:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))

    def __call__(self, label: str, name: str, make: Callable[[Scene], Arguments]) -> Outcome:
        scene = self.scene()
        with scene.guest as guest:
            try:
                outcome = self._call(guest, name, make(scene))
            except Absent:
                return None
            except (Exit, TimedOut, Trap) as error:
                outcome = type(error).__name__
            except MemoryError:
                outcome = None
                self.problems.append(f"{label}: MemoryError")
            guest.process.files.close_all()
        grown = self._status("VmPeak") - self.before
        # A file is mapped elsewhere first, which takes addresses for a moment, and no memory.
        most = MOST_GROWTH + (GIB if name == "SYS_mmap" and self.way != "portable" else 0)
        if grown > most:
            self.problems.append(f"{label}: {grown // MIB} MiB more")
            self.before += grown
        self.outcomes[label] = outcome
        return outcome

    def _call(self, guest: Guest, name: str, arguments: Arguments) -> Outcome:
        declaration = TABLE[name]
        bound = bind(declaration, guest.process, declaration.type)
        if self.way == "traced":
            bound = Trace(self.tracing).wrap(declaration, bound, guest.process, declaration.type)
        widths = [64 if each == "i64" else 32 for each in declaration.type.params]
        with wj.deadline(self.seconds):
            result = bound(*[value % (1 << width) for value, width in zip(arguments, widths, strict=True)])
        half = 1 << (63 if declaration.result == "i64" else 31)
        return result if result is None or result < half else result - 2 * half


def numbers(declaration: Declaration) -> Iterator[tuple[int, Number]]:
    """Yield the places of the parameters that are plain numbers, and no names of something."""
    for place, parameter in enumerate(declaration.parameters):
        if isinstance(parameter.kind, Number) and parameter.kind.names is None:
            yield place, parameter.kind


def kinds(declaration: Declaration) -> list[Kind]:
    return [parameter.kind for parameter in declaration.parameters]


def moved_away(declaration: Declaration, arguments: Arguments, counter: int) -> Arguments:
    """Replace the addresses of which a number says how much is there by one with much room."""
    name = declaration.parameters[counter].name
    for place, parameter in enumerate(declaration.parameters):
        if isinstance(parameter.kind, Buffer) and parameter.kind.size == name:
            arguments = replaced(arguments, place, FAR)
    return arguments


def walk_numbers(walk: Walk, name: str) -> None:
    declaration = TABLE[name]
    recipe = GOOD.get(name) or WITHOUT_ADDRESSES[name]
    for place, kind in numbers(declaration):
        for value in GREATEST[kind.wasm]:
            for away in (False, True):

                def make(s: Scene, place: int = place, value: int = value, away: bool = away) -> Arguments:
                    arguments = replaced(recipe(s), place, value)
                    return moved_away(declaration, arguments, place) if away else arguments

                walk(f"{name}: {declaration.parameters[place].name}={value:#x}{' far' * away}", name, make)


NAMES: Final = sorted(
    name for name, each in TABLE.items() if any(numbers(each)) and (name in GOOD or name in WITHOUT_ADDRESSES)
)


@pytest.mark.parametrize("name", NAMES)
def test_great_numbers(name: str, tmp_path: Path) -> None:
    def work(way: str) -> list[str]:
        walk = Walk(way, tmp_path / "top", BRIEFLY)
        walk_numbers(walk, name)
        return walk.problems

    for way in WAYS:
        assert in_child(lambda way=way: work(way)) == [], way


@pytest.mark.parametrize("label", NESTED)
def test_great_numbers_in_memory(label: str, tmp_path: Path) -> None:
    name, make, expected = NESTED[label]

    def work(way: str) -> tuple[list[str], Outcome]:
        walk = Walk(way, tmp_path / "top")
        outcome = walk(label, f"SYS_{name}", make)
        return walk.problems, outcome

    for way in WAYS:
        problems, outcome = in_child(lambda way=way: work(way))
        assert problems == [], way
        assert not expected or outcome in expected, way


@pytest.mark.parametrize("way", WAYS)
def test_a_million_descriptors_that_are_not_there(way: str, tmp_path: Path) -> None:
    """poll takes as many as RLIMIT_NOFILE allows, which is a million in many containers."""

    def work() -> tuple[list[str], Outcome]:
        walk = Walk(way, tmp_path / "top")

        def make(s: Scene) -> Arguments:
            s.guest.process.files.limit = MIB
            return _everywhere(s, struct.pack("<ihh", 77, 1, 0), 8 * MIB), MIB, 0

        return walk.problems, walk("poll", "SYS_poll", make)

    problems, outcome = in_child(work)
    assert problems == []
    assert outcome in (MIB, -EINVAL)  # the host's kernel may have a lower limit


def test_counts_beyond_the_kernels_own_limits(tmp_path: Path) -> None:
    """Answers are the kernel's: an error where it has a limit, a short count where it allows one."""

    def work() -> dict[str, Outcome]:
        walk = Walk("portable", tmp_path / "top")
        far = GIB
        walk("poll", "SYS_poll", lambda s: (FAR, 1 << 27, 0))
        walk("pread64", "SYS_pread64", lambda s: (s.file(), FAR, far, 0))
        walk("getdents64", "SYS_getdents64", lambda s: (s.dir(), FAR, far))
        walk("setgroups", "SYS_setgroups", lambda s: (0x7FFF_FFFF, FAR))
        walk("getrandom", "SYS_getrandom", lambda s: (FAR, far, 0))
        walk("readlink", "SYS_readlink", lambda s: (s.text("link"), FAR, far))
        return walk.outcomes

    outcomes = in_child(work)
    assert outcomes == {
        "poll": -EINVAL,
        "pread64": 7000,
        "getdents64": 48,
        "setgroups": -EINVAL,
        "getrandom": (1 << 25) - 1,
        "readlink": 4,
    }


def test_every_length_is_walked() -> None:
    """Each call with an array or a buffer of a counted size is among them."""
    counted = {
        name
        for name, each in TABLE.items()
        if any(isinstance(kind, IovecArray) or isinstance(getattr(kind, "size", 0), str) for kind in kinds(each))
    }
    assert counted <= set(NAMES)
