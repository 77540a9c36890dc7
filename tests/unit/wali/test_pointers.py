"""Every address that a call takes with eleven bad values: EFAULT, or nothing outside changed; never a crash.

Whether an address is looked at at all is shown by good ones: with those the call succeeds, or fails for a reason of
its own.  The calls are made in child processes, since some change what cannot be put back; there a system call of the
host with the same arguments shows what the kernel says to NULL and to an address where nothing is.
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import signal
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from errno import EBADF, EFAULT, EINVAL, ENOMEM, ENOSYS, EPERM
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import pytest
from calls import CALLS, Listed
from guest import Guest
from nested import NESTED
from recipes import GOOD, Absent, Arguments, Scene, make_files

import pywasmjit as wj
from pywasmjit.errors import Exit, TimedOut, Trap
from pywasmjit.guest import process as process_module
from pywasmjit.guest.kernel.portable import PortableKernel
from pywasmjit.guest.policy.policy import Policy
from pywasmjit.wali.syscalls import TABLE
from pywasmjit.wali.table import Address, Buffer, Declaration, Descriptor, IovecArray, Kind, Text

SIZE: Final = 4 * 65536
BAD: Final = (
    0, 1, SIZE - 7, SIZE - 1, SIZE, SIZE + 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_0000, 0xFFFF_FFFE, 0xFFFF_FFFF,
)  # fmt: skip
COUNTS: Final = (1, 16, 4096, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
GUARD: Final = 65536
WAYS: Final = ("raw", "portable")

_RANGES = {-ENOMEM, -EINVAL}
NOT_ACCESSED: Final[dict[tuple[str, str], tuple[set[int], str]]] = {
    ("SYS_mmap", "addr"): (_RANGES, "a place where nothing is yet"),
    ("SYS_munmap", "addr"): ({*_RANGES, 0}, "a range that may be empty"),
    ("SYS_mprotect", "addr"): (_RANGES, "a range, not what is in it"),
    ("SYS_msync", "addr"): (_RANGES, "a range, not what is in it"),
    ("SYS_madvise", "addr"): (_RANGES, "a range, not what is in it"),
    ("SYS_mlock", "addr"): ({*_RANGES, -ENOSYS}, "a range, not what is in it"),
    ("SYS_munlock", "addr"): ({*_RANGES, -ENOSYS}, "a range, not what is in it"),
    ("SYS_mremap", "old_address"): ({*_RANGES, -EFAULT}, "a range; EFAULT only where it begins at a page"),
    ("SYS_mremap", "new_address"): (_RANGES, "a place where nothing is yet"),
    ("SYS_set_tid_address", "tidptr"): ({os.getpid()}, "looked at when the thread ends, and then passed over"),
    ("SYS_futex", "timeout"): ({0, -EINVAL}, "a number for this operation; see NESTED"),
    ("SYS_brk", "addr"): ({0}, "the end of what has never begun"),
    ("SYS_rt_sigaction", "act->handler"): ({0}, "an index into the table; a bad one is found out by a signal"),
    ("SYS_rt_sigaction", "act->restorer"): ({0}, "of no use to a handler that just returns"),
    ("SYS_sigaltstack", "ss->ss_sp"): ({0}, "noted; handlers run on the ordinary stack"),
    ("__wasm_thread_spawn", "argument"): (set(), "the thread's own business"),
}
"""Addresses that may be anything: what the call answers then, and why."""


@dataclass
class Walk:
    """What came of the calls of one name."""

    covered: set[tuple[str, str]] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


Outcome: TypeAlias = "int | str | None"
Found = TypeVar("Found")


class Attempt:
    """Makes calls, each in a scene of its own, and looks whether anything outside has changed."""

    def __init__(self, way: str, everything: bool, top: Path) -> None:
        self.everything = everything
        self.whole = everything and way == "raw" and os.getuid() == 0
        """Whether everything can be done."""
        self.top = top
        if way == "portable":
            process_module.choose = PortableKernel  # type: ignore[assignment]  # a child process: for good
        make_files(top)
        os.chdir(top)
        self._pristine = self._tree()
        self._null = os.open(os.devnull, os.O_RDWR)
        os.set_inheritable(self._null, False)
        self._last: Guest | None = None

    def scene(self) -> Scene:
        if self._tree() != self._pristine:
            os.chdir("/")
            make_files(self.top)
            os.chdir(self.top)
            self._pristine = self._tree()
        policy = Policy.allow_all() if self.everything else Policy.sandbox({"/": self.top}, allow=())
        options = {"streams": (self._null,) * 3, "env": {"A": "1"}, "owns_host": self.everything}
        if self._last is not None:
            self._last.process.files.close_all()  # or it is collected, and closes, in the middle of another attempt
        self._last = Guest(policy, **options)
        return Scene(self._last, self.top)

    def __call__(self, name: str, make: Callable[[Scene], Arguments], problem: Callable[[str], None]) -> Outcome:
        """Make one call and return what it answers: a number, or what it raised."""
        scene = self.scene()
        with scene.guest as guest:
            try:
                arguments = make(scene)
            except Absent:
                return -ENOSYS
            before, tree = self._descriptors(), self._tree()
            outcome = self.outcome(guest, name, arguments)
            whole = guest.memory._whole
            outside = whole[guest.memory.size_bytes : guest.memory.size_bytes + GUARD]
            if outside.tobytes() != bytes(len(outside)):
                problem("memory outside was written")
            if outcome == -EFAULT and before != self._descriptors():
                problem("a descriptor is left over")
            if outcome == -EFAULT and tree != self._tree():
                problem("files have changed")
            whole = outside = None
        return outcome

    @staticmethod
    def outcome(guest: Guest, name: str, arguments: Arguments) -> Outcome:
        limit = 0.03 if name in ("SYS_rt_sigsuspend", "SYS_pause") else 15
        try:
            with wj.deadline(limit):
                return getattr(guest, name.removeprefix("SYS_"))(*arguments)
        except (Exit, TimedOut, Trap) as error:
            return type(error).__name__

    def _tree(self) -> list[tuple[str, int, int]]:
        found = []
        for name in sorted((*os.listdir(self.top), "")):
            state = os.lstat(os.path.join(self.top, name))
            found.append((name, state.st_mode, state.st_size if name else 0))
        return found

    @staticmethod
    def _descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))


def is_pointer(kind: Kind) -> bool:
    return isinstance(kind, Text | Buffer | IovecArray | Address)


def replaced(arguments: Arguments, index: int, value: int) -> Arguments:
    return (*arguments[:index], value, *arguments[index + 1 :])


def judge(name: str, label: str, kind: Kind | None, value: int, outcome: Outcome, control: Outcome) -> str | None:
    """Return what is wrong with an answer to a bad value, None if nothing."""
    may, _ = NOT_ACCESSED.get((name, label), (None, ""))
    refused = control in (-EPERM, -ENOSYS) and outcome == control
    if outcome == -EFAULT or refused or (may is not None and (not may or outcome in may or outcome == control)):
        return None
    if (name.endswith("jmp") and outcome == "Trap") or (name == "SYS_futex" and value % 4 and outcome == -EINVAL):
        return None
    beyond = value >= SIZE
    reaches = isinstance(kind, Buffer) and isinstance(kind.size, int) and SIZE - kind.size < value < SIZE
    if beyond or reaches:
        return f"answers {outcome}, not EFAULT"
    return None


def walk_pointers(attempt: Attempt, name: str, declaration: Declaration, walk: Walk) -> None:
    """Walk the addresses among the arguments."""
    places = [place for place, each in enumerate(declaration.parameters) if is_pointer(each.kind)]
    places += [0] if not places else []
    if name in ("SYS_fcntl", "SYS_prctl"):
        return
    controls: list[Outcome] = []
    for place in places:
        parameter = declaration.parameters[place]
        label = parameter.name
        control = controls[0] if controls else good_outcome(attempt, name, walk)
        controls.append(control)
        for value in BAD:

            def problem(text: str, value: int = value, label: str = label) -> None:
                walk.problems.append(f"{name}: {label}={value:#x}: {text}")

            outcome = attempt(name, lambda s, place=place, value=value: replaced(GOOD[name](s), place, value), problem)
            wrong = judge(name, label, parameter.kind, value, outcome, control)
            if wrong:
                problem(f"{wrong}; good arguments give {control}")
        walk.covered.add((name, label))
    if not reaches(attempt, name, controls[0]):
        walk.problems.append(f"{name}: good arguments give {controls[0]}")


def reaches(attempt: Attempt, name: str, control: Outcome) -> bool:
    """Tell whether a call with good arguments looks at its addresses: where all is allowed nothing refuses earlier."""
    refusable = not attempt.whole or name in _UNDONE
    return control != -EFAULT and (refusable or control not in (-EPERM, -ENOSYS, -EBADF))


def good_outcome(attempt: Attempt, name: str, walk: Walk) -> Outcome:
    """Return what a call answers to good arguments."""
    if name != "SYS_chroot":
        return attempt(name, GOOD[name], walk.problems.append)
    return in_child(lambda: attempt(name, GOOD[name], walk.problems.append))  # there is no way back


def walk_counts(attempt: Attempt, name: str, declaration: Declaration, walk: Walk) -> None:
    """Walk the numbers that say how much there is at an address near the end of memory."""
    for place, parameter in enumerate(declaration.parameters):
        if not isinstance(parameter.kind, Buffer) or isinstance(parameter.kind.size, int):
            continue
        counter = [each.name for each in declaration.parameters].index(parameter.kind.size)
        for count in COUNTS:

            def problem(text: str, count: int = count, parameter: str = parameter.name) -> None:
                walk.problems.append(f"{name}: {count:#x} items at {parameter}: {text}")

            def make(s: Scene, place: int = place, counter: int = counter, count: int = count) -> Arguments:
                return replaced(replaced(GOOD[name](s), place, SIZE - 8), counter, count)

            if attempt(name, make, problem) == "Exit":
                problem("ends the program")


def walk_nested(attempt: Attempt, name: str, walk: Walk) -> None:
    """Walk what is inside of structures."""
    for (owner, label), nested in NESTED.items():
        if owner != name:
            continue
        control = attempt(name, lambda s, nested=nested: nested(s, None), walk.problems.append)
        if not reaches(attempt, name, control):
            walk.problems.append(f"{name}: {label}: good arguments give {control}")
        for value in BAD:

            def problem(text: str, value: int = value, label: str = label) -> None:
                walk.problems.append(f"{name}: {label}={value:#x}: {text}")

            outcome = attempt(name, lambda s, nested=nested, value=value: nested(s, value), problem)
            wrong = judge(name, label, None, value, outcome, control)
            if wrong and (control != -EINVAL or outcome != control):
                problem(f"{wrong}; a good one gives {control}")
        walk.covered.add((name, label))


# -- the kernel's own answers -----------------------------------------------------------------------------------------

COMPARED: Final = {"pass", "addr"}
_UNDONE: Final = {"SYS_signalfd", "SYS_signalfd4", "__wasm_thread_spawn"}
"""What is not there, or not without a program, so that no address of theirs is ever looked at."""
OTHER_ANSWERS: Final[dict[tuple[str, str], str]] = {
    ("SYS_clock_nanosleep", "remain"): "the kernel looks at it after an interruption, we before the call",
    ("SYS_nanosleep", "rem"): "the same",
}
"""Addresses for which the kernel answers NULL or a hole with something else, and why."""


class Native:
    """Makes the host's own system call with a guest's arguments, one of them replaced."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._syscall = ctypes.CDLL(None, use_errno=True)["syscall"]
        self._syscall.restype = ctypes.c_ssize_t
        libc_mmap = ctypes.CDLL(None)["mmap"]
        libc_mmap.restype = ctypes.c_void_p
        self.hole = libc_mmap(None, ctypes.c_size_t(1 << 20), 0, 0x4022, -1, ctypes.c_long(0)) + (1 << 19)

    def __call__(self, name: str, declaration: Declaration, place: int, value: int) -> int:
        scene = self._attempt.scene()
        with scene.guest as guest:
            arguments = GOOD[name](scene)
            host = [
                self._host(guest, each.kind, arg) for each, arg in zip(declaration.parameters, arguments, strict=True)
            ]
            host[place] = ctypes.c_void_p(value)
            if name in ("SYS_poll", "SYS_ppoll"):  # the structure names a descriptor, too
                descriptor = guest.process.files.file(guest.memory.unpack("<i", arguments[0])[0]).host
                guest.memory.pack("<i", arguments[0], descriptor)
            result: int = self._syscall(CALLS[name].number, *host)
            return -ctypes.get_errno() if result < 0 else result

    @staticmethod
    def _host(guest: Guest, kind: Kind, value: int) -> object:
        if is_pointer(kind):
            base = guest.memory.base
            return ctypes.c_void_p(base + value if value else 0)
        if isinstance(kind, Descriptor) and value >= 0:
            return guest.process.files.file(value).host
        return ctypes.c_longlong(value)


