"""Whom a program may talk to.

A `NetGrant` is a set of addresses and ports that the program may name, as its own (bind) or as another's (connect,
sendto); `Network` asks for them at every call that names an address.  Addresses are copied in once: what was checked
is what the kernel gets.  A Unix socket's address is a path: it is resolved like any other path of the guest, needs a
directory that is granted for writing, and goes to the kernel by descriptor, so that nothing can be renamed in
between.  What a socket is then called in the kernel, `Network` turns back into the guest's path.

Sockets of other families than Unix and IP, raw ones, and abstract Unix addresses are for programs that may do more:
everything, or for the last the whole network.  Pipes and socket pairs need no grant.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import (
    EACCES,
    EADDRINUSE,
    EAFNOSUPPORT,
    ECONNREFUSED,
    EINVAL,
    ENAMETOOLONG,
    ENOPROTOOPT,
    EPERM,
    EPROTONOSUPPORT,
    EROFS,
    ESOCKTNOSUPPORT,
)
from typing import TYPE_CHECKING, Any, Final

from pywasmjit.display import quoted
from pywasmjit.guest.abi import socket as abi
from pywasmjit.guest.abi.fcntl import AT_FDCWD
from pywasmjit.guest.abi.sockopt import (
    CONTROL_LEVELS,
    CONTROL_OF_GRANTED_SOCKETS,
    OPTIONS,
    SO_ACCEPTCONN,
    SO_COOKIE,
    SO_DOMAIN,
    SO_TYPE,
    Reach,
)
from pywasmjit.guest.files.procfs import own_descriptor
from pywasmjit.guest.kernel.descriptors import require_socket
from pywasmjit.guest.policy.policy import Capability
from pywasmjit.records import record

if TYPE_CHECKING:
    from pywasmjit.guest.files.descriptors import Files
    from pywasmjit.guest.files.paths import Paths, Place
    from pywasmjit.guest.kernel.interface import Kernel
    from pywasmjit.guest.policy.denials import Denials
    from pywasmjit.guest.policy.policy import Policy

_PORTS: Final = (0, 0xFFFF)
_MAPPED: Final = bytes(10) + b"\xff\xff"
"""First bytes of an IPv6 address that is an IPv4 one."""
_LAST_FAMILY: Final = 46
_LAST_TYPE: Final = 10
_SOCK_PACKET: Final = 10
_LAST_PROTOCOL: Final = 262
_NO_OPTION: Final = 0x7FFF_FFFF
_REMEMBERED: Final = 4096
"""Names of Unix sockets, and sockets that were bound."""
_COOKIE_SIZE: Final = 8


# -- grants -----------------------------------------------------------------------------------------------------------


@record(frozen=True)
class NetGrant:
    """Addresses and ports.

    address: 16 bytes, an IPv4 address mapped into IPv6.  prefix: how many of its bits count, 0 to 128.
    ports: first and last; port 0, which has the kernel choose one, only belongs to a range that holds it.
    """

    address: bytes = bytes(16)
    prefix: int = 0
    ports: tuple[int, int] = _PORTS

    @classmethod
    def parse(cls, text: str) -> tuple[NetGrant, ...]:
        """Read HOST[:PORT], the argument of `--allow net=`; one grant for each address that HOST has.

        HOST: an address, one with /BITS for a network, a name (looked up now), "*" or nothing for any; an IPv6 address
        before a port in brackets.  PORT: a number, or FIRST-LAST.  Raises ValueError.
        """
        host, port = _split(text)
        ports = _parse_ports(port, text)
        if host in ("", "*"):
            return (cls(ports=ports),)
        name, slash, bits = host.partition("/")
        addresses = _addresses(name, text)
        if not slash:
            return tuple(cls(address, 128, ports) for address in addresses)
        width = 32 if addresses[0].startswith(_MAPPED) else 128
        if not bits.isdecimal() or int(bits) > width:
            raise ValueError(f"not a number of bits, 0 to {width}: {text!r}")
        return (cls(addresses[0], 128 - width + int(bits), ports),)

    def covers(self, address: bytes, port: int) -> bool:
        """Tell whether an address of 16 bytes and a port belong to the grant."""
        shift = 128 - self.prefix
        same = int.from_bytes(address, "big") >> shift == int.from_bytes(self.address, "big") >> shift
        return same and self.ports[0] <= port <= self.ports[1]


def _split(text: str) -> tuple[str, str]:
    """Split HOST:PORT at its colon; an IPv6 address without brackets has no port."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        slash, _, port = rest.partition(":")
        if not bracket or (slash and not slash.startswith("/")):
            raise ValueError(f"not of the form [ADDRESS]:PORT: {text!r}")
        return host + slash, port
    if text.count(":") > 1:
        return text, ""
    host, _, port = text.partition(":")
    return host, port


