"""--strace: one line for each call, made from the declarations.

    [1234] 0.012345 open("data/file", O_RDONLY|O_CLOEXEC, 0) = 3 <0.000041>
    [1234] 0.012517 read(3, "the quick brown "..., 4096) = 44 <0.000012>
    [1234] 0.012699 open("missing", O_RDWR, 0) = -1 ENOENT (No such file or directory) <0.000020>

The process's number, seconds since the start, the call, its result, the seconds that it took.  What a call reads is
shown as it was before the call, what it writes as it is afterwards.  A call that may not return is told before
it is made, with "?" for a result.
A module whose calls are not traced is bound as ever: the wrapping happens when imports are bound.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from pywasmjit.guest.abi.wait import STATUS
from pywasmjit.guest.kernel.descriptors import move_high, name_of_descriptor
from pywasmjit.wali.errno import NAMES
from pywasmjit.wali.table import (
    TABLE,
    Address,
    Buffer,
    Declaration,
    Descriptor,
    IovecArray,
    Number,
    Parameter,
    Text,
)

if TYPE_CHECKING:
    from pywasmjit.guest.memory.guest_memory import GuestMemory
    from pywasmjit.guest.policy.policy import Policy
    from pywasmjit.guest.process import Process
    from pywasmjit.wasm.types import FuncType

_MOST_BYTES: Final = 32
"""Bytes of data that are shown."""
_MOST_PARTS: Final = 8
_MOST_STRINGS: Final = 16
_MOST_TEXT: Final = 4096
_ERRORS: Final = 4095
_AT_FDCWD: Final = -100
_MAY_NOT_RETURN: Final = frozenset({"execve", "exit", "exit_group", "__proc_exit", "longjmp", "_longjmp"})
_STRINGS: Final = frozenset({"argv", "envp"})
_BITS: Final = {"i32": 32, "i64": 64}


class Trace:
    """Where lines go, and of which calls.

    only: names without SYS_, empty for all.
    """

    def __init__(self, fd: int, only: Collection[str] = (), started: float | None = None) -> None:
        """Write to a copy of the descriptor `fd`."""
        self._fd = move_high(os.dup(fd))
        self._only = frozenset(only)
        self._started = perf_counter() if started is None else started

    @classmethod
    def asked_for(cls, value: str, only: Collection[str] = (), policy: Policy | None = None) -> Trace:
        """Return what `--strace=VALUE` asks for: names of calls between commas filter, anything else is a file.

        only: further names.  Raises as `to_file` does.
        """
        import pywasmjit.wali.syscalls  # noqa: F401  (fills the table)

        names = [name.strip() for name in value.split(",") if name.strip()]
        known = {declaration.name for declaration in TABLE.values()}
        if any(name in known for name in names) and (len(names) > 1 or names[0] == value):
            return cls.to_file(None, [*names, *only])
        return cls.to_file(value or None, only, policy)

    @classmethod
    def to_file(cls, path: str | None, only: Collection[str] = (), policy: Policy | None = None) -> Trace:
        """Write to a file, which is emptied first; None for standard error.

        policy: what the program that is told of may do, None for nothing.  Raises OSError, for a symbolic link too, and
        ValueError for a name in `only` that no call has, or a file in a directory that the program may write.
        """
        import pywasmjit.wali.syscalls  # noqa: F401  (fills the table)

        known = {declaration.name for declaration in TABLE.values()}
        for name in only:
            if name not in known:
                raise ValueError(f"there is no call {name!r}")
        if path is None:
            return cls(2, only)
        fd = _open_file(path, policy)
        try:
            return cls(fd, only)
        finally:
            os.close(fd)

    def hand_over(self, copy: Callable[[int], int]) -> dict[str, Any]:
        """Return what `take_over` needs in the engine that comes next."""
        return {"fd": copy(self._fd), "only": sorted(self._only), "started": self._started}

    @classmethod
    def take_over(cls, state: Mapping[str, Any]) -> Trace:
        """Go on where another engine has stopped."""
        try:
            return cls(state["fd"], state["only"], state["started"])
        finally:
            os.close(state["fd"])

    def wrap(
        self, declaration: Declaration, bound: Callable[..., Any], process: Process, type: FuncType
    ) -> Callable[..., Any]:
        """Return `bound`, which tells of each call; itself if nobody wants to know."""
        if self._only and declaration.name not in self._only:
            return bound
        line = _Line(declaration, process.memory)
        may_not_return = declaration.name in _MAY_NOT_RETURN
        results = [_BITS.get(str(each), 0) for each in type.results]

        def traced(*arguments: int) -> Any:
            before = line.before(arguments)
            start = perf_counter()
            since = f"{start - self._started:.6f}"
            if may_not_return:
                self._write(f"[{os.getpid()}] {since} {line.after(arguments, before, None)} = ?\n")
            result = bound(*arguments)
            taken = perf_counter() - start
            outcome = _outcome(result, results[0]) if results else ""
            after = line.after(arguments, before, result)
            self._write(f"[{os.getpid()}] {since} {after}{outcome} <{taken:.6f}>\n")
            return result

        return traced

    def _write(self, text: str) -> None:
        with suppress(OSError):
            os.write(self._fd, text.encode("utf-8", "backslashreplace"))


def _open_file(path: str, policy: Policy | None) -> int:
    """Create or empty a file of the engine's.

    The directory is opened first, and what it is called then decides: a program may have left links of any kind on an
    earlier run, that point where it could not write itself.
    """
    parent, name = os.path.split(path)
    directory = os.open(parent or ".", getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        grant = None if policy is None else policy.writes_below(name_of_descriptor(directory))
        if grant is not None:
            raise ValueError(f"{path}: the program may write in {grant.host}, and could read or change this file")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, 0o666, dir_fd=directory)
    except OSError as error:
        reason = "is a symbolic link, which is not followed" if error.errno == errno.ELOOP else error.strerror
        raise OSError(error.errno, reason, path) from None
    finally:
        os.close(directory)


def _outcome(result: Any, bits: int) -> str:
    """Return " = " and the result in words."""
    if not isinstance(result, int) or not bits:
        return f" = {result}"
    if result >= 1 << bits - 1:
        result -= 1 << bits
    if not -_ERRORS <= result < 0:
        return f" = {result}" if abs(result) < 1 << 16 else f" = {result:#x}"
    name = NAMES.get(-result, str(-result))
    number = getattr(errno, name, None)
    return f" = -1 {name} ({os.strerror(number)})" if number is not None else f" = -1 {name}"


class _Line:
    """Writes "name(arguments)" of one call."""

    def __init__(self, declaration: Declaration, memory: GuestMemory) -> None:
        self._name = declaration.name
        self._parameters = declaration.parameters
        self._memory = memory
        self._tells_size = declaration.result == "i64"

    def before(self, arguments: tuple[int, ...]) -> list[str | None]:
        """Return the arguments as text; None for one that is to be shown after the call."""
        values = self._values(arguments)
        texts: list[str | None] = []
        for parameter in self._parameters:
            kind = parameter.kind
            is_output = isinstance(kind, Buffer) and "in" not in kind.direction and values[parameter.name]
            texts.append(None if is_output or self._is_output_vector(parameter) else self._text(parameter, values))
        return texts

    def after(self, arguments: tuple[int, ...], texts: list[str | None], result: Any) -> str:
        """Return the whole call, with what it has written."""
        values = self._values(arguments)
        succeeded = self._tells_size and isinstance(result, int) and result < 1 << 63
        shown: list[str] = []
        for parameter, text in zip(self._parameters, texts, strict=True):
            if text is None:
                if isinstance(parameter.kind, Buffer) and isinstance(parameter.kind.size, str) and succeeded:
                    text = self._data(values[parameter.name], result, values[parameter.kind.size])
                elif isinstance(parameter.kind, Buffer) and succeeded:
                    text = self._structure(parameter, values[parameter.name])
                elif isinstance(parameter.kind, IovecArray) and succeeded:
                    text = self._vector(values[parameter.name], values[parameter.kind.count], result)
                else:
                    text = _address(values[parameter.name])
            shown.append(text)
        return f"{self._name}({', '.join(shown)})"

    def _values(self, arguments: tuple[int, ...]) -> dict[str, int]:
        """Return the arguments by name, signed where they are."""
        values = {}
        for parameter, value in zip(self._parameters, arguments, strict=True):
            kind = parameter.kind
            value &= (1 << _BITS[kind.wasm]) - 1
            if isinstance(kind, Descriptor) or (isinstance(kind, Number) and kind.signed):
                half = 1 << _BITS[kind.wasm] - 1
                value = (value ^ half) - half
            values[parameter.name] = value
        return values

    def _is_output_vector(self, parameter: Parameter) -> bool:
        return isinstance(parameter.kind, IovecArray) and "read" in self._name

    def _text(self, parameter: Parameter, values: Mapping[str, int]) -> str:
        value = values[parameter.name]
        match parameter.kind:
            case Number(names=None):
                return str(value)
            case Number(wasm=wasm, names=names):
                assert names is not None
                return name_bits(value, names, _BITS[wasm])
            case Descriptor():
                return "AT_FDCWD" if value == _AT_FDCWD else str(value)
            case Text():
                return self._string(value)
            case Buffer(size=str(count), each=1):
                return self._data(value, values[count], values[count])
            case IovecArray(count=count):
                return self._vector(value, values[count], _MOST_TEXT)
            case Address() if parameter.name in _STRINGS:
                return self._strings(value)
        return _address(value)

    def _string(self, address: int) -> str:
        try:
            return quote(self._memory.string(address)) if address else "NULL"
        except OSError:
            return _address(address)

    def _strings(self, address: int) -> str:
        """Return an array of strings."""
        shown: list[str] = []
        try:
            while address and (pointer := int.from_bytes(self._memory.read(address, 4), "little")):
                if len(shown) == _MOST_STRINGS:
                    shown.append("...")
                    break
                shown.append(self._string(pointer))
                address += 4
        except OSError:
            return _address(address)
        return f"[{', '.join(shown)}]" if address else "NULL"

    def _data(self, address: int, size: int, room: int) -> str:
        size = max(0, min(size, room))
        try:
            data = self._memory.read(address, min(size, _MOST_BYTES + 1))
        except OSError:
            return _address(address)
        return quote(data[:_MOST_BYTES]) + ("..." if size > _MOST_BYTES else "") if address else "NULL"

    def _vector(self, address: int, count: int, size: int) -> str:
        """Return an array of iovec with the first `size` bytes of what it describes."""
        try:
            parts = self._memory.iovecs(address, count)
        except OSError:
            return _address(address)
        shown: list[str] = []
        for start, length in parts[:_MOST_PARTS]:
            shown.append(f"{{{self._data(start, min(size, length), length)}, {length}}}")
            size = max(0, size - length)
        return f"[{', '.join(shown)}{', ...' if len(parts) > _MOST_PARTS else ''}]"

    def _structure(self, parameter: Parameter, address: int) -> str:
        """Return what a call has written, where it is a number or two."""
        with suppress(OSError):
            if parameter.name == "wstatus":
                return f"[{describe_status(*self._memory.unpack(STATUS, address))}]"
            if parameter.name in ("pipefd", "sv"):
                first, second = (self._memory.unpack(STATUS, address + 4 * n)[0] for n in (0, 1))
                return f"[{first}, {second}]"
        return _address(address)


def _address(value: int) -> str:
    return f"{value:#x}" if value else "NULL"


def quote(data: bytes) -> str:
    """Return bytes as a C string."""
    escapes = {0x22: '\\"', 0x5C: "\\\\", 0x0A: "\\n", 0x09: "\\t", 0x0D: "\\r"}
    text = "".join(escapes.get(each) or (chr(each) if 0x20 <= each < 0x7F else f"\\x{each:02x}") for each in data)
    return f'"{text}"'


def name_bits(value: int, names: Mapping[str, int], bits: int = 32) -> str:
    """Return a number by the names of its value, or of its bits: O_RDONLY|O_CREAT|0x40000000."""
    exact = [name for name, number in names.items() if number == value]
    if exact and "O_WRONLY" not in names:
        return exact[0]
    numbers = sorted(names.values())
    if numbers == list(range(numbers[0], numbers[0] + len(numbers))) or numbers[0] < 0:
        return str(value)
    left = value & (1 << bits) - 1
    found = ["O_RDONLY"] if "O_WRONLY" in names and not left & 3 else []
    for name, number in sorted(names.items(), key=lambda item: -item[1].bit_count()):
        if number and left & number == number:
            found.append(name)
            left &= ~number
    return "|".join(found + [hex(left)] * bool(left)) or "0"


def describe_status(status: int) -> str:
    """Return what wait4 has said of a child's end."""
    if status == 0xFFFF:
        return "continued"
    if status & 0xFF == 0x7F:
        return f"stopped by signal {status >> 8 & 0xFF}"
    if status & 0x7F:
        return f"killed by signal {status & 0x7F}{', core dumped' * bool(status & 0x80)}"
    return f"exited with {status >> 8 & 0xFF}"
