"""From a declaration to the callable that compiled code calls.

`bind` writes the source of one small function per call, with nothing in it but what this call needs: arguments come
as engine-form integers, are decoded by their declared kinds in order, and go to the handler; its result goes back as
an unsigned 64-bit integer, an `OSError` as minus the guest's errno.  The source depends on declarations and types
alone, never on what a guest says, and is compiled once per process.

Only here is the policy's word on capabilities asked for, and that when the import is bound: a call that is not
allowed is bound to its refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from errno import EINTR, EPERM
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

from pywasmjit.display import shown
from pywasmjit.errors import LinkError, Trap, TrapCode
from pywasmjit.guest.abi.fcntl import AT_FDCWD
from pywasmjit.guest.restart import Restart
from pywasmjit.wali.errno import ENOSYS, NUMBERS, guest_errno
from pywasmjit.wali.table import (
    Address,
    Buffer,
    Declaration,
    Descriptor,
    IovecArray,
    Lookup,
    Number,
    Parameter,
    Text,
)
from pywasmjit.wasm.types import FuncType, ValType

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process

Bound: TypeAlias = Callable[..., Any]

_AGAIN: Final = object()
"""The result of a call that is to be made once more."""
_FDCWD: Final = AT_FDCWD & 0xFFFF_FFFF
_CONTEXT: Final = "process, handler, slots, paths, memory, again, interrupting, interrupted, pending, deliver"
_MASKS = {"i32": 0xFFFF_FFFF, "i64": 0xFFFF_FFFF_FFFF_FFFF}
_HALVES = {"i32": 1 << 31, "i64": 1 << 63}


def bind(declaration: Declaration, process: Process, type: FuncType) -> Bound:
    """Return the callable for one import, of the type that the module declares.

    Parameters may be i32 for i64 and the other way round (the low bits are taken, or the sign extended); the result
    is cut to the declared type, or dropped.  Raises LinkError if the number of parameters, or a floating-point type,
    cannot be right.
    """
    _check_type(declaration, type)
    if not process.policy.allows(declaration.capability):
        return _refusal(declaration, process, type)
    factory: Callable[..., Bound] = _factory(_source(declaration, type), declaration.import_name)
    return factory(
        process=process,
        handler=declaration.handler,
        slots=process.files.slots,
        paths=process.paths,
        memory=process.memory,
        again=_AGAIN,
        interrupting=process.signals.interrupting,
        interrupted=_interruption(process, declaration.restart),
        pending=process.signals.pending,
        deliver=process.signals.deliver,
    )


def absent(type: FuncType) -> Bound:
    """Return a callable of any type that answers -ENOSYS in the type's own terms."""
    results = tuple(_enosys(each) for each in type.results)
    if len(results) == 1:
        return lambda *_: results[0]
    return lambda *_: results or None


def _enosys(type: object) -> int | float | None:
    if type in ("f32", "f64"):
        return -float(ENOSYS)
    return -ENOSYS & _MASKS[type] if isinstance(type, str) and type in _MASKS else None


def _check_type(declaration: Declaration, type: FuncType) -> None:
    wanted = declaration.type
    fits = len(type.params) == len(wanted.params) and len(type.results) <= 1
    if not fits or any(each not in _MASKS for each in (*type.params, *type.results)):
        message = f"incompatible import type: the module wants {type}, the interface has {wanted}"
        raise LinkError(message, "wali", declaration.import_name)


def _refusal(declaration: Declaration, process: Process, type: FuncType) -> Bound:
    capability = declaration.capability
    assert capability is not None
    result = -guest_errno(EPERM) & _MASKS[str(type.results[0])] if type.results else None

    def refuse(*_: object) -> int | None:
        process.denials.tell(capability.value, declaration.name, f"--allow {capability.value}")
        return result

    return refuse


def _interruption(process: Process, restart: Restart) -> Callable[[], object]:
    """Return what runs the handlers of signals that interrupt a call, and tells its result; `_AGAIN` for none yet."""
    result = -guest_errno(EINTR)

    def interrupted() -> object:
        return result if process.interrupted(restart) else _AGAIN

    return interrupted


@cache
def _factory(source: str, name: str) -> Callable[..., Bound]:
    namespace: dict[str, Any] = {"guest_errno": guest_errno}
    exec(compile(source, f"<wali {name}>", "exec"), namespace)
    factory: Callable[..., Bound] = namespace["factory"]
    return factory


