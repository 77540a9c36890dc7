"""<sys/ioctl.h>: what the argument of each known request is.  Numbers carry no size, so a table is needed.

Requests outside of it, and those with pointers inside their structure (SIOCGIFCONF, SIOCETHTOOL), which type into
the terminal (TIOCSTI) or are not of this world (TIOCLINUX), answer ENOTTY.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Request(NamedTuple):
    """A request's name and its argument: bytes that go in, bytes that come out; both 0 for a plain number."""

    name: str
    in_bytes: int
    out_bytes: int


FIONCLEX: Final = 0x5450
FIOCLEX: Final = 0x5451

_NUMBER: Final = {
    0x5409: "TCSBRK",
    0x540A: "TCXONC",
    0x540B: "TCFLSH",
    0x540C: "TIOCEXCL",
    0x540D: "TIOCNXCL",
    0x540E: "TIOCSCTTY",
    0x5422: "TIOCNOTTY",
    0x5425: "TCSBRKP",
    FIONCLEX: "FIONCLEX",
    FIOCLEX: "FIOCLEX",
}
_INT_OUT: Final = {
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
    0x5421: "FIONBIO",
    0x5452: "FIOASYNC",
    0x40045431: "TIOCSPTLCK",
}

REQUESTS: Final[dict[int, Request]] = {
    **{number: Request(name, 0, 0) for number, name in _NUMBER.items()},
    **{number: Request(name, 0, 4) for number, name in _INT_OUT.items()},
    **{number: Request(name, 4, 0) for number, name in _INT_IN.items()},
    0x5413: Request("TIOCGWINSZ", 0, 8),
    0x5414: Request("TIOCSWINSZ", 8, 0),
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
