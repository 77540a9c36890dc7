"""One guest program: its kernel state (`Process`), and what links and starts it (`Wali`).

A `Process` is made before its memory is: imports are bound first, memory when the instance exists.  Handlers get at
everything through it, and at nothing else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from errno import EINTR
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias

from pywasmjit.errors import LinkError
from pywasmjit.runtime.deadlines import check, remaining, wait_slice
from pywasmjit.wali.attributes import Attributes
from pywasmjit.wali.environment import EnvironmentFile
from pywasmjit.wali.files import Files
from pywasmjit.wali.grants import GrantedPaths
from pywasmjit.wali.kernel import choose
from pywasmjit.wali.kernel.portable import PortableKernel
from pywasmjit.wali.memory import GuestMemory
from pywasmjit.wali.network import Network
from pywasmjit.wali.paths import HostPaths, Paths
from pywasmjit.wali.policy import WALLS, Denials, Policy
from pywasmjit.wali.signals import Signals
from pywasmjit.wali.sleepers import FutexSleepers
from pywasmjit.wali.space import AddressSpace
from pywasmjit.wali.streams import CallersStreams
from pywasmjit.wali.table import Restart
from pywasmjit.wali.threads import Threads
from pywasmjit.wasm.types import FuncType, ImportType

if TYPE_CHECKING:
    from pywasmjit.runtime.instance import Instance
    from pywasmjit.wali.memory import Memory
    from pywasmjit.wali.strace import Trace

Stream: TypeAlias = "int | IO[Any] | None"
"""A standard stream: a host descriptor, a file that has one, or None for the caller's own."""

MODULE: Final = "wali"
"""The name under which programs import the interface."""

_ASYNCHRONOUS: Final = frozenset({"__wasm_thread_spawn", "SYS_rt_sigaction"})


class Process:
    """The kernel state of one guest program.

    Attributes: args (bytes, the program's name first), policy, denials, files, streams, paths, network, memory, space,
    kernel, signals, attributes, environment; trace (None if calls are not told), engine_options (what an engine that
    runs an executed program is told) and walls (how the kernel is to help, see `walls`), all set before a module is
    linked.
    Before `bind` the memory is empty and the kernel portable.
    """

    def __init__(
        self,
        args: Iterable[bytes],
        environment: Mapping[str, str],
        policy: Policy,
        *,
        streams: tuple[int, int, int] = (0, 1, 2),
        cwd: str | None = None,
        report: Callable[[str], None] | None = None,
        owns_host: bool = False,
    ) -> None:
        """Open what the policy grants.  Raises OSError if a granted directory cannot be opened."""
        self.args = tuple(args)
        self.owns_host = owns_host
        self.trace: Trace | None = None
        self.walls = "off"
        self.engine_options: Mapping[str, Any] = {}
        self.may_be_interrupted = False
        self.policy = policy
        self.denials = Denials(report)
        self.environment = EnvironmentFile(environment)
        self.memory = GuestMemory()
        self.kernel = PortableKernel(self.memory)
        self.files = Files(streams)
        self.streams = CallersStreams(self, streams, kept=not policy.everything)
        self.threads = Threads(self)
        self.signals = Signals(self)
        self.attributes = Attributes(self)
        if owns_host:
            self.attributes.reserve_descriptors()
        self.space = AddressSpace(self.memory, self.kernel)
        self.network = Network(self)
        self.paths: Paths = HostPaths(self, cwd) if policy.everything else GrantedPaths(self, policy.dirs, cwd)

    def bind(self, memory: Memory) -> None:
        """Take the instance's memory; once, before the program starts."""
        self.memory.bind(memory)
        self.kernel = choose(self.memory)
        self.kernel.faulted = self.signals.fault
        self.space = AddressSpace(self.memory, self.kernel)
        if self.kernel.futexes is not None:
            memory.sleepers = FutexSleepers(self, self.kernel.futexes)

    def close(self) -> None:
        """End the process: write mappings back, close what it has open, let go of the memory.

        In a process of the guest's own its descriptors close when that ends, not before: others would see them closed
        while it still lives, and a terminal that closes sends SIGHUP to the leader of its session.
        """
        files = self.files.keep_open if self.owns_host else self.files.close_all
        first = (self.streams.restore, self.signals.close, self.space.close, files, self.paths.close)
        with ExitStack() as all_of_them:  # whatever one of them raises
            for end in reversed((*first, self.environment.close, self.attributes.close, self.memory.release)):
                all_of_them.callback(end)

    def run(self, instance: Instance) -> int:
        """Call `_start`, wait for the program's end and return its exit status, 0 to 255."""
        self.signals.begin()
        self.streams.begin()
        return self.threads.run_main(instance, instance.exports["_start"])

    @property
    def pid(self) -> int:
        """The process's number, which is the main thread's too."""
        return os.getpid()

    def interrupted(self, restart: Restart) -> bool:
        """Run the handlers of signals that have arrived; tell whether the guest must see EINTR.

        Else nothing has happened to the guest, or every handler wants calls of this kind to be made again.
        """
        if not self.signals.interrupting():
            return False
        restarts = self.signals.deliver()
        return restarts is not None and not (restarts and restart is Restart.ALWAYS)

    def wait_readable(self, fd: int) -> None:
        """Before a call that may block on input: wait as long as the thread's deadline allows, if it has one."""
        if remaining() != _NEVER:
            self._wait(fd, reading=True)

    def wait_writable(self, fd: int) -> None:
        """The same for output."""
        if remaining() != _NEVER:
            self._wait(fd, reading=False)

    def _wait(self, fd: int, reading: bool) -> None:
        import select
        from fcntl import F_GETFL, fcntl

        mode = fcntl(fd, F_GETFL)
        if mode & os.O_NONBLOCK or mode & os.O_ACCMODE == (os.O_WRONLY if reading else os.O_RDONLY):
            return  # the call itself does not wait, or refuses
        poll = select.poll()
        poll.register(fd, select.POLLIN if reading else select.POLLOUT)
        if poll.poll(0) or self.kernel.refuses_transfer(fd):
            return
        while not poll.poll(wait_slice() * 1000):
            check()
            if self.signals.interrupting():
                raise OSError(EINTR, "a signal")

    def sleep(self, seconds: float) -> float:
        """Sleep; return the seconds that are left, more than 0 only after a handler.  A deadline ends it."""
        import time

        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            check()
            if self.interrupted(Restart.NEVER):
                return left
            with suppress(InterruptedError):
                self.kernel.sleep(min(left, wait_slice()) if remaining() != _NEVER else left)
        return 0.0


