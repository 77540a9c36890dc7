"""What the guest process asks of the host, and what each implementation of it promises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import os

    from pywasmjit.guest.abi import socket as abi
    from pywasmjit.guest.abi.dirent import Entry
    from pywasmjit.guest.abi.fcntl import OpenFlags
    from pywasmjit.guest.abi.statfs import FileSystem
    from pywasmjit.guest.kernel.children import Usage
    from pywasmjit.guest.kernel.events import Descriptors, Event, TimerValue
    from pywasmjit.guest.kernel.raw_futexes import KernelFutexes
    from pywasmjit.guest.kernel.sockets import Parts, Received
    from pywasmjit.guest.memory.guest_memory import GuestMemory


class Kernel(Protocol):
    """Host calls for one guest.

    Descriptors are the host's, `dir_fd` may be AT_FDCWD, new ones are close-on-exec; paths are bytes without NUL; flags
    are the guest's unless said otherwise.  Addresses are the guest's, checked by the caller (0 is NULL, EFAULT where it
    is accessed); what has none returns values, and leaves it to the interface to lay them out.
    All raise OSError with the host's errno; what cannot be done here raises EINVAL, ENOSYS or EOPNOTSUPP.  Whether
    EINTR comes back at once or the call is made again is the implementation's choice.
    """

    memory: GuestMemory
    """The guest's memory, which may be bound later."""

    open_flags: OpenFlags
    """The host's flags of open."""

    maps_files: bool
    """Whether `map_file` can work; if not, mappings are emulated by reading and writing."""

    resolves: bool
    """Whether `open_resolving` can work."""

    futexes: KernelFutexes | None
    """The kernel's futexes on linear memory, if they can be used."""

    faulted: Callable[[int], object]
    """Called with the guest address of an access to pages of a file that are gone; set by the process."""

    def attach(self) -> None:
        """Take note of the memory's address; when the memory has been bound."""

    def read(self, fd: int, address: int, count: int) -> int:
        """read(2)."""

    def write(self, fd: int, address: int, count: int) -> int:
        """write(2)."""

    def readv(self, fd: int, parts: list[tuple[int, int]]) -> int:
        """readv(2); parts: (address, length)."""

    def writev(self, fd: int, parts: list[tuple[int, int]]) -> int:
        """writev(2); parts: (address, length)."""

    def pread(self, fd: int, address: int, count: int, offset: int) -> int:
        """pread64(2)."""

    def pwrite(self, fd: int, address: int, count: int, offset: int) -> int:
        """pwrite64(2)."""

    def lseek(self, fd: int, offset: int, whence: int) -> int:
        """lseek(2)."""

    def fstat(self, fd: int) -> os.stat_result:
        """fstat(2)."""

    def list_directory(self, fd: int, size: int) -> list[Entry]:
        """getdents64(2): the next entries that have room in `size` bytes of the kernel's records; none at the end.

        Raises EINVAL if there is no room for one.
        """

    def close(self, fd: int) -> None:
        """Forget what is known of a descriptor that is being closed, and nobody else's yet."""

    def open(self, dir_fd: int, path: bytes, flags: int, mode: int) -> int:
        """openat(2), always close-on-exec."""

    def open_resolving(self, dir_fd: int, path: bytes, flags: int, mode: int, resolve: int) -> int:
        """openat2(2); resolve: BENEATH | NO_SYMLINKS | NO_MAGICLINKS.

        Raises ELOOP at a link that is not allowed, EXDEV at a way out, NotImplementedError where `resolves` is false.
        """

    def stat(self, dir_fd: int, name: bytes, flags: int) -> os.stat_result:
        """newfstatat(2); an empty name stands for the descriptor."""

    def is_procfs(self, fd: int, found: os.stat_result) -> bool:
        """Tell whether the open file `fd`, whose fstat is `found`, lies in a procfs."""

    def clock_gettime(self, clock: int) -> int:
        """clock_gettime(2), in nanoseconds; the clock is no descriptor's."""

    def getrandom(self, address: int, count: int, flags: int) -> int:
        """getrandom(2)."""

    def map_file(self, address: int, length: int, fd: int, offset: int, shared: bool) -> None:
        """Map a file into linear memory, readable and writable; fd -1: anonymous memory.  Whole pages."""

    def survives_truncation(self) -> bool:
        """Make the loss of a mapped file's pages harmless; False if that cannot be done."""

    def move_mapping(self, start: int, size: int, new_start: int, new_size: int, shared: bool) -> None:
        """Move and resize what `map_file` mapped; zeros stay behind.  Raises EINVAL where a private one cannot move."""

    def clear(self, address: int, length: int, mapped: bool) -> None:
        """Make a range of whole pages read as zeros; mapped: a file may be mapped there."""

    def sync(self, address: int, length: int, flags: int) -> None:
        """msync(2) on whole pages."""

    def chmod(self, dir_fd: int, name: bytes, mode: int) -> None:
        """fchmodat(2), links followed."""

    def chown(self, dir_fd: int, name: bytes, owner: int, group: int, flags: int) -> None:
        """fchownat(2); owner, group: -1 leaves them.  flags: AT_SYMLINK_NOFOLLOW."""

    def utimens(self, dir_fd: int, name: bytes | None, times: tuple[int, ...] | None, flags: int) -> None:
        """utimensat(2); times: seconds and nanoseconds of access and change, None for now.  name None: a descriptor
        that was opened for more than its path."""

    def access(self, dir_fd: int, name: bytes, mode: int, flags: int) -> None:
        """faccessat2(2); flags: AT_EACCESS, AT_SYMLINK_NOFOLLOW.  Raises what denies the access."""

    def statx(self, dir_fd: int, name: bytes, flags: int, mask: int) -> tuple[int, ...]:
        """statx(2); return the fields of `abi.statx.STATX`."""

    def fstatfs(self, fd: int) -> FileSystem:
        """fstatfs(2)."""

    def truncate(self, fd: int, length: int) -> None:
        """truncate(2) on the regular file that an O_PATH descriptor stands for."""

    def link(self, old_fd: int, old: bytes, new_fd: int, new: bytes, flags: int) -> None:
        """linkat(2); an empty `old` stands for the descriptor."""

    def rename(self, old_fd: int, old: bytes, new_fd: int, new: bytes, flags: int) -> None:
        """renameat2(2).  Raises EINVAL for flags that the host cannot honour."""

    def mknod(self, dir_fd: int, name: bytes, mode: int, device: int) -> None:
        """mknodat(2); device: the kernel's 32-bit form."""

    def preadv(self, fd: int, parts: list[tuple[int, int]], offset: int) -> int:
        """preadv(2); parts: (address, length)."""

    def pwritev(self, fd: int, parts: list[tuple[int, int]], offset: int) -> int:
        """pwritev(2); parts: (address, length)."""

    def sendfile(self, out_fd: int, in_fd: int, offset: int | None, count: int) -> int:
        """sendfile(2); offset: where to begin, None for the file's own position, which then moves."""

    def fallocate(self, fd: int, mode: int, offset: int, length: int) -> None:
        """fallocate(2).  Raises EOPNOTSUPP for modes that the host cannot honour."""

    def flock(self, fd: int, operation: int) -> None:
        """flock(2)."""

    def fcntl(self, fd: int, command: int, argument: int | bytearray) -> int:
        """fcntl(2); a bytearray is the structure that the command reads or writes.  Numbers are the host's."""

    def status_flags(self, fd: int) -> int:
        """F_GETFL; the guest's flags."""

    def set_status_flags(self, fd: int, flags: int) -> None:
        """F_SETFL; flags: the guest's."""

    def sysinfo(self) -> tuple[int, ...]:
        """sysinfo(2); return the fields of `abi.resource.SYSINFO`."""

    def thread_name(self) -> bytes:
        """Return the calling thread's name, as PR_GET_NAME does: 16 bytes with NULs."""

    def set_thread_name(self, name: bytes) -> None:
        """PR_SET_NAME; name: at most 15 bytes."""

    def prctl(self, option: int, arguments: tuple[int, int, int, int]) -> int:
        """prctl(2) with numbers for arguments; option: none with a pointer.  Raises EINVAL for what cannot be done."""

    def prctl_int(self, option: int) -> int:
        """Return the int that an option writes to its second argument's address.  Raises EINVAL."""

    def sched_getaffinity(self, pid: int, size: int) -> bytes:
        """Return the set of processors as the bytes that the call writes.  Raises EINVAL if `size` is too small."""

    def sleep(self, seconds: float) -> None:
        """Sleep for that long, or until a signal comes: EINTR."""

    def queue_signal(self, pid: int, number: int, info: bytes) -> None:
        """rt_sigqueueinfo(2) to another process; info: a siginfo of 128 bytes."""

    def sched_yield(self) -> None:
        """sched_yield(2), the GIL included."""

    def mlock(self, address: int, length: int) -> None:
        """mlock(2) on linear memory."""

    def munlock(self, address: int, length: int) -> None:
        """munlock(2) on linear memory."""

    def wait4(self, pid: int, options: int) -> tuple[int, int, Usage]:
        """wait4(2); return the child's number, 0 if there is nothing to tell yet, its status, and what it has used."""

    def waitid(self, idtype: int, number: int, options: int) -> tuple[tuple[int, ...], Usage]:
        """waitid(2); return the fields of `abi.wait.SIGINFO`, all 0 if there is nothing to tell yet, and the usage."""

    def poll(self, fds: bytearray, seconds: float) -> int:
        """poll(2) on an array of pollfd with host descriptors; those below 0 are passed over."""

    def select(
        self, reading: Descriptors, writing: Descriptors, exceptional: Descriptors, seconds: float
    ) -> tuple[Descriptors, Descriptors, Descriptors]:
        """select(2) on host descriptors; returns those that are ready."""

    def epoll_create(self) -> int:
        """epoll_create1(2), close-on-exec."""

    def epoll_ctl(self, epoll: int, operation: int, fd: int, event: Event | None) -> None:
        """epoll_ctl(2); event: None where something is removed."""

    def epoll_wait(self, epoll: int, count: int, seconds: float) -> list[Event]:
        """epoll_wait(2); return at most `count` events."""

    def pipe(self, flags: int) -> tuple[int, int]:
        """pipe2(2), close-on-exec."""

    def eventfd(self, initial: int, flags: int) -> int:
        """eventfd2(2), close-on-exec."""

    def timerfd_create(self, clock: int, flags: int) -> int:
        """timerfd_create(2), close-on-exec."""

    def timerfd_settime(self, fd: int, flags: int, new: TimerValue) -> TimerValue:
        """timerfd_settime(2); return what was set before."""

    def timerfd_gettime(self, fd: int) -> TimerValue:
        """timerfd_gettime(2)."""

    def signalfd(self, fd: int, mask: int, flags: int) -> int:
        """signalfd4(2), close-on-exec; fd: -1 for a new descriptor.  The mask's signals are the kernel's."""

    def socket(self, family: int, kind: int, protocol: int) -> int:
        """socket(2); kind: without flags."""

    def socketpair(self, family: int, kind: int, protocol: int) -> tuple[int, int]:
        """socketpair(2); kind: without flags."""

    def bind(self, fd: int, name: bytes) -> None:
        """bind(2)."""

    def connect(self, fd: int, name: bytes) -> None:
        """connect(2)."""

    def listen(self, fd: int, backlog: int) -> None:
        """listen(2)."""

    def accept(self, fd: int, nonblock: bool) -> tuple[int, bytes]:
        """accept4(2); returns the connection and its peer's address."""

    def shutdown(self, fd: int, how: int) -> None:
        """shutdown(2)."""

    def socket_name(self, fd: int) -> bytes:
        """getsockname(2)."""

    def peer_name(self, fd: int) -> bytes:
        """getpeername(2)."""

    def send(self, fd: int, parts: Parts, flags: int, name: bytes | None, control: Sequence[abi.ControlMessage]) -> int:
        """sendmsg(2); name: None for none."""

    def receive(self, fd: int, parts: Parts, flags: int, room: int) -> Received:
        """recvmsg(2); room: bytes for control messages in the host's layout."""

    def receive_from(self, fd: int, address: int, size: int, flags: int, named: bool) -> tuple[int, bytes]:
        """recvfrom(2); returns the number of bytes and the sender's address, which is of no interest unless `named`."""

    def get_option(self, fd: int, level: int, option: int, size: int) -> bytes:
        """getsockopt(2); returns what the kernel wrote."""

    def refuses_transfer(self, fd: int) -> bool:
        """Tell whether a read or write fails at once, although the descriptor is not ready: epoll's own, and sockets
        that listen.
        """

    def set_option(self, fd: int, level: int, option: int, value: bytes) -> None:
        """setsockopt(2)."""
