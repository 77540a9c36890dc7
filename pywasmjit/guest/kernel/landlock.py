"""Landlock: the kernel keeps a thread, and all that it starts later, to the files and ports that rules allow.

A ruleset says which rights it handles; what is handled and allowed by no rule is refused with EACCES (EXDEV for a name
in another directory).  Rules add up along a path and cannot take away.  Nothing is ever given back, and what is open
already stays usable.  Only the calling thread is restricted: others that run already are as free as before.
"""

from __future__ import annotations

import ctypes
import os

from pywasmjit.guest.kernel import landlock_abi as abi
from pywasmjit.guest.kernel.calling import Caller, caller


def version() -> int:
    """Return the version of the kernel's interface, 0 where there is none, or it is switched off."""
    try:
        return caller()("landlock_create_ruleset", None, ctypes.c_size_t(0), abi.CREATE_RULESET_VERSION)
    except (OSError, NotImplementedError):
        return 0


class Ruleset:
    """Rules in the making; a context that closes them.

    fs, net, scopes: rights that are handled, which the kernel's version must know.
    """

    def __init__(self, fs: int, net: int = 0, scopes: int = 0) -> None:
        """Raises OSError, NotImplementedError where there is no Landlock."""
        self._call: Caller = caller()
        self._fs = fs
        what = abi.RULESET.pack(fs, net, scopes)
        self._fd = self._call("landlock_create_ruleset", what, ctypes.c_size_t(len(what)), 0)

    def __enter__(self) -> Ruleset:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def allow_beneath(self, fd: int, rights: int) -> None:
        """Allow those of `rights` that are handled for an open directory and all below it, or an open file."""
        rights &= self._fs
        if rights:
            self._call("landlock_add_rule", self._fd, abi.RULE_PATH_BENEATH, abi.PATH_BENEATH.pack(rights, fd), 0)

    def allow_port(self, port: int, rights: int) -> None:
        """Allow handled rights for a TCP port, 0 to 65535."""
        self._call("landlock_add_rule", self._fd, abi.RULE_NET_PORT, abi.NET_PORT.pack(rights, port), 0)

    def enforce(self) -> None:
        """Restrict the calling thread, which must have given up new privileges.  Raises OSError, E2BIG after 16."""
        self._call("landlock_restrict_self", self._fd, 0)