_NEVER: Final = float("inf")


def _print_report(text: str) -> None:
    print(f"pywasmjit: {text}", file=sys.stderr)


class Wali:
    """Linux for one program: link a module against it, then `start` the instance.

    args: the program's arguments, its own name first.  env: its environment variables; the host's are not seen.
    policy: what it may do, by default `Policy.sandbox()`.  stdin, stdout, stderr: host descriptors or open files with
    one, None for the process's own; they are used, not closed.  cwd: its working directory as the guest names it.
    report: called with one line for each kind of denied request, None for silence.
    owns_process: whether the host's process exists for this program alone: signals are then the process's own, and its
    end the program's.  Only for `start` in Python's main thread.  walls: for such a process, whether the kernel is told
    of the policy too (`walls`): "auto", if it can be; "require", raise OSError else; "off".  That is done when the
    first import is resolved, and holds for the process and for good.  Where everything is allowed there are none.
    Raises ValueError for a NUL in an argument or walls that cannot be, OSError if a granted directory or `cwd` cannot
    be opened.
    """

    def __init__(
        self,
        args: Iterable[str | bytes | os.PathLike[str]] = ("program",),
        env: Mapping[str, str] | None = None,
        policy: Policy | None = None,
        *,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        cwd: str | None = None,
        report: Callable[[str], None] | None = _print_report,
        owns_process: bool = False,
        walls: str = "auto",
    ) -> None:
        encoded = [os.fsencode(each) for each in args]
        if any(b"\0" in each for each in encoded):
            raise ValueError("an argument holds a NUL")
        streams = (_descriptor(stdin, 0), _descriptor(stdout, 1), _descriptor(stderr, 2))
        chosen = Policy.sandbox() if policy is None else policy
        _check_walls(walls, owns_process)
        self.process = Process(
            encoded, env or {}, chosen, streams=streams, cwd=cwd, report=report, owns_host=owns_process
        )
        self.process.walls = walls if owns_process and not chosen.everything else "off"
        self._enclosed = False

    def resolve_import(self, wanted: ImportType) -> object:
        """Return the `Direct` for an import from "wali", NotImplemented for any other.

        Unknown system calls answer -ENOSYS.  Raises LinkError where the declared type cannot be right, OSError if
        walls are required and cannot be.
        """
        from pywasmjit.runtime.functions import Direct, SafePoint
        from pywasmjit.wali.dispatch import absent, bind, unavailable
        from pywasmjit.wali.syscalls import TABLE

        if wanted.module != MODULE or not isinstance(wanted.type, FuncType):
            return NotImplemented
        self._enclose()
        declaration = TABLE.get(wanted.name)
        if wanted.name in _ASYNCHRONOUS:
            self.process.may_be_interrupted = True
        if declaration is not None:
            twice = declaration.returns_twice
            noted = None if twice is None else partial(twice, self.process)
            bound = bind(declaration, self.process, wanted.type)
            if self.process.trace is not None:
                bound = self.process.trace.wrap(declaration, bound, self.process, wanted.type)
            arrivals = self.process.signals.arrivals
            safe_point = SafePoint(arrivals.alerted, arrivals.at_loop_edge) if wanted.name in _ASYNCHRONOUS else None
            return Direct(bound, noted, safe_point)
        return Direct(absent(wanted.type) if wanted.name.startswith("SYS_") else unavailable(wanted.name))

    def _enclose(self) -> None:
        """Raise the walls, once: whoever has no import yet can do nothing yet, in whichever function it begins."""
        if not self._enclosed:
            self._enclosed = True
            if self.process.walls != "off":
                from pywasmjit.wali.walls import enclose

                enclose(self.process)

    def start(self, instance: Instance) -> int:
        """Run the program to its end and return its exit status, 0 to 255.

        Raises Trap and what else ends a guest from outside; LinkError if the module has no `_start`.
        """
        if "_start" not in instance.exports:
            raise LinkError("the program has no function _start to begin with")
        if "memory" in instance.exports:
            self.process.bind(instance.exports["memory"])
        try:
            return self.process.run(instance)
        finally:
            self.close()

    def close(self) -> None:
        """Close what the program has open; `start` does so at its end."""
        self.process.close()

    def __enter__(self) -> Wali:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_walls(walls: str, owns_process: bool) -> None:
    """Raise ValueError for another word than those of `WALLS`, or walls around a larger program."""
    if walls not in WALLS:
        raise ValueError(f"walls={walls!r} is none of {', '.join(WALLS)}")
    if walls == "require" and not owns_process:
        raise ValueError("walls can only be raised round a process of the guest's own: owns_process=True")


def _descriptor(stream: Stream, default: int) -> int:
    if stream is None:
        return default
    return stream if isinstance(stream, int) else stream.fileno()