def compare_natively(attempt: Attempt, name: str, declaration: Declaration, walk: Walk) -> None:
    listed = CALLS.get(name)
    if listed is None or listed.kind not in COMPARED or not attempt.everything:
        return
    native = Native(attempt)
    for place, parameter in enumerate(declaration.parameters):
        if not is_pointer(parameter.kind) or (name, parameter.name) in NOT_ACCESSED:
            continue
        for ours, theirs in ((0, 0), (SIZE, native.hole)):
            try:
                expected = native(name, declaration, place, theirs)
            except Absent:
                continue
            make: Callable[[Scene], Arguments] = lambda s, ours=ours, place=place: replaced(GOOD[name](s), place, ours)  # noqa: E731
            found = attempt(name, make, walk.problems.append)
            same = found == expected if expected < 0 else isinstance(found, int) and found >= 0
            if not same and found != -ENOSYS and (name, parameter.name) not in OTHER_ANSWERS:
                what = "NULL" if not ours else "a hole"
                walk.problems.append(f"{name}: {parameter.name}={what}: answers {found}, the kernel {expected}")


# -- child processes --------------------------------------------------------------------------------------------------


def walk_all(name: str, way: str, everything: bool, top: Path) -> Walk:
    walk = Walk()
    attempt = Attempt(way, everything, top)
    declaration = TABLE[name]
    compare_natively(attempt, name, declaration, walk)
    walk_counts(attempt, name, declaration, walk)
    walk_nested(attempt, name, walk)
    walk_pointers(attempt, name, declaration, walk)
    return walk


