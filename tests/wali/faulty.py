"""Faults at chosen moments: a kernel that wraps another one and makes a call fail, or move fewer bytes than it could.

Everything that the engine asks of the host while a program runs is counted: the calls of its kernel interface, those
of Python's `os` that it makes itself, the growth of memory, the start of threads.  A `Plan` lets one of them go wrong;
a `Watch`, in the place of a trace, sees what the guest is told then.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import stat
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from errno import EAGAIN, EINTR, EIO, EMFILE, ENOMEM, ENOSPC, errorcode
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final, TypeAlias

import pytest
from running import load

import pywasmjit as wj
from pywasmjit.guest import process as process_module
from pywasmjit.guest import threads as threads_module
from pywasmjit.guest.kernel.portable import PortableKernel
from pywasmjit.guest.kernel.raw import RawKernel
from pywasmjit.runtime.memories import Memory

TIMEOUT: Final = 10

ERRORS: Final = (EINTR, EAGAIN, ENOSPC, EMFILE, ENOMEM, EIO)
SHORT: Final = ("one byte", "half")
Fault: TypeAlias = "int | str"
"""An error's number, or how few bytes are moved."""

_COUNTED: Final = frozenset(("read", "write", "pread", "pwrite"))
"""Transfers whose third argument is the number of bytes, after a descriptor and an address."""
_IN_PARTS: Final = frozenset(("readv", "writev", "preadv", "pwritev", "send", "receive"))
"""Transfers whose second argument is a list of pieces of memory."""
SHORTENED: Final = _COUNTED | _IN_PARTS | {"receive_from"}
INTERRUPTIBLE: Final = SHORTENED | {
    "accept", "connect", "epoll_wait", "fcntl", "flock", "futex_wait", "getrandom", "open_resolving", "poll", "select",
    "sendfile", "sleep", "wait4", "waitid",
}  # fmt: skip
"""Calls that the kernel can interrupt, and that are not made again by Python itself."""
_OF_OS: Final = (
    "chroot", "dup", "fdatasync", "fsync", "ftruncate", "mkdir", "open", "posix_fadvise", "readlink", "rmdir",
    "symlink", "sync", "unlink",
)  # fmt: skip
"""Calls of `os` that handlers make themselves."""
_UNTOUCHED: Final = frozenset(("attach", "close", "is_procfs", "survives_truncation", "refuses_transfer"))
"""What tells the engine something, and asks the host for nothing that can fail for the guest."""
GROWTH: Final = "memory.grow"


