"""What a guest may do: nothing, unless it was granted.

A `Policy` is plain data.  Directories are granted one by one (`DirGrant`) and looked up by `paths`; everything else
is a `Capability`, checked once, when an import is bound (`dispatch`).  What is always there needs no grant: standard
streams, arguments, clocks, random numbers.
"""

from __future__ import annotations

import enum
import os
import posixpath
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from pywasmjit.records import record

if TYPE_CHECKING:
    from pywasmjit.guest.policy.network import NetGrant


class Capability(enum.Enum):
    """What can be granted by name (`--allow NAME`)."""

    NET = "net"
    EXEC = "exec"
    PROCESS = "process"
    SIGNALS = "signals"
    IPC = "ipc"
    SYSTEM = "system"

    @classmethod
    def parse(cls, name: str) -> Capability:
        """Return the capability called `name`.  Raises ValueError, which lists the names."""
        try:
            return cls(name)
        except ValueError:
            known = ", ".join(each.value for each in cls)
            raise ValueError(f"unknown capability {name!r}; known are {known}") from None


class Granted(enum.Enum):
    """What can be granted otherwise than by a capability's name."""

    READING = "a directory"
    WRITING = "a directory for writing"
    ADDRESSES = "an address"


Grant: TypeAlias = "Capability | Granted"


@record(frozen=True)
class ReadOnly:
    """A host directory that is granted for reading; made by `ro`."""

    path: str


HostPath: TypeAlias = "str | os.PathLike[str]"


def ro(path: HostPath) -> ReadOnly:
    """Mark a host directory in `dirs` as read-only."""
    return ReadOnly(os.fspath(path))


@record(frozen=True)
class DirGrant:
    """One granted directory.

    host: the directory, absolute.  guest: where the program sees it, absolute and normal.
    """

    host: str
    guest: str
    read_only: bool = False

    @classmethod
    def of(cls, host: HostPath | ReadOnly, guest: str | None = None, read_only: bool = False) -> DirGrant:
        """Grant `host`; guest: its place in the guest's file system, None for the same as on the host.

        Raises ValueError if `guest` is not absolute or a path holds a NUL.
        """
        if isinstance(host, ReadOnly):
            host, read_only = host.path, True
        text = os.fspath(host)
        if not text or "\0" in text:
            raise ValueError(f"not a directory's name: {text!r}")
        text = os.path.abspath(text)
        guest = text if guest is None else guest
        if not guest.startswith("/") or "\0" in guest:
            raise ValueError(f"the guest's path of a directory must be absolute: {guest!r}")
        return cls(text, "/" + posixpath.normpath(guest).lstrip("/"), read_only)

    @classmethod
    def parse(cls, text: str) -> DirGrant:
        """Read HOST[::GUEST][:ro], the argument of `--dir`; ":rw" says the default.  Raises ValueError."""
        read_only = text.endswith(":ro")
        if read_only or text.endswith(":rw"):
            text = text[:-3]
        host, separator, guest = text.rpartition("::")
        if not separator:
            host, guest = text, ""
        if not host or (separator and not guest):
            raise ValueError(f"not of the form HOST[::GUEST][:ro]: {text!r}")
        return cls.of(host, guest if separator else None, read_only)


Dirs: TypeAlias = "Mapping[str, HostPath | ReadOnly] | Iterable[str | os.PathLike[str] | DirGrant | ReadOnly]"


@record(frozen=True)
class Policy:
    """What a program may do.  Make one with `sandbox` or `allow_all`."""

    dirs: tuple[DirGrant, ...] = ()
    capabilities: frozenset[Capability] = frozenset()
    everything: bool = False
    net: tuple[NetGrant, ...] = ()

    @classmethod
    def sandbox(
        cls, dirs: Dirs = (), allow: Iterable[str | Capability] = (), net: Iterable[str | NetGrant] = ()
    ) -> Policy:
        """Deny all but the standard streams, arguments, clocks, random numbers, and what is named here.

        dirs: guest path -> host directory (`ro(...)` for read-only), or an iterable of `DirGrant`s, host directories,
        and strings of the form HOST[::GUEST][:ro].  allow: names of capabilities; "net=" and
        an address stand for that address in `net`.  net: addresses that the program may name, HOST[:PORT] each
        (`NetGrant.parse`); the capability "net" grants them all.
        Raises ValueError for a wrong name or address, or if two grants have the same guest path.
        """
        if isinstance(dirs, Mapping):
            grants = tuple(DirGrant.of(host, guest) for guest, host in dirs.items())
        else:
            grants = tuple(_grant(each) for each in dirs)
        places = [grant.guest for grant in grants]
        for place in places:
            if places.count(place) > 1:
                raise ValueError(f"two directories are granted as {place!r}")
        allow = list(allow)
        addresses = [each for each in allow if isinstance(each, str) and each.startswith(_NET)]
        names = [each for each in allow if each not in addresses]
        capabilities = frozenset(each if isinstance(each, Capability) else Capability.parse(each) for each in names)
        return cls(grants, capabilities, False, _net_grants([*net, *(each[len(_NET) :] for each in addresses)]))

    @classmethod
    def allow_all(cls) -> Policy:
        """Allow all that the invoking user may do, but for the memory of the engine itself."""
        return cls((), frozenset(Capability), True)

    def writes_below(self, directory: str) -> DirGrant | None:
        """Return a grant through which the program may change what is in a directory of the host, None if none is.

        With everything allowed there is none: the program may do what its user may.
        """
        real = os.path.realpath(directory)
        for grant in self.dirs:
            top = os.path.realpath(grant.host)
            if not grant.read_only and (real == top or real.startswith(top.rstrip("/") + "/")):
                return grant
        return None

    def makes_module(self, directory: str) -> DirGrant | None:
        """Return a grant for writing that is itself a package in a directory of the host, None if none is."""
        real = os.path.realpath(directory)
        for grant in self.dirs:
            parent, name = os.path.split(os.path.realpath(grant.host))
            if not grant.read_only and parent == real and name.isidentifier():
                return grant
        return None

    def allows(self, capability: Capability | None) -> bool:
        """Tell whether a call that needs `capability` may be made."""
        return capability is None or capability in self.capabilities

    @property
    def granted(self) -> frozenset[Grant]:
        """What is granted in any part; whoever has the whole network has addresses."""
        parts = {
            Granted.READING: self.dirs,
            Granted.WRITING: [each for each in self.dirs if not each.read_only],
            Granted.ADDRESSES: self.net or self.allows(Capability.NET),
        }
        return self.capabilities.union(part for part, what in parts.items() if what)


def _grant(each: str | os.PathLike[str] | DirGrant | ReadOnly) -> DirGrant:
    if isinstance(each, DirGrant):
        return each
    return DirGrant.parse(each) if isinstance(each, str) else DirGrant.of(each)


_NET: Final = "net="


def _net_grants(each: Iterable[str | NetGrant]) -> tuple[NetGrant, ...]:
    from pywasmjit.guest.policy.network import NetGrant

    grants: list[NetGrant] = []
    for one in each:
        grants += (one,) if isinstance(one, NetGrant) else NetGrant.parse(one)
    return tuple(grants)


WALLS: Final = ("auto", "require", "off")
"""What to do where the kernel cannot help with a policy (`walls`): run without it, refuse to run; or never ask it."""
