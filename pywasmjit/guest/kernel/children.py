"""The part of the kernel interface that waits for child processes, by Python's `os`."""

from __future__ import annotations

import os
from typing import Any, Final, TypeAlias

Usage: TypeAlias = tuple[int, ...]
"""The fields of `abi.resource.RUSAGE`."""

_SIGCHLD: Final = 17


class PortableChildren:
    """Waiting by functions that make an interrupted call again by themselves."""

    def wait4(self, pid: int, options: int) -> tuple[int, int, Usage]:
        found, status, used = os.wait4(pid, options)
        return found, status, usage(used)

    def waitid(self, idtype: int, number: int, options: int) -> tuple[tuple[int, ...], Usage]:
        found = os.waitid(idtype, number, options)
        if found is None:
            return (0,) * 6, NO_USAGE
        return (_SIGCHLD, 0, found.si_code, found.si_pid, found.si_uid, found.si_status), NO_USAGE


NO_USAGE: Final[Usage] = (0,) * 18


def usage(used: Any) -> Usage:
    """Return the fields of struct rusage for what the module `resource` has made of one."""
    times = (part for seconds in used[:2] for part in divmod(round(seconds * 1_000_000), 1_000_000))
    return *times, *(int(each) for each in used[2:])