def _source(declaration: Declaration, type: FuncType) -> str:
    """Return the source of a function `factory` that makes the callable.

    Arguments that are only numbers are decoded once.  What they stand for is looked up at each attempt, under names of
    its own: a call that is made again after a signal's handler begins anew, as in the kernel.  What the attempt before
    has pinned is let go of before the handler runs, which may want to see it closed.
    """
    parameters = declaration.parameters
    names = [parameter.name for parameter in parameters]
    mask = _MASKS[str(type.results[0])] if type.results else None
    call = f"handler({', '.join(['process', *map(_argument, parameters)])})"
    give_error = "return" if mask is None else f"return result & {mask}"

    def give_number(name: str) -> str:
        return "return" if mask is None else f"return {-NUMBERS[name] & mask}"

    widths = zip(parameters, type.params, strict=True)
    numbers = [line for parameter, wasm in widths for line in (*_resize(parameter, wasm), *_signed(parameter))]
    lookups = [line for parameter in parameters for line in _look_up(parameter, parameters, give_number)]
    pins = [f"{each.name}_" for each in parameters if _is_pinned(each)]
    let_go = [f"{' = '.join(pins)} = None"] if pins else []
    lines = [
        f"def factory({_CONTEXT}):",
        f"    def {declaration.import_name}({', '.join(names)}):",
        *(f"        {line}" for line in numbers),
        "        try:",
        "            while True:",
        *(f"                {line}" for line in lookups),
        "                while True:",
        "                    try:",
        f"                        result = {call}",
        "                        break",
        "                    except InterruptedError:",
        "                        if not interrupting():",
        "                            continue",
        *(f"                    {line}" for line in let_go),
        "                    result = interrupted()",
        "                    break",
        "                if result is not again:",
        "                    break",
        "        except OSError as error:",
        "            result = -guest_errno(error.errno)",
        "        if pending:",
        *(f"            {line}" for line in let_go),
        "            deliver()",
        f"        {give_error}",
        f"    return {declaration.import_name}",
    ]
    return "\n".join(lines)


def _resize(parameter: Parameter, wasm: ValType) -> Iterator[str]:
    """Yield the line that brings an argument to its declared width, if the module passes it in the other one."""
    name, wanted = parameter.name, parameter.kind.wasm
    if wanted == "i32" and wasm == "i64":
        yield f"{name} &= 0xFFFFFFFF"
    elif wanted == "i64" and wasm == "i32":
        yield f"{name} = ({name} ^ 0x80000000) - 0x80000000 & 0xFFFFFFFFFFFFFFFF"


def _signed(parameter: Parameter) -> Iterator[str]:
    """Yield the line that gives a signed number its sign."""
    name, kind = parameter.name, parameter.kind
    if (isinstance(kind, Descriptor) and kind.lookup is Lookup.NONE) or (isinstance(kind, Number) and kind.signed):
        half = _HALVES[kind.wasm]
        yield f"if {name} >= {half}: {name} -= {2 * half}"


def _is_pinned(parameter: Parameter) -> bool:
    return isinstance(parameter.kind, Descriptor) and parameter.kind.lookup is not Lookup.NONE


def _argument(parameter: Parameter) -> str:
    """Return what the handler gets for an argument that was looked up."""
    kind = parameter.kind
    if isinstance(kind, Descriptor) and kind.lookup is Lookup.HOST:
        return f"{parameter.name}_.host"
    return f"{parameter.name}_" if isinstance(kind, Text | IovecArray) or _is_pinned(parameter) else parameter.name


def _look_up(
    parameter: Parameter, parameters: tuple[Parameter, ...], give_error: Callable[[str], str]
) -> Iterator[str]:
    """Yield the lines that find and check what an argument stands for; numbers have their sign already."""
    name, kind = parameter.name, parameter.kind
    match kind:
        case Descriptor(lookup=Lookup.HOST | Lookup.FILE):
            yield f"{name}_ = slots[{name}] if {name} < len(slots) else None"
            yield f"if {name}_ is None: {give_error('EBADF')}"
        case Descriptor(lookup=Lookup.DIRECTORY):
            yield f"{name}_ = slots[{name}] if {name} < len(slots) else paths.cwd if {name} == {_FDCWD} else None"
        case Text(may_be_empty=empty):
            yield f"{name}_ = memory.{'string' if empty else 'path'}({name})"
        case Buffer(size=int(size)):
            yield f"if {name} + {size} > memory.size_bytes: {give_error('EFAULT')}"
        case Buffer(size=str(count), each=each):
            counter = next(other.kind for other in parameters if other.name == count)
            signed = isinstance(counter, Number) and counter.signed
            guard = f"0 < {count} < {_HALVES[counter.wasm]}" if signed else count
            extent = count if each == 1 else f"{each} * {count}"
            yield f"if {guard} and {name} + {extent} > memory.size_bytes: {give_error('EFAULT')}"
        case IovecArray(count=count):
            yield f"{name}_ = memory.iovecs({name}, {count})"
        case Descriptor() | Number() | Address():
            pass


def unavailable(name: str) -> Bound:
    """Return a callable that traps: an import of the interface that this engine does not have."""

    def trap(*_: object) -> NoReturn:
        raise Trap(TrapCode.HOST, f"wali.{shown(name)} is not available")

    return trap
