"""Good arguments for every call that takes an address: whatever it looks at before the address is in order.

A `Scene` is a guest in a directory with a few files; `GOOD` has for each import a function that puts into the scene
what the call needs and returns its arguments.
"""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from contextlib import suppress
from errno import ENOSYS
from pathlib import Path
from typing import Final, TypeAlias

from guest import Guest

from pywasmjit.guest.abi import ioctl

O_RDWR, O_DIRECTORY, O_NONBLOCK = 2, 0o200000, 0o4000
CWD, EMPTY_PATH = -100, 0x1000
AF_UNIX, AF_INET, STREAM, DATAGRAM = 1, 2, 1, 2
SOL_SOCKET, SO_REUSEADDR, SO_TYPE = 1, 2, 3
USR1, BLOCK = 10, 0
PAGE: Final = 4096


class Absent(Exception):
    """The host, or the way to it, does not have what a scene needs."""


class Scene:
    """A guest, and what calls are made on."""

    def __init__(self, guest: Guest, top: Path) -> None:
        self.guest = guest
        self.top = top

    # -- memory

    def put(self, data: bytes) -> int:
        """Return the address of these bytes."""
        return self.guest.put(data)

    def room(self, size: int) -> int:
        """Return the address of so many zeros."""
        return self.guest.put(bytes(size))

    def text(self, text: str) -> int:
        return self.guest.text(text)

    def time(self, seconds: int = 0) -> int:
        """Return the address of a timespec or timeval."""
        return self.put(struct.pack("<qq", seconds, 0))

    def pages(self, count: int = 1) -> int:
        """Return the address of new anonymous pages."""
        return self.guest.mmap(0, count * PAGE, 3, 0x22, -1, 0)

    # -- descriptors, as the guest numbers them

    def file(self) -> int:
        return self.guest.open("file", O_RDWR, 0)

    def dir(self) -> int:
        return self.guest.open("dir", O_DIRECTORY, 0)

    def pipe(self) -> tuple[int, int]:
        ends = self.room(8)
        assert self.guest.pipe(ends) == 0
        return struct.unpack("<ii", self.guest.memory.read(ends, 8))  # type: ignore[return-value]

    def pair(self, kind: int = STREAM, sent: bytes = b"sent") -> int:
        """Return one of two sockets, to which something has been sent."""
        ends = self.room(8)
        assert self.guest.socketpair(AF_UNIX, kind, 0, ends) == 0
        one, other = struct.unpack("<ii", self.guest.memory.read(ends, 8))
        if sent:
            assert self.guest.write(other, self.put(sent), len(sent)) == len(sent)
        return int(one)

    def name(self, path: str = "socket") -> tuple[int, int]:
        """Return (address, size) of a Unix socket's name."""
        data = struct.pack("<H", AF_UNIX) + path.encode() + b"\0"
        return self.put(data), len(data)

    def socket(self, kind: int = STREAM) -> int:
        return self.guest.socket(AF_UNIX, kind, 0)

    def listener(self) -> int:
        fd = self.socket()
        assert self.guest.bind(fd, *self.name()) == 0
        assert self.guest.listen(fd, 5) == 0
        return fd

    def awaited(self) -> int:
        """Return a socket at which a connection waits to be accepted."""
        fd = self.listener()
        assert self.guest.connect(self.socket(), *self.name()) == 0
        return fd

    def length(self, size: int = 110) -> int:
        """Return the address of a socklen_t."""
        return self.put(struct.pack("<i", size))

    def terminal(self) -> int:
        """Return a pseudo-terminal of the host's, entered into the guest's table."""
        ours, theirs = os.openpty()
        os.close(ours)
        return self.guest.process.files.add(theirs)

    def listening_datagrams(self) -> int:
        """Return a socket that can send to the name "socket"."""
        assert self.guest.bind(self.socket(DATAGRAM), *self.name()) == 0
        return self.socket(DATAGRAM)

    def addressed(self) -> int:
        """Return a socket that has got a message from one with a name."""
        fd, sender = self.socket(DATAGRAM), self.socket(DATAGRAM)
        assert self.guest.bind(fd, *self.name()) == 0
        assert self.guest.bind(sender, *self.name("sender")) == 0
        assert self.guest.sendto(sender, self.put(b"sent"), 4, 0, *self.name()) == 4
        return fd

    def epoll(self) -> int:
        return self._needed(self.guest.epoll_create1(0))

    def watching(self) -> int:
        """Return an epoll descriptor for something that is ready."""
        fd = self.epoll()
        self.guest.epoll_ctl(fd, 1, self.pair(), self.put(struct.pack("<IQ", 1, 7)))
        return fd

    def timer(self) -> int:
        return self._needed(self.guest.timerfd_create(1, 0))

    @staticmethod
    def _needed(result: int) -> int:
        if result == -ENOSYS:
            raise Absent
        return result

    def grouped(self) -> int:
        """Make the process belong to a group, if that is allowed; return a number of groups to ask for."""
        with suppress(PermissionError):
            os.setgroups([5])
        return 64

    def child(self) -> int:
        """Return a child process that has ended."""
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        return pid

    def pending(self) -> int:
        """Make a signal pending; return the address of the set that holds it."""
        held = self.put(struct.pack("<Q", 1 << USR1 - 1))
        assert self.guest.rt_sigprocmask(BLOCK, held, 0, 8) == 0
        assert self.guest.kill(os.getpid(), USR1) == 0
        return held

    def info(self) -> int:
        """Return the address of what rt_sigqueueinfo sends."""
        return self.put(struct.pack("<iii", 40, 0, -1).ljust(128, b"\0"))

    def action(self, handler: int = 1, restorer: int = 0) -> int:
        return self.put(struct.pack("<IQIQ", handler, 0, restorer, 0))

    def iovec(self, base: int, size: int, *, after: bool = False) -> int:
        """Return the address of an array of two iovec, one of which is (base, size)."""
        pair = [(base, size), (self.room(8), 8)]
        return self.put(b"".join(struct.pack("<II", *each) for each in (pair[::-1] if after else pair)))

    def message(self, **fields: int) -> int:
        """Return the address of a msghdr with good values but for those given."""
        values = {
            "name": 0,
            "namelen": 0,
            "iov": self.iovec(self.room(8), 8),
            "iovlen": 2,
            "control": 0,
            "controllen": 0,
            "flags": 0,
            **fields,
        }
        order = ("name", "namelen", "iov", "iovlen", "control", "controllen", "flags")
        # msg_iovlen and msg_controllen are followed by padding.
        return self.put(struct.pack("<IIIi4xIi4xI", *(values[each] for each in order)))

    def strings(self, *texts: str | int) -> int:
        """Return the address of an array of strings, ended by NULL."""
        addresses = [each if isinstance(each, int) else self.text(each) for each in texts]
        return self.put(struct.pack(f"<{len(addresses) + 1}I", *addresses, 0))

    def fds(self, nfds: int = 64) -> int:
        """Return the address of an fd_set with the first descriptor, which is ready."""
        return self.put((1).to_bytes(nfds // 8, "little"))


def make_files(top: Path) -> None:
    """Make what a scene begins with."""
    shutil.rmtree(top, ignore_errors=True)
    (top / "dir").mkdir(parents=True)
    (top / "empty").mkdir()
    (top / "file").write_bytes(b"content" * 1000)
    (top / "program").write_bytes(b"no format")
    (top / "program").chmod(0o755)
    (top / "link").symlink_to("file")


Arguments: TypeAlias = tuple[int, ...]
Recipe: TypeAlias = Callable[[Scene], Arguments]

_FILES: Final[dict[str, Recipe]] = {
    "read": lambda s: (s.file(), s.room(16), 16),
    "write": lambda s: (s.file(), s.room(16), 16),
    "pread64": lambda s: (s.file(), s.room(16), 16, 0),
    "pwrite64": lambda s: (s.file(), s.room(16), 16, 0),
    "readv": lambda s: (s.file(), s.iovec(s.room(8), 8), 2),
    "writev": lambda s: (s.file(), s.iovec(s.room(8), 8), 2),
    "preadv": lambda s: (s.file(), s.iovec(s.room(8), 8), 2, 0, 0),
    "pwritev": lambda s: (s.file(), s.iovec(s.room(8), 8), 2, 0, 0),
    "sendfile": lambda s: (s.pipe()[1], s.file(), s.room(8), 10),
    "open": lambda s: (s.text("file"), 0, 0),
    "openat": lambda s: (CWD, s.text("file"), 0, 0),
    "creat": lambda s: (s.text("new"), 0o644),
    "stat": lambda s: (s.text("file"), s.room(144)),
    "lstat": lambda s: (s.text("file"), s.room(144)),
    "fstat": lambda s: (s.file(), s.room(144)),
    "newfstatat": lambda s: (CWD, s.text("file"), s.room(144), 0),
    "fstatat": lambda s: (CWD, s.text("file"), s.room(144), 0),
    "statx": lambda s: (CWD, s.text("file"), 0, 0x7FF, s.room(256)),
    "statfs": lambda s: (s.text("file"), s.room(120)),
    "fstatfs": lambda s: (s.file(), s.room(120)),
    "access": lambda s: (s.text("file"), 4),
    "faccessat": lambda s: (CWD, s.text("file"), 4, 0),
    "faccessat2": lambda s: (CWD, s.text("file"), 4, 0),
    "chdir": lambda s: (s.text("dir"),),
    "chroot": lambda s: (s.text("dir"),),
    "getcwd": lambda s: (s.room(1024), 1024),
    "mkdir": lambda s: (s.text("new"), 0o755),
    "mkdirat": lambda s: (CWD, s.text("new"), 0o755),
    "mknod": lambda s: (s.text("new"), 0o100644, 0),
    "rmdir": lambda s: (s.text("empty"),),
    "unlink": lambda s: (s.text("file"),),
    "unlinkat": lambda s: (CWD, s.text("file"), 0),
    "rename": lambda s: (s.text("file"), s.text("new")),
    "renameat": lambda s: (CWD, s.text("file"), CWD, s.text("new")),
    "renameat2": lambda s: (CWD, s.text("file"), CWD, s.text("new"), 0),
    "link": lambda s: (s.text("file"), s.text("new")),
    "linkat": lambda s: (CWD, s.text("file"), CWD, s.text("new"), 0),
    "symlink": lambda s: (s.text("target"), s.text("new")),
    "symlinkat": lambda s: (s.text("target"), CWD, s.text("new")),
    "readlink": lambda s: (s.text("link"), s.room(64), 64),
    "readlinkat": lambda s: (CWD, s.text("link"), s.room(64), 64),
    "getdents64": lambda s: (s.dir(), s.room(512), 512),
    "getdents": lambda s: (s.dir(), s.room(512), 512),
    "chmod": lambda s: (s.text("file"), 0o600),
    "fchmodat": lambda s: (CWD, s.text("file"), 0o600, 0),
    "chown": lambda s: (s.text("file"), -1, -1),
    "lchown": lambda s: (s.text("file"), -1, -1),
    "fchownat": lambda s: (CWD, s.text("file"), -1, -1, 0),
    "utimensat": lambda s: (CWD, s.text("file"), s.room(32), 0),
    "futimesat": lambda s: (CWD, s.text("file"), s.room(32)),
    "utimes": lambda s: (s.text("file"), s.room(32)),
    "utime": lambda s: (s.text("file"), s.room(16)),
    "truncate": lambda s: (s.text("file"), 5),
    "ioctl": lambda s: (s.terminal(), ioctl.NAMES["TCGETS"], s.room(64)),
    "fcntl": lambda s: (s.file(), 5, s.put(struct.pack("<hhqqi4x", 0, 0, 0, 0, 0))),
}

_MEMORY: Final[dict[str, Recipe]] = {
    "mmap": lambda s: (s.pages(), PAGE, 3, 0x32, -1, 0),
    "munmap": lambda s: (s.pages(), PAGE),
    "mprotect": lambda s: (s.pages(), PAGE, 1),
    "msync": lambda s: (s.pages(), PAGE, 4),
    "madvise": lambda s: (s.pages(), PAGE, 4),
    "mlock": lambda s: (s.pages(), PAGE),
    "munlock": lambda s: (s.pages(), PAGE),
    "mremap": lambda s: (s.pages(), PAGE, PAGE, 3, s.pages(2) + PAGE),
    "brk": lambda s: (0,),
    "futex": lambda s: (s.room(4), 4, 1, 0, s.room(4), 0),
}

_SOCKETS: Final[dict[str, Recipe]] = {
    "socketpair": lambda s: (AF_UNIX, STREAM, 0, s.room(8)),
    "bind": lambda s: (s.socket(), *s.name()),
    "connect": lambda s: (s.socket(), s.listener() and s.name()[0], s.name()[1]),
    "accept": lambda s: (s.awaited(), s.room(110), s.length()),
    "accept4": lambda s: (s.awaited(), s.room(110), s.length(), 0),
    "getsockname": lambda s: (s.listener(), s.room(110), s.length()),
    "getpeername": lambda s: (s.pair(), s.room(110), s.length()),
    "sendto": lambda s: (s.listening_datagrams(), s.room(8), 8, 0, *s.name()),
    "recvfrom": lambda s: (s.addressed(), s.room(8), 8, 0x40, s.room(110), s.length()),
    "sendmsg": lambda s: (s.pair(), s.message(), 0),
    "recvmsg": lambda s: (s.pair(), s.message(), 0x40),
    "setsockopt": lambda s: (s.socket(), SOL_SOCKET, SO_REUSEADDR, s.put(b"\1\0\0\0"), 4),
    "getsockopt": lambda s: (s.socket(), SOL_SOCKET, SO_TYPE, s.room(4), s.length(4)),
}

_EVENTS: Final[dict[str, Recipe]] = {
    "poll": lambda s: (s.put(struct.pack("<ihh", s.file(), 1, 0)), 1, 0),
    "ppoll": lambda s: (s.put(struct.pack("<ihh", s.file(), 1, 0)), 1, s.time(), s.room(8), 8),
    "select": lambda s: (64, s.fds(), s.fds(), s.fds(), s.time()),
    "pselect6": lambda s: (64, s.fds(), s.fds(), s.fds(), s.time(), s.put(struct.pack("<QQ", s.room(8), 8))),
    "epoll_ctl": lambda s: (s.epoll(), 1, s.pair(), s.put(struct.pack("<IQ", 1, 7))),
    "epoll_wait": lambda s: (s.watching(), s.room(24), 2, 0),
    "epoll_pwait": lambda s: (s.watching(), s.room(24), 2, 0, s.room(8), 8),
    "pipe": lambda s: (s.room(8),),
    "pipe2": lambda s: (s.room(8), 0),
    "timerfd_settime": lambda s: (s.timer(), 0, s.room(32), s.room(32)),
    "timerfd_gettime": lambda s: (s.timer(), s.room(32)),
    "signalfd": lambda s: (-1, s.room(8), 8),
    "signalfd4": lambda s: (-1, s.room(8), 8, 0),
}

_TIME: Final[dict[str, Recipe]] = {
    "nanosleep": lambda s: (s.time(), s.room(16)),
    "clock_nanosleep": lambda s: (1, 0, s.time(), s.room(16)),
    "clock_gettime": lambda s: (1, s.room(16)),
    "clock_getres": lambda s: (1, s.room(16)),
    "gettimeofday": lambda s: (s.room(16), s.room(8)),
    "setitimer": lambda s: (0, s.room(32), s.room(32)),
    "getitimer": lambda s: (0, s.room(32)),
    "times": lambda s: (s.room(32),),
}

_SIGNALS: Final[dict[str, Recipe]] = {
    "rt_sigaction": lambda s: (USR1, s.action(), s.room(24), 8),
    "rt_sigprocmask": lambda s: (BLOCK, s.room(8), s.room(8), 8),
    "rt_sigpending": lambda s: (s.room(8), 8),
    "rt_sigsuspend": lambda s: (s.room(8), 8),
    "rt_sigtimedwait": lambda s: (s.pending(), s.room(128), s.time(), 8),
    "rt_sigqueueinfo": lambda s: (os.getpid(), s.guest.rt_sigprocmask(BLOCK, s.put(b"\xff" * 8), 0, 8) or 40, s.info()),
    "sigaltstack": lambda s: (s.put(struct.pack("<IiI", 4096, 0, 4096)), s.room(12)),
}

_PROCESS: Final[dict[str, Recipe]] = {
    "execve": lambda s: (s.text("program"), s.strings("program"), s.strings("A=1")),
    "wait4": lambda s: (s.child(), s.room(4), 1, s.room(144)),
    "waitid": lambda s: (1, s.child(), s.room(128), 5, s.room(144)),
    "uname": lambda s: (s.room(390),),
    "sysinfo": lambda s: (s.room(112),),
    "getrusage": lambda s: (0, s.room(144)),
    "getrlimit": lambda s: (7, s.room(16)),
    "setrlimit": lambda s: (4, s.put(struct.pack("<QQ", 0, (1 << 64) - 1))),
    "prlimit64": lambda s: (0, 4, s.put(struct.pack("<QQ", 0, (1 << 64) - 1)), s.room(16)),
    "getgroups": lambda s: (s.grouped(), s.room(256)),
    "setgroups": lambda s: (1, s.put(b"\1\0\0\0")),
    "getresuid": lambda s: (s.room(4), s.room(4), s.room(4)),
    "getresgid": lambda s: (s.room(4), s.room(4), s.room(4)),
    "sched_getaffinity": lambda s: (0, 128, s.room(128)),
    "sched_setaffinity": lambda s: (0, 8, s.put(b"\xff" * 8)),
    "sched_setscheduler": lambda s: (0, 0, s.room(4)),
    "set_tid_address": lambda s: (s.room(4),),
    "getrandom": lambda s: (s.room(16), 16, 0),
    "prctl": lambda s: (16, s.room(16), 0, 0, 0),
}

_AUXILIARY: Final[dict[str, Recipe]] = {
    "__cl_copy_argv": lambda s: (s.room(16), 0),
    "__get_init_envfile": lambda s: (s.room(64), 64),
    "__wasm_thread_spawn": lambda s: (0, s.room(16)),
    "setjmp": lambda s: (s.room(224),),
    "_setjmp": lambda s: (s.room(224),),
    "sigsetjmp": lambda s: (s.room(224), 1),
    "longjmp": lambda s: (s.room(224), 1),
    "_longjmp": lambda s: (s.room(224), 1),
    "siglongjmp": lambda s: (s.room(224), 1),
}

_CALLS: Final = {**_FILES, **_MEMORY, **_SOCKETS, **_EVENTS, **_TIME, **_SIGNALS, **_PROCESS}

GOOD: Final[dict[str, Recipe]] = {**{f"SYS_{name}": recipe for name, recipe in _CALLS.items()}, **_AUXILIARY}
"""Import name -> what makes good arguments for it."""