def _parse_ports(port: str, text: str) -> tuple[int, int]:
    if not port or port == "*":
        return _PORTS
    first, dash, last = port.partition("-")
    numbers = (first, last if dash else first)
    if not all(each.isdecimal() and int(each) <= _PORTS[1] for each in numbers) or int(numbers[0]) > int(numbers[1]):
        raise ValueError(f"not a port, or a range of them: {text!r}")
    return int(numbers[0]), int(numbers[1])


def _addresses(name: str, text: str) -> list[bytes]:
    """Return the addresses of a host, 16 bytes each."""
    import socket

    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return [_widened(socket.inet_pton(family, name))]
        except (OSError, ValueError):
            continue
    if name == "localhost":
        return [_MAPPED + b"\x7f\0\0\x01", bytes(15) + b"\x01"]
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        raise ValueError(f"not an address, and no host of this name was found: {text!r}") from None
    return [_widened(socket.inet_pton(family, str(place[0]).partition("%")[0])) for family, *_, place in found]


def _widened(address: bytes) -> bytes:
    return address if len(address) == 16 else _MAPPED + address


# -- addresses of the internet ----------------------------------------------------------------------------------------


@record(frozen=True)
class Endpoint:
    """An address and a port that a call names."""

    address: bytes
    port: int

    def __str__(self) -> str:
        from _socket import AF_INET, AF_INET6, inet_ntop  # quicker than `socket`, which nothing else here may need

        if self.address.startswith(_MAPPED):
            return f"{inet_ntop(AF_INET, self.address[12:])}:{self.port}"
        return f"[{inet_ntop(AF_INET6, self.address)}]:{self.port}"


def endpoint(raw: bytes) -> Endpoint | None:
    """Return what a sockaddr_in or sockaddr_in6 names; None for another family.  Raises EINVAL if it is too short.

    AF_UNSPEC is read as AF_INET, as the kernel does where it reads it at all.
    """
    (family,) = abi.FAMILY.unpack_from(raw)
    if family in (abi.AF_INET, abi.AF_UNSPEC):
        if len(raw) < abi.SOCKADDR_IN_SIZE:
            raise OSError(EINVAL, "address too short")
        return Endpoint(_MAPPED + raw[4:8], int.from_bytes(raw[2:4], "big"))
    if family == abi.AF_INET6:
        if len(raw) < abi.SOCKADDR_IN6_SIZE:
            raise OSError(EINVAL, "address too short")
        return Endpoint(raw[8:24], int.from_bytes(raw[2:4], "big"))
    return None


# -- the gate ---------------------------------------------------------------------------------------------------------


