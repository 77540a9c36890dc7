"""<sys/ioctl.h>: what the argument of each known request is.  Numbers carry no size, so a table is needed.

Requests outside of it, and those with pointers inside their structure (SIOCGIFCONF, SIOCGIFBR, SIOCETHTOOL), which
type into the terminal (TIOCSTI) or are not of this world (TIOCLINUX), answer ENOTTY.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Request(NamedTuple):
    """A request's name and its argument: bytes that go in, bytes that come out; both 0 for a plain number.

    capability: what a guest must be granted by name, "" for nothing.
    """

    name: str
    in_bytes: int
    out_bytes: int
    capability: str = ""


TIOCGPTPEER: Final = 0x5441
FICLONE: Final = 0x4004_9409
FIONCLEX: Final = 0x5450
FIOCLEX: Final = 0x5451
FIONBIO: Final = 0x5421
TCSBRK: Final = 0x5409
TCFLSH: Final = 0x540B
TCIFLUSH: Final = 0
TIOCSWINSZ: Final = 0x5414

_NUMBER: Final = {
    TCSBRK: "TCSBRK",
    0x540A: "TCXONC",
    TCFLSH: "TCFLSH",
    0x540C: "TIOCEXCL",
    0x540D: "TIOCNXCL",
    0x540E: "TIOCSCTTY",
    0x5422: "TIOCNOTTY",
    0x5425: "TCSBRKP",
    TIOCGPTPEER: "TIOCGPTPEER",
    FICLONE: "FICLONE",
    FIONCLEX: "FIONCLEX",
    FIOCLEX: "FIOCLEX",
}
_INT_OUT: Final = {
    0x80045432: "TIOCGDEV",
    0x540F: "TIOCGPGRP",
    0x5411: "TIOCOUTQ",
    0x5415: "TIOCMGET",
    0x541B: "FIONREAD",
    0x5424: "TIOCGETD",
    0x5429: "TIOCGSID",
    0x80045430: "TIOCGPTN",
    0x80045440: "TIOCGEXCL",
    0x8905: "SIOCATMARK",
    0x80086601: "FS_IOC_GETFLAGS",
}
_INT_IN: Final = {
    0x5410: "TIOCSPGRP",
    0x5416: "TIOCMBIS",
    0x5417: "TIOCMBIC",
    0x5418: "TIOCMSET",
    FIONBIO: "FIONBIO",
    0x5452: "FIOASYNC",
    0x40045431: "TIOCSPTLCK",
}

_INTERFACE: Final = {
    0x8910: "SIOCGIFNAME",
    0x8913: "SIOCGIFFLAGS",
    0x8915: "SIOCGIFADDR",
    0x8917: "SIOCGIFDSTADDR",
    0x8919: "SIOCGIFBRDADDR",
    0x891B: "SIOCGIFNETMASK",
    0x891D: "SIOCGIFMETRIC",
    0x891F: "SIOCGIFMEM",
    0x8921: "SIOCGIFMTU",
    0x8925: "SIOCGIFENCAP",
    0x8927: "SIOCGIFHWADDR",
    0x8929: "SIOCGIFSLAVE",
    0x8933: "SIOCGIFINDEX",
    0x8935: "SIOCGIFPFLAGS",
    0x8938: "SIOCGIFCOUNT",
    0x8942: "SIOCGIFTXQLEN",
}
_INTERFACE_CHANGES: Final = {
    0x8911: "SIOCSIFLINK",
    0x8914: "SIOCSIFFLAGS",
    0x8916: "SIOCSIFADDR",
    0x8918: "SIOCSIFDSTADDR",
    0x891A: "SIOCSIFBRDADDR",
    0x891C: "SIOCSIFNETMASK",
    0x891E: "SIOCSIFMETRIC",
    0x8920: "SIOCSIFMEM",
    0x8922: "SIOCSIFMTU",
    0x8923: "SIOCSIFNAME",
    0x8924: "SIOCSIFHWADDR",
    0x8926: "SIOCSIFENCAP",
    0x8930: "SIOCSIFSLAVE",
    0x8931: "SIOCADDMULTI",
    0x8932: "SIOCDELMULTI",
    0x8934: "SIOCSIFPFLAGS",
    0x8936: "SIOCDIFADDR",
    0x8937: "SIOCSIFHWBROADCAST",
    0x8943: "SIOCSIFTXQLEN",
}
_IFREQ_SIZE: Final = 40
_JOB_CONTROL: Final = frozenset({"TIOCSCTTY", "TIOCNOTTY", "TIOCSPGRP", "TIOCEXCL", "TIOCNXCL"})
"""Requests that act on the sessions and processes of a terminal."""


def _capability(name: str) -> str:
    if name in _JOB_CONTROL:
        return "process"
    return "signals" if name == "FIOASYNC" else ""


REQUESTS: Final[dict[int, Request]] = {
    **{number: Request(name, 0, 0, _capability(name)) for number, name in _NUMBER.items()},
    **{number: Request(name, 0, 4) for number, name in _INT_OUT.items()},
    **{number: Request(name, 4, 0, _capability(name)) for number, name in _INT_IN.items()},
    **{number: Request(name, _IFREQ_SIZE, _IFREQ_SIZE, "net") for number, name in _INTERFACE.items()},
    **{number: Request(name, _IFREQ_SIZE, _IFREQ_SIZE, "system") for number, name in _INTERFACE_CHANGES.items()},
    0x5413: Request("TIOCGWINSZ", 0, 8),
    TIOCSWINSZ: Request("TIOCSWINSZ", 8, 0),
    0x80081272: Request("BLKGETSIZE64", 0, 8),
    0x5401: Request("TCGETS", 0, 36),
    0x5402: Request("TCSETS", 36, 0),
    0x5403: Request("TCSETSW", 36, 0),
    0x5404: Request("TCSETSF", 36, 0),
    0x802C542A: Request("TCGETS2", 0, 44),
    0x402C542B: Request("TCSETS2", 44, 0),
    0x402C542C: Request("TCSETSW2", 44, 0),
    0x402C542D: Request("TCSETSF2", 44, 0),
}


class ModeSteps(NamedTuple):
    """What setting a terminal's modes is made of: waiting for its output, throwing input away, and setting."""

    sets: int
    drains: bool = False
    flushes: bool = False


MODE_STEPS: Final[dict[int, ModeSteps]] = {
    first + which: ModeSteps(first, which > 0, which > 1) for first in (0x5402, 0x402C542B) for which in range(3)
}
"""TCSETS, TCSETSW, TCSETSF, and the same with speeds."""
LASTING: Final = frozenset(
    number
    for number, each in REQUESTS.items()
    if each.name in ("TCSBRK", "TCSBRKP", "TCXONC", "TCFLSH", "TIOCMBIS", "TIOCMBIC", "TIOCMSET", "TIOCSPTLCK")
)
"""Requests that do to a line what cannot be undone."""

NAMES: Final[dict[str, int]] = {request.name: number for number, request in REQUESTS.items()}
