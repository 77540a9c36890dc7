"""Every error that leaves the engine, and the wording of every trap.

`WasmError` is the root.  A caller who catches it catches whatever a module, a
limit or a deadline can cause; an exception raised by a host function passes
through the engine untouched and is not one of these.  The words of traps are
those of the specification's test scripts.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from pywasmjit.display import quoted, shown


class WasmError(Exception):
    """Root of the errors that the engine raises on purpose."""


class CompileError(WasmError):
    """A module that cannot be used: malformed, invalid, or of an unsupported feature."""


class MalformedError(CompileError):
    """Bytes that are not a module of the binary format.

    offset: place in the module's bytes, or None where no single place is at fault.
    """

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message, offset)
        self.message = message
        self.offset = offset

    def __str__(self) -> str:
        return self.message if self.offset is None else f"{self.message} (at offset {self.offset:#x})"


class ValidationError(CompileError):
    """A well-formed module that breaks a typing rule.

    offset: place in the module's bytes, or None; function: index of the function, or None outside of code.
    """

    def __init__(self, message: str, offset: int | None = None, function: int | None = None) -> None:
        super().__init__(message, offset, function)
        self.message = message
        self.offset = offset
        self.function = function

    def __str__(self) -> str:
        where = [] if self.function is None else [f"function {self.function}"]
        if self.offset is not None:
            where.append(f"offset {self.offset:#x}")
        return f"{self.message} ({', '.join(where)})" if where else self.message


class UnsupportedFeature(CompileError):
    """A valid part of WebAssembly that this version of the engine does not run yet.

    feature: the feature's name as in `Features`.
    """

    def __init__(self, feature: str, detail: str = "", offset: int | None = None) -> None:
        super().__init__(feature, detail, offset)
        self.feature = feature
        self.detail = detail
        self.offset = offset

    def __str__(self) -> str:
        what = f" ({self.detail})" if self.detail else ""
        where = "" if self.offset is None else f" at offset {self.offset:#x}"
        return f"the feature {self.feature!r} is not supported yet{what}{where}"


class LinkError(WasmError):
    """An import that is missing or does not fit; `module` and `name` say which."""

    def __init__(self, message: str, module: str = "", name: str = "") -> None:
        super().__init__(message, module, name)
        self.message = message
        self.module = module
        self.name = name

    def __str__(self) -> str:
        place = f": {quoted(self.module)}.{quoted(self.name)}" if self.module or self.name else ""
        return self.message + place


class TrapCode(enum.Enum):
    """Why a guest trapped; the value is the message, in the words of the specification's scripts."""

    UNREACHABLE = "unreachable"
    MEMORY_OUT_OF_BOUNDS = "out of bounds memory access"
    TABLE_OUT_OF_BOUNDS = "out of bounds table access"
    UNDEFINED_ELEMENT = "undefined element"
    UNINITIALIZED_ELEMENT = "uninitialized element"
    INDIRECT_CALL_TYPE_MISMATCH = "indirect call type mismatch"
    INTEGER_DIVIDE_BY_ZERO = "integer divide by zero"
    INTEGER_OVERFLOW = "integer overflow"
    INVALID_CONVERSION_TO_INTEGER = "invalid conversion to integer"
    UNALIGNED_ATOMIC = "unaligned atomic"
    EXPECTED_SHARED_MEMORY = "expected shared memory"
    STACK_EXHAUSTED = "call stack exhausted"
    HOST = "host function"


class TrapFrame(NamedTuple):
    """One Wasm activation in a trap's backtrace, innermost first."""

    module: str
    function: int
    name: str
    offset: int
    """Byte offset of the instruction in the module's bytes."""

    def __str__(self) -> str:
        return f"{shown(self.module)}!{shown(self.name)} (function {self.function}) at {self.offset:#x}"


class Trap(WasmError):
    """The guest did what the specification says must abort its execution.

    code: why.  frames: Wasm activations, innermost first; filled in where the
    exception leaves Wasm, empty when it was raised by the host's own call of an
    engine object (a segment that does not fit, `Table.get`, ...).
    """

    def __init__(self, code: TrapCode, detail: str = "", frames: tuple[TrapFrame, ...] = ()) -> None:
        super().__init__(code, detail, frames)
        self.code = code
        self.detail = detail
        self.frames = frames

    def __str__(self) -> str:
        return f"{self.code.value}: {self.detail}" if self.detail else self.code.value

    def backtrace(self) -> str:
        """Return the Wasm frames, one a line, innermost first; "" if there are none."""
        return "\n".join(f"  {n}: {frame}" for n, frame in enumerate(self.frames))


class StackExhausted(Trap):
    """The guest called more deeply than the instance's limit, or than the host's stack allows."""

    def __init__(self, detail: str = "", frames: tuple[TrapFrame, ...] = ()) -> None:
        super().__init__(TrapCode.STACK_EXHAUSTED, detail, frames)
        self.args = (detail, frames)


class FuelExhausted(WasmError):
    """The guest spent its budget of instructions."""


class TimedOut(WasmError):
    """The guest, or a wait of the engine on its behalf, ran past its deadline.

    timeout: the scope's length in seconds.
    """

    def __init__(self, timeout: float) -> None:
        super().__init__(timeout)
        self.timeout = timeout

    def __str__(self) -> str:
        return f"timed out after {self.timeout:g} s"


class ResourceLimit(WasmError):
    """A limit of the engine or of the embedder, with its name and value."""

    def __init__(self, name: str, value: object, detail: str = "") -> None:
        super().__init__(name, value, detail)
        self.name = name
        self.value = value
        self.detail = detail

    def __str__(self) -> str:
        return f"limit {self.name} = {self.value} exceeded" + (f": {self.detail}" if self.detail else "")


class Exit(WasmError):
    """The guest ended by its own wish; not an error for the host.

    code: exit status as given by the guest, not yet cut to 8 bits.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return f"exit status {self.code}"
