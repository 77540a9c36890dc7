"""<sys/wait.h>: options, kinds of numbers, and the part of siginfo that waitid writes."""

from __future__ import annotations

from struct import Struct
from typing import Final

WNOHANG: Final = 1
WUNTRACED: Final = 2
WEXITED: Final = 4
WCONTINUED: Final = 8
WNOWAIT: Final = 0x0100_0000

WAIT4_OPTIONS: Final[dict[str, int]] = {
    "WNOHANG": WNOHANG,
    "WUNTRACED": WUNTRACED,
    "WCONTINUED": WCONTINUED,
    "__WNOTHREAD": 0x2000_0000,
    "__WALL": 0x4000_0000,
    "__WCLONE": 0x8000_0000,
}
WAITID_OPTIONS: Final[dict[str, int]] = {
    "WNOHANG": WNOHANG,
    "WSTOPPED": WUNTRACED,
    "WEXITED": WEXITED,
    "WCONTINUED": WCONTINUED,
    "WNOWAIT": WNOWAIT,
    "__WNOTHREAD": 0x2000_0000,
    "__WALL": 0x4000_0000,
    "__WCLONE": 0x8000_0000,
}

P_ALL, P_PID, P_PGID, P_PIDFD = 0, 1, 2, 3
IDTYPES: Final[dict[str, int]] = {"P_ALL": P_ALL, "P_PID": P_PID, "P_PGID": P_PGID, "P_PIDFD": P_PIDFD}

STATUS: Final = Struct("<i")

SIGINFO_SIZE: Final = 128
SIGINFO: Final = Struct("<3i4x2Ii")
"""si_signo, si_errno, si_code; si_pid, si_uid, si_status: what waitid writes of siginfo, but for the gap."""
