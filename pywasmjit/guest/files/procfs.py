"""Files of /proc that would open the engine's own memory, or its state, to the guest.

They are recognised by what was opened, not by how it was spelled: the kernel tells the name of an open descriptor,
and a procfs is known by its file system.  For everybody `mem` and `map_files` of any process stay shut, also with
everything allowed: through them a guest would leave linear memory; so does `kcore`, the memory of the machine.  In a
sandbox with a grant that holds a procfs, what tells of processes is shut but for a few harmless files.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from errno import EACCES
from stat import S_ISREG
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pywasmjit.guest.kernel.interface import Kernel

_OF_PROCESS: Final = re.compile(rb"/(?:\d+|self|thread-self)(?:/task/\d+)?/([^/]+)")
_NEVER: Final = re.compile(rb"/(?:mem|map_files|kcore)(?:/|$)")
_GONE: Final = b" (deleted)"
"""What the kernel adds to the name of a file whose thread has ended since it was opened."""
_LARGEST_FILE: Final = 1 << 46
"""Bytes; /proc/kcore, all memory as one file, says that it has more."""
_DESCRIPTOR: Final = re.compile(
    rb"/+dev/+std(?P<stream>in|out|err)"
    rb"|/+(?:dev/+fd|proc/+(?:self|thread-self|(?P<pid>\d{1,9}))/+fd)/+(?P<number>\d{1,9})"
)
_HARMLESS: Final = frozenset({b"comm", b"stat", b"statm", b"status", b"task", b"limits", b"cmdline"})


def refuse_engine_files(kernel: Kernel, fd: int, found: os.stat_result, *, sandbox: bool) -> None:
    """Raise EACCES if the open descriptor `fd`, whose fstat is `found`, must not be given to a guest."""
    if (0 < found.st_size < _LARGEST_FILE and S_ISREG(found.st_mode)) or not kernel.is_procfs(fd, found):
        return  # a regular file that has such a size is none of those
    try:
        name = os.readlink(b"/proc/self/fd/%d" % fd).removesuffix(_GONE)
    except OSError:
        raise OSError(EACCES, "a file of a procfs without a name") from None
    of_process = _OF_PROCESS.search(name)
    if _NEVER.search(name) or (sandbox and of_process and of_process[1] not in _HARMLESS):
        raise OSError(EACCES, "a file of the engine's own process")


def own_descriptor(path: bytes) -> int | None:
    """Return the number that a path such as /dev/fd/3 or /dev/stdin gives to one of the process's own descriptors."""
    match = _DESCRIPTOR.fullmatch(path)
    if match is None or (match["pid"] and int(match["pid"]) != os.getpid()):
        return None
    if match["stream"]:
        return (b"in", b"out", b"err").index(match["stream"])
    return int(match["number"])


def is_descriptor_directory(fd: int) -> bool:
    """Tell whether an open directory is the one that lists the process's own descriptors."""
    with suppress(OSError):
        name = os.readlink(b"/proc/self/fd/%d" % fd)
        return re.fullmatch(rb".*/%d(?:/task/\d+)?/fd" % os.getpid(), name) is not None
    return False
