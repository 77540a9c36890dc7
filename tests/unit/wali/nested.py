"""Addresses and lengths inside of structures, and those that are addresses for some commands only.

`NESTED` has for each (import, what is meant) a function that makes arguments around a value; None stands for a good
one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, TypeAlias

from recipes import BLOCK, DATAGRAM, PAGE, USR1, Arguments, Scene

from pywasmjit.guest.abi import fcntl, ioctl

Nested: TypeAlias = Callable[[Scene, int | None], Arguments]
Structure: TypeAlias = Callable[[Scene, int | None], int]


def _or(value: int | None, good: int) -> int:
    return good if value is None else value


def _base(s: Scene, value: int | None) -> int:
    return s.iovec(_or(value, s.room(8)), 8)


def _later_base(s: Scene, value: int | None) -> int:
    return s.iovec(_or(value, s.room(8)), 8, after=True)


def _size(s: Scene, value: int | None) -> int:
    return s.iovec(s.room(8), _or(value, 8))


_VECTORS: Final[dict[str, Structure]] = {
    "iov[0].iov_base": _base,
    "iov[1].iov_base": _later_base,
    "iov[0].iov_len": _size,
}


def _vector_call(make: Structure, offset: Arguments) -> Nested:
    return lambda s, value: (s.file(), make(s, value), 2, *offset)


def _message_call(make: Structure, flags: int) -> Nested:
    return lambda s, value: (s.pair(DATAGRAM), s.message(iov=make(s, value)), flags)


def _named(s: Scene, value: int | None) -> Arguments:
    good, size = s.name()
    return s.listening_datagrams(), s.message(name=_or(value, good), namelen=size), 0


def _control(s: Scene, value: int | None) -> int:
    """A control message that passes a descriptor."""
    good = s.put(struct.pack("<Iiii", 16, 1, 1, 0))
    return s.message(control=_or(value, good), controllen=16)


_MESSAGES: Final[dict[tuple[str, str], Nested]] = {
    ("SYS_sendmsg", "msg_name"): _named,
    ("SYS_recvmsg", "msg_name"): lambda s, value: (
        s.addressed(),
        s.message(name=_or(value, s.room(110)), namelen=110),
        0x40,
    ),
    ("SYS_sendmsg", "msg_iov"): lambda s, value: (s.pair(), s.message(iov=_or(value, s.iovec(s.room(8), 8))), 0),
    ("SYS_recvmsg", "msg_iov"): lambda s, value: (s.pair(), s.message(iov=_or(value, s.iovec(s.room(8), 8))), 0x40),
    ("SYS_sendmsg", "msg_control"): lambda s, value: (s.pair(), _control(s, value), 0),
    ("SYS_recvmsg", "msg_control"): lambda s, value: (
        s.pair(),
        s.message(control=_or(value, s.room(64)), controllen=64),
        0x40,
    ),
}


def _options(request: ioctl.Request, number: int) -> Nested:
    def make(s: Scene, value: int | None) -> Arguments:
        if request.name.startswith(("SIOC", "FIO")):
            fd = s.pair()
        else:
            fd = s.terminal() if request.name.startswith("T") else s.file()
        return fd, number, _or(value, s.room(64))

    return make


_REQUESTS: Final = {
    ("SYS_ioctl", request.name): _options(request, number)
    for number, request in ioctl.REQUESTS.items()
    if request.in_bytes or request.out_bytes
}

_LOCK: Final = struct.pack("<hhqqi4x", 2, 0, 0, 0, 0)
_COMMANDS: Final = (
    fcntl.F_GETLK,
    fcntl.F_SETLK,
    fcntl.F_SETLKW,
    fcntl.F_OFD_GETLK,
    fcntl.F_OFD_SETLK,
    fcntl.F_OFD_SETLKW,
    fcntl.F_SETOWN_EX,
    fcntl.F_GETOWN_EX,
    fcntl.F_GET_RW_HINT,
    fcntl.F_SET_RW_HINT,
    fcntl.F_GET_FILE_RW_HINT,
    fcntl.F_SET_FILE_RW_HINT,
)


def _command(command: int) -> Nested:
    def make(s: Scene, value: int | None) -> Arguments:
        lock = command not in _COMMANDS[6:]
        return s.file(), command, _or(value, s.put(_LOCK) if lock else s.room(16))

    return make


def _option(option: int) -> Nested:
    return lambda s, value: (option, _or(value, s.room(16)), 0, 0, 0)


_BY_COMMAND: Final[dict[tuple[str, str], Nested]] = {
    **_REQUESTS,
    **{("SYS_fcntl", f"command {command}"): _command(command) for command in _COMMANDS},
    **{("SYS_prctl", f"option {option}"): _option(option) for option in (2, 15, 16, 37)},
    ("SYS_futex", "timeout of a wait"): lambda s, value: (s.room(4), 0, 1, _or(value, s.time()), 0, 0),
    ("SYS_futex", "timeout until a time"): lambda s, value: (s.room(4), 9, 1, _or(value, s.time()), 0, 1),
    ("SYS_futex", "address of a wait"): lambda s, value: (_or(value, s.room(4)), 0, 1, s.time(), 0, 0),
    ("SYS_futex", "address to be woken"): lambda s, value: (_or(value, s.room(4)), 1, 1, 0, 0, 0),
    ("SYS_futex", "second address of an operation"): lambda s, value: (s.room(4), 5, 1, 1, _or(value, s.room(4)), 0),
}

_OTHERS: Final[dict[tuple[str, str], Nested]] = {
    ("SYS_execve", "argv[0]"): lambda s, v: (s.text("program"), s.strings(_or(v, s.text("x"))), s.strings()),
    ("SYS_execve", "argv[1]"): lambda s, v: (s.text("program"), s.strings("a", _or(v, s.text("x"))), s.strings()),
    ("SYS_execve", "envp[0]"): lambda s, v: (s.text("program"), s.strings("a"), s.strings(_or(v, s.text("x=1")))),
    ("SYS_pselect6", "sigmask->ss"): lambda s, v: (
        64, s.fds(), 0, 0, s.time(), s.put(struct.pack("<QQ", _or(v, s.room(8)), 8)),
    ),
    ("SYS_pselect6", "sigmask->ss, its high half"): lambda s, v: (
        64, s.fds(), 0, 0, s.time(), s.put(struct.pack("<IIQ", s.room(8), v or 0, 8)),
    ),
    ("SYS_rt_sigaction", "act->handler"): lambda s, v: (USR1, s.action(_or(v, 1)), s.room(24), 8),
    ("SYS_rt_sigaction", "act->restorer"): lambda s, v: (USR1, s.action(1, _or(v, 0)), s.room(24), 8),
    ("SYS_sigaltstack", "ss->ss_sp"): lambda s, v: (s.put(struct.pack("<IiI", _or(v, PAGE), 0, PAGE)), s.room(12)),
    ("SYS_rt_sigprocmask", "set, unblocking"): lambda s, v: (BLOCK + 1, _or(v, s.room(8)), 0, 8),
    ("SYS_sendto", "buf of a stream"): lambda s, v: (s.pair(), _or(v, s.room(8)), 8, 0, 0, 0),
    ("SYS_recvfrom", "buf of a stream"): lambda s, v: (s.pair(), _or(v, s.room(8)), 8, 0x40, 0, 0),
    ("SYS_write", "buf of a pipe"): lambda s, v: (s.pipe()[1], _or(v, s.room(8)), 8),
    ("SYS_getrandom", "a long buf"): lambda s, v: (_or(v, PAGE), 60_000, 0),
}  # fmt: skip

_OFFSETS: Final[dict[str, Arguments]] = {"readv": (), "writev": (), "preadv": (0, 0), "pwritev": (0, 0)}

NESTED: Final[dict[tuple[str, str], Nested]] = {
    **{
        (f"SYS_{name}", label): _vector_call(make, offset)
        for name, offset in _OFFSETS.items()
        for label, make in _VECTORS.items()
    },
    **{
        (f"SYS_{name}", label): _message_call(make, flags)
        for name, flags in (("sendmsg", 0), ("recvmsg", 0x40))
        for label, make in _VECTORS.items()
    },
    **_MESSAGES,
    **_BY_COMMAND,
    **_OTHERS,
}
"""(Import name, what the value is) -> what makes arguments around the value."""
