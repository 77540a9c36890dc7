"""The declaration of every call: one decorated function, whose signature says all that others need to know.

From a handler's signature come the import's Wasm type, the decoding of its arguments and the check of every pointer
(`dispatch`), and its line in a trace, its row in the manual and its seeds for a fuzzer.  A handler takes the `Process`
first; an annotation of each further parameter says what the guest passes and what the handler gets:

=====================  =======  =================================================================================
annotation             guest    handler
=====================  =======  =================================================================================
`Int`, `Long`          i32 i64  the signed number
`Unsigned`, `Size`     i32      the unsigned number
`Flags(...)`           i32      the signed number; bits have names
`Fd`                   i32      the *host's* descriptor; EBADF if the guest has none of this number
`File`                 i32      the `OpenFile` with all that is known of it; EBADF
`DirFd`                i32      the `OpenFile` that paths start from, for AT_FDCWD the `WorkingDirectory`; None if the
                                guest has none of this number, which matters where a path is relative only
`GuestFd`              i32      the guest's own number, not looked up: for calls that are about the number
`Path`                 i32      bytes of the path; EFAULT, ENAMETOOLONG, ENOENT if it is empty
`PathOrEmpty`          i32      the same, and b"" may stand for the descriptor next to it
`Pointer`              i32      the guest's address, not checked: for addresses that are not accessed
`In(n)`, `Out(n)`      i32      the guest's address, after a check that n bytes at it are in memory; 0 is NULL and
                                passed on.  n: bytes, or the name of the parameter that says how many items of
                                `each` bytes there are; where that is negative the handler must refuse it
`Vector("n")`          i32      the n parts of an iovec array as a list of (address, length), copied in and checked
=====================  =======  =================================================================================

What is looked up is looked up once and pinned: the file of an `Fd`, `File` or `DirFd` stays open, under the same host
number, until the call has returned, whatever other threads do to the guest's number.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Annotated, Any, Final, TypeAlias

from pywasmjit.guest.files.descriptors import OpenFile
from pywasmjit.guest.policy.policy import Capability
from pywasmjit.guest.restart import Restart
from pywasmjit.records import record
from pywasmjit.wasm.types import FuncType


@record(frozen=True)
class Number:
    """A plain number; names: what its bits or values are called."""

    wasm: str = "i32"
    signed: bool = True
    names: Mapping[str, int] | None = None


class Lookup(enum.Enum):
    """What a handler gets for a guest's descriptor."""

    NONE = "the number itself"
    HOST = "the host's descriptor"
    FILE = "the open file"
    DIRECTORY = "the open file that paths start from"


@record(frozen=True)
class Descriptor:
    """A guest's descriptor."""

    lookup: Lookup
    wasm: str = "i32"


@record(frozen=True)
class Text:
    """A path, ended by NUL."""

    may_be_empty: bool = False
    wasm: str = "i32"


@record(frozen=True)
class Buffer:
    """The address of `size` bytes, or of as many items of `each` bytes as the parameter named `size` says."""

    direction: str
    size: int | str
    each: int = 1
    wasm: str = "i32"


@record(frozen=True)
class IovecArray:
    """The address of an array of iovec with as many items as the parameter named `count` says."""

    count: str
    wasm: str = "i32"


@record(frozen=True)
class Address:
    """An address that the handler checks itself, if it accesses it at all."""

    wasm: str = "i32"


Kind: TypeAlias = Number | Descriptor | Text | Buffer | IovecArray | Address

Int = Annotated[int, Number()]
Unsigned = Annotated[int, Number(signed=False)]
Size = Annotated[int, Number(signed=False)]
Long = Annotated[int, Number("i64")]
Fd = Annotated[int, Descriptor(Lookup.HOST)]
File = Annotated[OpenFile, Descriptor(Lookup.FILE)]
DirFd = Annotated["OpenFile | None", Descriptor(Lookup.DIRECTORY)]
GuestFd = Annotated[int, Descriptor(Lookup.NONE)]
Path = Annotated[bytes, Text()]
PathOrEmpty = Annotated[bytes, Text(may_be_empty=True)]
Pointer = Annotated[int, Address()]
IovecList: TypeAlias = list[tuple[int, int]]


