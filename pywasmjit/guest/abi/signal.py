"""<signal.h>: numbers, flags, and the structures that libc passes."""

from __future__ import annotations

from struct import Struct
from typing import Final

SIGACTION: Final = Struct("<IQIQ")
"""handler (table index, 0 default, 0xFFFFFFFE ignore), flags, restorer, mask: packed, 24 bytes."""

SIGSET: Final = Struct("<Q")
SIGSET_SIZE: Final = 8

SIG_DFL: Final = 0
SIG_IGN: Final = 0xFFFF_FFFE

SIGILL: Final = 4
SIGBUS: Final = 7
SIGFPE: Final = 8
SIGKILL: Final = 9
SIGSEGV: Final = 11
SIGPIPE: Final = 13
SIGALRM: Final = 14
SIGSTKFLT: Final = 16
SIGCHLD: Final = 17
SIGCONT: Final = 18
SIGSTOP: Final = 19
SIGTSTP: Final = 20
SIGTTIN: Final = 21
SIGTTOU: Final = 22
SIGURG: Final = 23
SIGXFSZ: Final = 25
SIGWINCH: Final = 28
SIGSYS: Final = 31
SIGRTMIN: Final = 32
"""The kernel's; libc keeps 32 to 34 for itself."""
NSIG: Final = 64

SIG_BLOCK: Final = 0
SIG_UNBLOCK: Final = 1
SIG_SETMASK: Final = 2

SA_NOCLDSTOP: Final = 1
SA_NOCLDWAIT: Final = 2
SA_SIGINFO: Final = 4
SA_RESTART: Final = 0x1000_0000
SA_NODEFER: Final = 0x4000_0000
SA_RESETHAND: Final = 0x8000_0000

IGNORED_BY_DEFAULT: Final = frozenset((SIGCHLD, SIGCONT, SIGURG, SIGWINCH))
STOPPING: Final = frozenset((SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU))


def bit(number: int) -> int:
    """Return the set that holds one signal."""
    return 1 << number - 1


ALL_SIGNALS: Final = (1 << NSIG) - 1
UNBLOCKABLE: Final = bit(SIGKILL) | bit(SIGSTOP)

SI_USER: Final = 0
SI_KERNEL: Final = 0x80
BUS_ADRERR: Final = 2
SI_QUEUE: Final = -1
SI_TKILL: Final = -6

SIGINFO_SIZE: Final = 128
SIGINFO: Final = Struct("<iii4xiIi")
"""si_signo, si_errno, si_code; si_pid, si_uid, and si_value's or si_status's low word."""

UCONTEXT_SIZE: Final = 920
UCONTEXT_MASK: Final = 280
"""Offset of the set of blocked signals."""
STACK_T: Final = Struct("<IiI")
"""ss_sp, ss_flags, ss_size."""
UCONTEXT_STACK: Final = 12
SS_ONSTACK: Final = 1
SS_DISABLE: Final = 2
SS_AUTODISARM: Final = -1 << 31
"""The uppermost bit of a signed number."""
MINSIGSTKSZ: Final = 2048


def pack_siginfo(number: int, code: int, pid: int = 0, uid: int = 0, value: int = 0) -> bytes:
    """Return a guest's siginfo."""
    return SIGINFO.pack(number, 0, code, pid, uid, value).ljust(SIGINFO_SIZE, b"\0")
