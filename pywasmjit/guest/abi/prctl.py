"""<linux/prctl.h>: the options that are passed on.  All others, above all those that act on addresses
(PR_SET_MM, PR_SET_SECCOMP, PR_SET_VMA, ...), are unknown here: EINVAL.
"""

from __future__ import annotations

from typing import Final

PR_GET_PDEATHSIG: Final = 2
PR_SET_NAME: Final = 15
PR_GET_NAME: Final = 16
PR_GET_CHILD_SUBREAPER: Final = 37
PR_SET_NO_NEW_PRIVS: Final = 38

READING: Final[dict[str, int]] = {
    "PR_GET_PDEATHSIG": PR_GET_PDEATHSIG,
    "PR_GET_DUMPABLE": 3,
    "PR_GET_KEEPCAPS": 7,
    "PR_GET_TIMING": 13,
    "PR_GET_NAME": PR_GET_NAME,
    "PR_CAPBSET_READ": 23,
    "PR_GET_SECUREBITS": 27,
    "PR_GET_TIMERSLACK": 30,
    "PR_GET_CHILD_SUBREAPER": PR_GET_CHILD_SUBREAPER,
    "PR_GET_NO_NEW_PRIVS": 39,
    "PR_GET_THP_DISABLE": 42,
}
"""Options that change nothing."""

CHANGING: Final[dict[str, int]] = {
    "PR_SET_PDEATHSIG": 1,
    "PR_SET_DUMPABLE": 4,
    "PR_SET_KEEPCAPS": 8,
    "PR_SET_TIMING": 14,
    "PR_SET_NAME": PR_SET_NAME,
    "PR_CAPBSET_DROP": 24,
    "PR_SET_SECUREBITS": 28,
    "PR_SET_TIMERSLACK": 29,
    "PR_SET_CHILD_SUBREAPER": 36,
    "PR_SET_NO_NEW_PRIVS": PR_SET_NO_NEW_PRIVS,
    "PR_SET_THP_DISABLE": 41,
    "PR_CAP_AMBIENT": 47,
}
"""Options that change the process or its thread; their arguments are plain numbers but for PR_SET_NAME's."""

OPTIONS: Final = READING | CHANGING
INT_RESULTS: Final = frozenset({PR_GET_PDEATHSIG, PR_GET_CHILD_SUBREAPER})
"""Options whose second argument is the address of an int that is written."""
NAME_SIZE: Final = 16
"""Bytes of a thread's name with its NUL."""