def In(size: int | str, each: int = 1) -> Buffer:
    """Declare memory that the call reads."""
    return Buffer("in", size, each)


def Out(size: int | str, each: int = 1) -> Buffer:
    """Declare memory that the call writes."""
    return Buffer("out", size, each)


def InOut(size: int | str, each: int = 1) -> Buffer:
    """Declare memory that the call reads and writes."""
    return Buffer("in out", size, each)


def Flags(names: Mapping[str, int]) -> Number:
    """Declare an i32 whose bits have names."""
    return Number(names=names)


def Vector(count: str) -> IovecArray:
    """Declare an array of iovec."""
    return IovecArray(count)


@record(frozen=True)
class Support:
    """How much of a call works; missing: what does not, "" if nothing."""

    level: str
    missing: str = ""


FULL: Final = Support("full")


def partial(missing: str) -> Support:
    """Declare that a call works but for what `missing` says."""
    return Support("partial", missing)


@record(frozen=True)
class Parameter:
    """One parameter of a call."""

    name: str
    kind: Kind


@record(frozen=True, eq=False, slots=False)
class Declaration:
    """Everything about one call; `import_name` is "SYS_read", `name` is "read"."""

    import_name: str
    name: str
    handler: Callable[..., int | None]
    result: str | None
    capability: Capability | None
    restart: Restart
    support: Support
    returns_twice: Callable[..., int] | None = None
    """For setjmp: what compiled code calls, see `runtime.functions.Direct`; the process goes in front."""

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The handler's parameters after the process, with their kinds."""
        code = self.handler.__code__
        names = code.co_varnames[1 : code.co_argcount]
        return tuple(Parameter(name, self._kind(name)) for name in names)

    def _kind(self, name: str) -> Kind:
        annotation = self.handler.__annotations__[name]
        if isinstance(annotation, str):
            annotation = eval(annotation, self.handler.__globals__)  # our own source text
        kind: Kind = annotation.__metadata__[-1]
        assert isinstance(kind, Kind), f"{self.import_name}: the parameter {name} has no kind"
        return kind

    @property
    def type(self) -> FuncType:
        """The Wasm type of the import."""
        return FuncType(tuple(p.kind.wasm for p in self.parameters), () if self.result is None else (self.result,))

    @property
    def summary(self) -> str:
        """What the handler's docstring says."""
        return (self.handler.__doc__ or "").strip()


TABLE: Final[dict[str, Declaration]] = {}
"""Import name -> declaration; filled when `pywasmjit.wali.syscalls` is imported."""

Handler: TypeAlias = Callable[..., Any]


def syscall(
    name: str,
    *,
    capability: Capability | None = None,
    restart: Restart = Restart.NEVER,
    support: Support = FULL,
    aliases: tuple[str, ...] = (),
) -> Callable[[Handler], Handler]:
    """Declare the import SYS_<name>, with an i64 result: a number >= 0, errors by raising OSError.

    capability: what the policy must allow, None if every guest may.  aliases: further names, without SYS_.
    """

    def declare(handler: Handler) -> Handler:
        for each in (name, *aliases):
            _add(Declaration(f"SYS_{each}", each, handler, "i64", capability, restart, support))
        return handler

    return declare


def auxiliary(
    name: str,
    *,
    result: str | None = "i32",
    support: Support = FULL,
    returns_twice: Callable[..., int] | None = None,
) -> Callable[[Handler], Handler]:
    """Declare the import `name`, one of the interface's functions that are no system calls."""

    def declare(handler: Handler) -> Handler:
        _add(Declaration(name, name, handler, result, None, Restart.NEVER, support, returns_twice))
        return handler

    return declare


def _add(declaration: Declaration) -> None:
    assert declaration.import_name not in TABLE, declaration.import_name
    TABLE[declaration.import_name] = declaration
