"""The kernel state of one guest program.

A `Process` is made before its memory is: imports are bound first, memory when the instance exists.  Whoever acts for
the guest gets at everything through it, and at nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from errno import EINTR
from typing import TYPE_CHECKING, ClassVar, Final

from pywasmjit.guest.attributes import Attributes
from pywasmjit.guest.files.descriptors import Files
from pywasmjit.guest.files.grants import GrantedPaths
from pywasmjit.guest.files.paths import HostPaths, Paths
from pywasmjit.guest.files.streams import CallersStreams
from pywasmjit.guest.kernel import choose
from pywasmjit.guest.memory.guest_memory import GuestMemory
from pywasmjit.guest.memory.space import AddressSpace
from pywasmjit.guest.policy.denials import Denials
from pywasmjit.guest.policy.network import Network
from pywasmjit.guest.restart import Restart
from pywasmjit.guest.signals.signals import Signals
from pywasmjit.guest.sleepers import FutexSleepers
from pywasmjit.guest.threads import Threads
from pywasmjit.runtime.deadlines import check, remaining, wait_slice

if TYPE_CHECKING:
    from pywasmjit.guest.memory.guest_memory import Memory
    from pywasmjit.guest.policy.policy import Policy
    from pywasmjit.guest.processes.execution import Succession
    from pywasmjit.runtime.instance import Instance

_NEVER: Final = float("inf")


class Process:
    """The kernel state of one guest program.

    Attributes: args (bytes, the program's name first), policy, denials, files, streams, paths, network, memory, space,
    kernel, signals, threads, attributes.  Set by the interface before a module is linked: walls (how the kernel is to
    help, see `policy.walls`) and succession (writes down for the engine that runs an executed Wasm program what it must
    know, and returns its descriptor; None if such programs are not executed).
    Before `bind` the memory is empty.
    """

    early_imports: ClassVar[tuple[str, ...]] = ()
    """Modules of the interface that a running guest can need, to be imported before walls are raised."""

    def __init__(
        self,
        args: Iterable[bytes],
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
        self.walls = "off"
        self.succession: Succession | None = None
        self.policy = policy
        self.denials = Denials(report)
        self.memory = GuestMemory()
        self.kernel = choose(self.memory)
        self.space = AddressSpace(self.memory, self.kernel)
        self.files = Files(streams)
        self.attributes = Attributes(policy, self.files, self.space, owns_host=owns_host)
        if owns_host:
            self.attributes.reserve_descriptors()
        self.streams = CallersStreams(streams, kept=not policy.everything)
        self.threads = Threads(owns_host=owns_host)
        self.signals = Signals(self.threads, self.streams, self.memory, owns_host=owns_host)
        self._introduce()
        self.paths = self._open_paths(cwd)
        self.network = Network(policy, self.denials, self.kernel, self.files, self.paths)

    def _introduce(self) -> None:
        """Tell the parts of those that were made after them."""
        threads = self.threads
        threads.signals = self.signals
        threads.before_end = (self.streams.restore, self.space.close)
        locks = (self.streams.renew_lock, self.space.renew_lock, self.signals.renew_locks)
        threads.renewals = (self.files.after_fork, *locks)
        self.streams.on_change = self.signals.guard.begin
        self.kernel.faulted = self.signals.fault

    def _open_paths(self, cwd: str | None) -> Paths:
        if self.policy.everything:
            return HostPaths(self.kernel, self.files, cwd)
        return GrantedPaths(self.kernel, self.denials, self.policy.dirs, cwd)

    def bind(self, memory: Memory) -> None:
        """Take the instance's memory; once, before the program starts."""
        self.memory.bind(memory)
        self.kernel.attach()
        self.space.begin()
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
            for end in reversed((*first, self.attributes.close, self.memory.release)):
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