class Network:
    """What one process may do with sockets."""

    def __init__(self, policy: Policy, denials: Denials, kernel: Kernel, files: Files, paths: Paths) -> None:
        self._policy, self._denials, self._kernel, self._files, self._paths = policy, denials, kernel, files, paths
        self._shown: OrderedDict[bytes, bytes] = OrderedDict()
        """Path that the kernel knows a Unix socket by -> the guest's path; the oldest are forgotten."""
        self._bound: OrderedDict[int, None] = OrderedDict()
        """Cookies of the sockets that were bound to a granted address; the oldest are forgotten."""

    @property
    def _everything(self) -> bool:
        return self._policy.everything

    @property
    def _whole_net(self) -> bool:
        return self._policy.allows(Capability.NET)

    def _deny(self, request: str, option: str) -> OSError:
        self._denials.tell("net", request, option)
        return OSError(EACCES, "not granted")

    def check_socket(self, family: int, kind: int, protocol: int) -> None:
        """Raise what a sandbox answers to a socket that is not for its guest."""
        if self._everything or family == abi.AF_UNIX:
            return
        if family not in (abi.AF_INET, abi.AF_INET6):
            if not 0 < family < _LAST_FAMILY:
                raise OSError(EAFNOSUPPORT, "address family")
            raise self._deny(f"a socket of address family {family}", "--allow-all")
        if kind not in (abi.SOCK_STREAM, abi.SOCK_DGRAM):
            if kind in (abi.SOCK_RAW, _SOCK_PACKET):
                self._deny("a raw socket", "--allow-all")
                raise OSError(EPERM, "raw socket")
            raise OSError(ESOCKTNOSUPPORT if 0 <= kind <= _LAST_TYPE else EINVAL, "socket type")
        if protocol not in (0, abi.IPPROTO_TCP if kind == abi.SOCK_STREAM else abi.IPPROTO_UDP):
            raise OSError(EPROTONOSUPPORT if 0 <= protocol <= _LAST_PROTOCOL else EINVAL, "protocol")
        if not self._whole_net and not self._policy.net:
            raise self._deny("a network socket", "--allow net, or net=HOST:PORT,")

    # -- listening ----------------------------------------------------------------------------------------------------

    def listen(self, fd: int, backlog: int) -> None:
        """listen(2), where the kernel cannot come to choose an address that is not granted.  Raises EACCES.

        A socket that listens already when the guest gets it, from who started it or by a message, goes on as it is.
        """
        require_socket(fd)
        if not self._whole_net and self._may_lose_its_port(fd) and not self._covers_any_address(fd):
            if self._number(fd, SO_ACCEPTCONN):
                return
            raise self._deny(*_wish("listen on", _any_address(self._number(fd, SO_DOMAIN))))
        self._kernel.listen(fd, backlog)

    def _may_lose_its_port(self, fd: int) -> bool:
        """Tell whether listening could have the kernel choose a port."""
        if self._number(fd, SO_DOMAIN) not in (abi.AF_INET, abi.AF_INET6):
            return False
        return self._number(fd, SO_TYPE) == abi.SOCK_STREAM and self._cookie(fd) not in self._bound

    def _covers_any_address(self, fd: int) -> bool:
        """Tell whether all that the kernel could choose for a socket is granted."""
        return self._covers(_any_address(self._number(fd, SO_DOMAIN)))

    def _note_bound(self, fd: int) -> None:
        """Remember a socket that was bound to a granted address.

        It keeps a port that was named for good.  Of one that the kernel has chosen the grant says that it may choose.
        """
        cookie = self._cookie(fd)
        if cookie is not None:
            _make_room(self._bound)
            self._bound[cookie] = None

    def _cookie(self, fd: int) -> int | None:
        """Return the number that the kernel gives to this socket alone, None if it gives none."""
        with suppress(OSError):
            cookie = self._kernel.get_option(fd, abi.SOL_SOCKET, SO_COOKIE, _COOKIE_SIZE)
            return int.from_bytes(cookie, "little")
        return None

    def _number(self, fd: int, option: int) -> int:
        value = self._kernel.get_option(fd, abi.SOL_SOCKET, option, abi.INT.size)
        return int.from_bytes(value, "little")

    def hand_over(self) -> list[int]:
        """Return what `take_over` needs in the engine that comes next, which has the same sockets."""
        return list(self._bound)

    def take_over(self, bound: Iterable[int]) -> None:
        """Go on where another engine has stopped."""
        self._bound.update(dict.fromkeys(bound))

    # -- what a socket may be and say ---------------------------------------------------------------------------------

    def _covers(self, found: Endpoint) -> bool:
        return any(grant.covers(found.address, found.port) for grant in self._policy.net)

    def _check(self, found: Endpoint, verb: str) -> None:
        if not self._covers(found):
            raise self._deny(*_wish(verb, found))

    def check_option(self, fd: int, level: int, option: int) -> None:
        """Raise EPERM for an option that is not for this guest.

        One that is not of plain bytes gives what the kernel answers to an option that nobody knows.
        """
        known = OPTIONS.get((level, option))
        if known is None:
            self._kernel.get_option(fd, level, _NO_OPTION, abi.INT.size)
            raise OSError(ENOPROTOOPT, "socket option")
        if self._everything or known.reach is Reach.SOCKET or (known.reach is Reach.NET and self._whole_net):
            return
        needed = "--allow net" if known.reach is Reach.NET else "--allow-all"
        self._denials.tell("socket option", f"socket option {known.name}", needed)
        raise OSError(EPERM, "socket option")

    def check_control(self, message: abi.ControlMessage) -> None:
        """Raise EINVAL or EPERM for a control message that must not be sent."""
        place = message.level, message.type
        if message.level not in CONTROL_LEVELS:
            raise OSError(EINVAL, "control message")
        if place == (abi.SOL_SOCKET, abi.SCM_CREDENTIALS) and not self._everything:
            own = abi.UCRED.pack(os.getpid(), os.geteuid(), os.getegid())
            real = abi.UCRED.pack(os.getpid(), os.getuid(), os.getgid())
            if message.data not in (own, real):
                raise OSError(EPERM, "credentials of somebody else")
        if place not in CONTROL_OF_GRANTED_SOCKETS and not self._whole_net:
            raise OSError(EINVAL if message.level == abi.SOL_SOCKET else EPERM, "control message")

    # -- names of sockets ---------------------------------------------------------------------------------------------

    @contextmanager
    def own_name(self, fd: int, raw: bytes) -> Iterator[bytes]:
        """Yield what the kernel gets for an address that a socket is to be bound to.  Raises ENOTSOCK."""
        require_socket(fd)
        family = _family(raw)
        if family == abi.AF_UNIX and len(raw) <= abi.SOCKADDR_UN_SIZE:
            path = _path(raw)
            if path:
                with self._entry(path) as place:
                    yield self._remember(self._located(place, path, raw), path)
                return
            if not path and not self._whole_net:
                raise self._deny("an abstract Unix socket", "--allow net")
        elif not self._whole_net:
            self._check_internet(raw, "bind a socket to")
            yield raw
            self._note_bound(fd)
            return
        yield raw

    @contextmanager
    def peer_name(self, fd: int, raw: bytes, *, connecting: bool) -> Iterator[bytes]:
        """Yield what the kernel gets for an address that something goes to.  Raises ENOTSOCK."""
        require_socket(fd)
        family = _family(raw)
        if family == abi.AF_UNIX and abi.SUN_PATH < len(raw) <= abi.SOCKADDR_UN_SIZE:
            path = _path(raw)
            if path and not connecting and not self._takes_names(fd):
                yield raw[: abi.SUN_PATH]
                return
            if path:
                with self._paths.locate(self._paths.cwd, path) as place:
                    if place.virtual:
                        raise OSError(ECONNREFUSED, "a directory")
                    if place.read_only:
                        self._denials.tell("socket", f"to connect to {quoted(os.fsdecode(path))}", "--dir without :ro")
                        raise OSError(EACCES, "read-only grant")
                    yield self._located(place, path, raw)
                return
            if not self._whole_net:
                raise self._deny("an abstract Unix socket", "--allow net")
        elif not self._whole_net and not (connecting and family == abi.AF_UNSPEC):
            self._check_internet(raw, "connect to" if connecting else "send to")
        yield raw

    def _takes_names(self, fd: int) -> bool:
        """Tell whether a Unix socket sends to names; others go by what they are connected to, whatever is named."""
        return self._number(fd, SO_DOMAIN) != abi.AF_UNIX or self._number(fd, SO_TYPE) == abi.SOCK_DGRAM

    def _check_internet(self, raw: bytes, verb: str) -> None:
        if len(raw) < abi.FAMILY.size:
            raise OSError(EINVAL, "address too short")
        found = endpoint(raw)
        if found is not None:
            self._check(found, verb)
        elif _family(raw) != abi.AF_UNIX:
            raise OSError(EAFNOSUPPORT, "address family")

    @contextmanager
    def _entry(self, path: bytes) -> Iterator[Place]:
        directory, slash, name = path.rpartition(b"/")
        paths, file = self._paths, None
        number = own_descriptor(directory) if slash and self._everything else None
        if number is not None:
            file = self._files.file(number)
            path = b"/proc/self/fd/%d/%s" % (file.host, name)
        with paths.entry(paths.cwd, path) as place:
            if place.fixed:
                raise OSError(EADDRINUSE, "exists")
            if place.read_only:
                raise OSError(EADDRINUSE if place.exists() else EROFS, "read-only grant")
            yield place

    def _located(self, place: Place, path: bytes, raw: bytes) -> bytes:
        """Return the kernel's address for a place: `raw` itself where that means the same."""
        if place.dir_fd == AT_FDCWD or place.name.startswith(b"/"):
            name = place.name
        else:
            name = b"/proc/self/fd/%d" % place.dir_fd + (b"/" + place.name if place.name else b"")
            name = self._unused(name, path)
        if name == path:
            return raw
        if len(name) > abi.SOCKADDR_UN_SIZE - abi.SUN_PATH:
            raise OSError(ENAMETOOLONG, "no room for the path of a Unix socket")
        return abi.FAMILY.pack(abi.AF_UNIX) + name + b"\0"[: abi.SOCKADDR_UN_SIZE - abi.SUN_PATH - len(name)]

    def _unused(self, name: bytes, path: bytes) -> bytes:
        """Spell the kernel's name so that it stands for one guest path alone."""
        directory, _, last = name.rpartition(b"/")
        while self._shown.get(name, path) != path and len(name) < abi.SOCKADDR_UN_SIZE - abi.SUN_PATH:
            directory += b"/."
            name = directory + b"/" + last
        return name

    def _remember(self, raw: bytes, path: bytes) -> bytes:
        """Keep what the guest calls an address of the kernel's, and return that."""
        name = _path(raw)
        if name != path:
            _make_room(self._shown)
            self._shown[name] = path
        return raw

    def shown(self, raw: bytes) -> bytes:
        """Return what the guest sees of an address that comes from the kernel."""
        if self._shown and _family(raw) == abi.AF_UNIX and len(raw) > abi.SUN_PATH and raw[abi.SUN_PATH]:
            path = self._shown.get(_path(raw))
            if path is not None:
                return raw[: abi.SUN_PATH] + path + b"\0"
        return raw


def _any_address(family: int) -> Endpoint:
    """Return what stands for every address of a family, at a port that the kernel chooses."""
    return Endpoint(_MAPPED + bytes(4) if family == abi.AF_INET else bytes(16), 0)


def _wish(verb: str, found: Endpoint) -> tuple[str, str]:
    """Return what a guest wanted, and the option that grants it."""
    return f"to {verb} {found}", f"--allow net={found}"


def _make_room(table: OrderedDict[Any, Any]) -> None:
    """Forget the oldest entries of a full table, each in one step: other threads do so too."""
    while len(table) >= _REMEMBERED:
        table.popitem(last=False)


def _family(raw: bytes) -> int:
    return int(abi.FAMILY.unpack_from(raw)[0]) if len(raw) >= abi.FAMILY.size else -1


def _path(raw: bytes) -> bytes:
    """Return the path in a sockaddr_un; empty for an abstract address, or one to be chosen by the kernel."""
    return raw[abi.SUN_PATH :].partition(b"\0")[0]