@dataclass
class Plan:
    """What goes wrong: the call number `at` (from 0) of those called `name`, with `fault`; "" for nothing.

    calls: how often each was made.  struck: the thread in which it went wrong, None if it did not.  armed: whether the
    program runs; before that nothing is counted.
    """

    name: str = ""
    at: int = 0
    fault: Fault = 0
    calls: Counter[str] = field(default_factory=Counter)
    struck: int | None = None
    armed: bool = False
    lock: Any = field(default_factory=threading.Lock)

    def strikes(self, name: str) -> bool:
        """Count a call; tell whether it is the one.  Memory that cannot grow cannot later either."""
        if not self.armed:
            return False
        with self.lock:
            number = self.calls[name]
            self.calls[name] += 1
            chosen = name == self.name and (number == self.at or (name == GROWTH and number > self.at))
            if chosen:
                self.struck = threading.get_ident()
            return chosen

    def error(self) -> OSError:
        assert isinstance(self.fault, int)
        return OSError(self.fault, os.strerror(self.fault))

    def fewer(self, count: int) -> int:
        return min(count, 1) if self.fault == "one byte" else -(-count // 2)


class FaultyKernel:
    """A kernel that asks another one, but for what the plan has go wrong."""

    def __init__(self, inner: PortableKernel, plan: Plan) -> None:
        self._inner = inner
        self._plan = plan

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found) or name in _UNTOUCHED or name.startswith("_"):
            return found
        call = partial(self._call, name, found)
        setattr(self, name, call)
        return call

    def _call(self, name: str, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        whole = isinstance(self._plan.fault, str) and not (name in SHORTENED and _is_stream(arguments[0]))
        if not whole and self._plan.strikes(name):
            if isinstance(self._plan.fault, int):
                raise self._plan.error()
            arguments = self._shortened(name, arguments)
        return call(*arguments, **options)

    def _shortened(self, name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        if name in _IN_PARTS:
            left = self._plan.fewer(sum(size for _, size in arguments[1]))
            parts = []
            for address, size in arguments[1]:
                parts.append((address, min(size, left)))
                left -= parts[-1][1]
            return (arguments[0], [part for part in parts if part[1]], *arguments[2:])
        return (*arguments[:2], self._plan.fewer(arguments[2]), *arguments[3:])


def _is_stream(fd: int) -> bool:
    """Tell whether a descriptor can move a part of what there is: others move all of it, or fail."""
    mode = os.fstat(fd).st_mode
    if not stat.S_ISSOCK(mode):
        return stat.S_ISREG(mode) or stat.S_ISFIFO(mode)
    lent = socket.socket(fileno=fd)
    try:
        return lent.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) == socket.SOCK_STREAM
    finally:
        lent.detach()


@dataclass
class Watch:
    """Stands for a trace: notes the call of the guest's during which the fault happened, and its result."""

    plan: Plan
    told: list[tuple[str, int | None]] = field(default_factory=list)

    def wrap(self, declaration: Any, bound: Callable[..., Any], process: Any, type: Any) -> Callable[..., Any]:
        bits = 64 if type.results == ("i64",) else 32

        def watched(*arguments: int) -> Any:
            result = bound(*arguments)
            if self.plan.struck == threading.get_ident() and not self.told:
                self.told.append((declaration.name, _signed(result, bits)))
            return result

        return watched


def _signed(result: int | None, bits: int) -> int | None:
    return result if result is None or not result >> bits - 1 else result - (1 << bits)


def _by_the_engine() -> bool:
    """Tell whether the caller's caller is one of the interface's modules."""
    return str(sys._getframe(2).f_globals.get("__name__", "")).startswith(("pywasmjit.guest.", "pywasmjit.wali."))


@contextmanager
def asking(plan: Plan, kernel: Callable[[Any], PortableKernel]) -> Iterator[None]:
    """Have processes that are made meanwhile ask a faulty kernel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process_module, "choose", lambda memory: FaultyKernel(kernel(memory), plan))
        yield


@contextmanager
def faults(plan: Plan) -> Iterator[None]:
    """Carry the plan out: in faulty kernels, and in all else that is asked of the host."""

    def of_os(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*arguments: Any, **options: Any) -> Any:
            if _by_the_engine() and plan.strikes(f"os.{name}"):
                raise plan.error()
            return call(*arguments, **options)

        return asked

    def grow(memory: Memory, delta: int) -> int:
        return -1 if _by_the_engine() and plan.strikes(GROWTH) else before_grow(memory, delta)

    def start_guest_thread(*arguments: Any, **options: Any) -> Any:
        if plan.strikes("start_guest_thread"):
            raise RuntimeError("can't start new thread")
        return before_start(*arguments, **options)

    before_grow, before_start = Memory.grow, threads_module.start_guest_thread
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "armed", True)
        for name in _OF_OS:
            patch.setattr(os, name, of_os(name, getattr(os, name)))
        patch.setattr(Memory, "grow", grow)
        patch.setattr(threads_module, "start_guest_thread", start_guest_thread)
        yield


class Hangs(BaseException):
    """A program without a deadline does not come to an end."""


@contextmanager
def alarm() -> Iterator[None]:
    """Raise Hangs after `TIMEOUT` seconds, which calls of the program's do not know of: they wait in the kernel."""

    def ring(*_: object) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(TIMEOUT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


WAYS: Final = ("raw", "raw unlimited", "portable")
"""A kernel, and whether calls wait in it: with a deadline they wait in parts."""
KERNELS: Final[dict[str, Callable[[Any], PortableKernel]]] = {"raw": RawKernel, "portable": PortableKernel}


@dataclass(frozen=True)
class Result:
    """What came of a run: its end (a status, or the name of an exception), its output, and what the guest was told."""

    end: int | str
    stdout: bytes
    stderr: bytes
    told: tuple[tuple[str, int | None], ...]
    descriptors: int
    """How many more are open than before."""


def run(source: Path, args: tuple[str, ...], work: Path, plan: Plan, way: str, limit: int = 1000) -> Result:
    """Run a program with everything at its plan, in a sandbox with `work` as its directory.

    limit: how many descriptors it may have.
    """
    gc.disable()  # what is left of other tests must not close its descriptors meanwhile
    try:
        return _run(source, args, work, plan, way, limit)
    finally:
        gc.enable()


def _run(source: Path, args: tuple[str, ...], work: Path, plan: Plan, way: str, limit: int) -> Result:
    before = len(os.listdir("/proc/self/fd"))
    with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
        stdin.write(b"some text\nof three lines\non standard input\n")
        stdin.seek(0)
        streams: dict[str, Any] = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
        watch = Watch(plan)
        end: int | str
        kernel, _, unlimited = way.partition(" ")
        policy = wj.Policy.sandbox([str(work)])
        with asking(plan, KERNELS[kernel]):
            wali = wj.Wali([source.stem, *args], {}, policy, cwd=str(work), report=None, **streams)
        wali.process.trace = watch  # type: ignore[assignment]
        wali.process.files.limit = limit
        instance = wj.Instance(load(source), wali)
        try:
            with faults(plan), alarm() if unlimited else wj.deadline(TIMEOUT):
                end = wali.start(instance)
        except (wj.Trap, wj.TimedOut, Hangs) as error:
            end = f"{type(error).__name__}: {error}"
        stdout.seek(0)
        stderr.seek(0)
        out, err = stdout.read(), stderr.read()
    return Result(end, out, err, tuple(watch.told), len(os.listdir("/proc/self/fd")) - before)


def faults_for(name: str, way: str) -> list[Fault]:
    """Return what can go wrong with a call."""
    if name == "start_guest_thread":
        return [EAGAIN]
    if name == GROWTH:
        return [ENOMEM]
    interrupted = way != "portable" and name in INTERRUPTIBLE
    errors: list[Fault] = [each for each in ERRORS if each != EINTR or interrupted]
    return [*errors, *SHORT] if name in SHORTENED else errors


def describe(fault: Fault) -> str:
    return errorcode[fault] if isinstance(fault, int) else fault
