"""From a Python exception that leaves compiled code to the trap that it means.

Compiled code has no checks of its own: a load out of bounds is an IndexError of
a view, a division by zero Python's own exception.  Which trap an exception is
follows from where it was raised: the innermost frame must be a compiled
function's, the CPython instruction there none that calls something, and the
Wasm instruction of that line one that can fail in this way.  Everything else
passes through untouched.
"""

from __future__ import annotations

import os
from opcode import opname
from types import CodeType, TracebackType
from typing import TYPE_CHECKING, Any, Final

from pywasmjit.codegen.template import FIRST_LINE
from pywasmjit.errors import ResourceLimit, StackExhausted, Trap, TrapCode, TrapFrame, WasmError
from pywasmjit.runtime import views
from pywasmjit.wasm.opcodes import Effect, Op

if TYPE_CHECKING:
    from pywasmjit.runtime.linker import Linkage

LINKAGE: Final = "__wasm__"
"""Global name, in a compiled function's namespace, of the `Linkage` that it belongs to."""

_MEMORY: Final = Effect.READS_MEMORY | Effect.WRITES_MEMORY
_KEPT: Final = 50
_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def _kind(error: BaseException, op: Op) -> TrapCode | None:
    """Return the trap that an exception is when it is raised by `op` itself."""
    if isinstance(error, IndexError):
        if op.effect & _MEMORY:
            return TrapCode.MEMORY_OUT_OF_BOUNDS
        return TrapCode.UNDEFINED_ELEMENT if op.effect & Effect.READS_TABLE else None
    if isinstance(error, ZeroDivisionError) and op.effect & Effect.TRAPS:
        return TrapCode.INTEGER_DIVIDE_BY_ZERO
    return None


def _linkage(traceback: TracebackType) -> Linkage | None:
    return traceback.tb_frame.f_globals.get(LINKAGE)


def _calls(code: CodeType, offset: int) -> bool:
    name = opname[code.co_code[offset]]
    return name.startswith(("CALL", "PRECALL"))


def _frames(traceback: TracebackType | None) -> tuple[TrapFrame, ...]:
    """Return the Wasm frames of a traceback, innermost first; of very many, the first and last few."""
    found: list[TracebackType] = []
    while traceback is not None:
        if _linkage(traceback) is not None:
            found.append(traceback)
        traceback = traceback.tb_next
    if len(found) > 2 * _KEPT:
        found[_KEPT:-_KEPT] = []
    frames = (_frame(entry) for entry in reversed(found))
    return tuple(frame for frame in frames if frame is not None)


def _frame(traceback: TracebackType) -> TrapFrame | None:
    linkage = _linkage(traceback)
    assert linkage is not None
    template = linkage.template_of(traceback.tb_frame.f_code)
    if template is None:
        return None
    place = max(0, (traceback.tb_lineno or FIRST_LINE) - FIRST_LINE)
    offset = template.offsets[min(place, len(template.offsets) - 1)]
    unit = linkage.unit
    return TrapFrame(unit.module_name, template.index, unit.module.display_name(template.index), offset)


def _op(traceback: TracebackType) -> Op | None:
    """Return the Wasm instruction at which a compiled frame stands."""
    linkage = _linkage(traceback)
    template = None if linkage is None else linkage.template_of(traceback.tb_frame.f_code)
    if linkage is None or template is None or not traceback.tb_lineno or traceback.tb_lineno < FIRST_LINE:
        return None
    return linkage.op_at(template, traceback.tb_lineno - FIRST_LINE)


def _innermost(traceback: TracebackType) -> TracebackType:
    """Return the entry where the exception was raised; a view written in Python counts as the access itself."""
    following = traceback.tb_next
    while following is not None and following.tb_frame.f_code.co_filename != views.__file__:
        traceback, following = following, following.tb_next
    return traceback


def _is_engine(traceback: TracebackType | None) -> bool:
    """Return whether the frames from here on are the engine's own."""
    return traceback is None or traceback.tb_frame.f_code.co_filename.startswith(_PACKAGE)


def _exhausted(traceback: TracebackType | None, *, by_depth: bool = False) -> bool:
    """Return whether the guest has used up a resource: the error was raised in Wasm or by what the engine does for it.

    by_depth: also if a host function was hit but most of the frames are Wasm's.
    """
    last: TracebackType | None = None
    balance = 0
    while traceback is not None:
        if _linkage(traceback) is not None:
            last = traceback
            balance += 2
        balance -= 1
        traceback = traceback.tb_next
    return last is not None and ((by_depth and balance > 0) or _is_engine(last.tb_next))


def translate(error: BaseException) -> WasmError | None:
    """Return the error that `error` means to the host, None if it is to be raised as it is.

    A Trap gets its frames here.
    """
    traceback = error.__traceback__
    if isinstance(error, Trap):
        if not error.frames:
            error.frames = _frames(traceback)
            if isinstance(error, StackExhausted):
                _short(error, error)
        return None
    if isinstance(error, RecursionError):
        return (
            _short(StackExhausted(frames=_frames(traceback)), error) if _exhausted(traceback, by_depth=True) else None
        )
    if isinstance(error, MemoryError):
        return ResourceLimit("host memory", "available", str(error)) if _exhausted(traceback) else None
    if not isinstance(error, IndexError | ZeroDivisionError) or traceback is None:
        return None
    innermost = _innermost(traceback)
    op = _op(innermost)
    if op is None or _calls(innermost.tb_frame.f_code, innermost.tb_lasti):
        return None
    code = _kind(error, op)
    return None if code is None else Trap(code, frames=_frames(traceback))


def _short(trap: Trap, error: BaseException) -> Trap:
    """Cut the middle out of a traceback with an entry for each of thousands of frames, and free their locals."""
    entries: list[Any] = []
    traceback = error.__traceback__
    while traceback is not None:
        entries.append(traceback)
        traceback = traceback.tb_next
    if len(entries) > 2 * _KEPT:
        entries[_KEPT - 1].tb_next = entries[-_KEPT]
        for entry in entries[_KEPT:-_KEPT]:
            entry.tb_frame.clear()
    return trap