def in_child(work: Callable[[], Found]) -> Found:
    """Return what `work` returns in a child process, which may be left in any state."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the parent's threads do not matter to the child
        pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            gc.freeze()  # what is left of other tests does not close its descriptors here, in the middle of an attempt
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(40)
            found: object
            try:
                found = work()
            except BaseException:
                found = traceback.format_exc()
            signal.alarm(0)
            with open(writing, "wb") as file:
                pickle.dump(found, file)
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        data = file.read()
    status = os.waitpid(pid, 0)[1]
    if not data:
        raise AssertionError(f"the process has ended with status {status}")
    result = pickle.loads(data)
    if isinstance(result, str) and result.startswith("Traceback"):
        raise AssertionError(result)
    return result  # type: ignore[no-any-return]


NAMES: Final = sorted(GOOD)


def addresses(name: str) -> set[tuple[str, str]]:
    """Return what is walked of a call: its own addresses, and those in structures."""
    own = {(name, each.name) for each in TABLE[name].parameters if is_pointer(each.kind)}
    return own | {each for each in NESTED if each[0] == name}


@pytest.mark.parametrize("name", NAMES)
def test_bad_pointers(name: str, tmp_path: Path) -> None:
    problems = []
    for way in WAYS:
        for everything in (False, True):
            walk = in_child(lambda way=way, everything=everything: walk_all(name, way, everything, tmp_path / "top"))
            label = f"{way}, {'everything' if everything else 'sandbox'}"
            problems += [f"{label}: {each}" for each in walk.problems]
            assert walk.covered == addresses(name)
    assert not problems, "\n".join(problems)


def test_every_address_of_every_call_is_walked() -> None:
    """All that are declared, and all 140 of the interface's own list."""
    declared = {name for name, each in TABLE.items() if any(is_pointer(p.kind) for p in each.parameters)}
    by_command = {name for name, _ in NESTED}
    assert declared == set(NAMES) - {"SYS_fcntl", "SYS_prctl"}
    assert {"SYS_fcntl", "SYS_prctl", "SYS_ioctl"} <= by_command
    listed = [(each, place) for each in CALLS.values() for place in places_of_pointers(each)]
    walked = [(each, p) for each, p in listed if each.import_name in TABLE and is_walked(each.import_name, p)]
    assert [each.name for each, _ in listed if (each, _) not in walked] == ["set_robust_list"]  # which answers ENOSYS
    assert sum(each.group == "implemented" for each, _ in walked) == 140


def places_of_pointers(listed: Listed) -> list[int]:
    return [place for place, each in enumerate(listed.parameters) if each in listed.pointers]


def is_walked(name: str, place: int) -> bool:
    parameter = TABLE[name].parameters[place]
    return (name, parameter.name) in addresses(name)
