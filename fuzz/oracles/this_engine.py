"""The engine under test: pywasmjit through its public interface."""

from __future__ import annotations

import traceback
from typing import Any, Final

import pywasmjit as wj
from fuzz.generators.modules import FUEL, Generated
from fuzz.oracles.host import global_value, host_function
from fuzz.oracles.outcome import FUNCTION, Outcome, Value, as_value
from pywasmjit.errors import MalformedError, TrapCode, UnsupportedFeature, ValidationError
from pywasmjit.wasm.types import FuncType, GlobalType, MemoryType, TableType, ValType

TIMEOUT: Final = 20.0
"""Seconds that one module may take; all of them end, so reaching it is a bug."""

KINDS: Final = {
    TrapCode.MEMORY_OUT_OF_BOUNDS: "memory out of bounds",
    TrapCode.TABLE_OUT_OF_BOUNDS: "table out of bounds",
    TrapCode.UNDEFINED_ELEMENT: "table out of bounds",
    TrapCode.UNINITIALIZED_ELEMENT: "null element",
    TrapCode.INDIRECT_CALL_TYPE_MISMATCH: "type mismatch",
    TrapCode.INTEGER_OVERFLOW: "overflow",
    TrapCode.INTEGER_DIVIDE_BY_ZERO: "division by zero",
    TrapCode.INVALID_CONVERSION_TO_INTEGER: "conversion",
    TrapCode.UNREACHABLE: "unreachable",
    TrapCode.UNALIGNED_ATOMIC: "unaligned",
    TrapCode.EXPECTED_SHARED_MEMORY: "not shared",
    TrapCode.STACK_EXHAUSTED: "stack",
}


def verdict(data: bytes) -> str:
    """Return "valid", "invalid", "unsupported", or "crash: ..." for an error that is not a declared one."""
    try:
        wj.validate(data)
    except (MalformedError, ValidationError):
        return "invalid"
    except UnsupportedFeature:
        return "unsupported"
    except Exception:
        return f"crash: {traceback.format_exc()}"
    return "valid"


def run(case: Generated, *, asserting: bool = False) -> Outcome:
    """Instantiate, call, and record what can be seen; whatever goes wrong is part of the outcome.

    asserting: have compiled code check what the compiler claims of integers; a claim that fails is a crash.
    """
    outcome = Outcome()
    try:
        with wj.deadline(TIMEOUT):
            _run(case, outcome, asserting)
    except Exception:
        outcome.verdict = f"crash: {traceback.format_exc()}"
    return outcome


def _run(case: Generated, outcome: Outcome, asserting: bool) -> None:
    outcome.verdict = verdict(case.data)
    if outcome.verdict != "valid":
        return
    module = wj.Module(case.data)
    module._unit.asserting = asserting
    env = {i.name: _import(i.name, i.type, outcome) for i in module.imports}
    try:
        instance = wj.Instance(module, {"env": env})
    except wj.Trap as trap:
        outcome.start = KINDS.get(trap.code, str(trap))
        return
    for name, arguments in case.calls:
        if "fuel" in instance.exports:
            instance.exports["fuel"].value = FUEL
        outcome.calls.append(_call(instance.exports[name], arguments))
    for export in module.exports:
        _record(export.name, export.type, instance.exports[export.name], outcome)


def _import(name: str, type_: object, outcome: Outcome) -> Any:
    match type_:
        case FuncType():
            return host_function(name, type_, outcome.log)
        case GlobalType():
            return wj.Global(type_.content, global_value(name, type_.content), mutable=type_.mutable)
        case MemoryType():
            return wj.Memory(type_.minimum, type_.maximum, shared=type_.shared)
        case TableType():
            return wj.Table(type_.element, type_.minimum, type_.maximum)
    raise AssertionError(type_)


def _call(function: Any, arguments: tuple[Any, ...]) -> tuple[str, Any]:
    try:
        results = function.call_bits(*arguments)
    except wj.Trap as trap:
        return "trap", KINDS.get(trap.code, str(trap))
    except Exception:
        return "crash", traceback.format_exc()
    types: tuple[ValType, ...] = function.type.results
    if len(results) != len(types):
        return "crash", f"{len(types)} results expected, got {results!r}"
    return "return", [_value(t, r) for t, r in zip(types, results, strict=True)]


def _value(type_: ValType, bits: Any) -> Value:
    """Return a value as recorded; bits that are not an unsigned number of the type's width become text."""
    if isinstance(type_, str) and (type(bits) is not int or bits < 0 or as_value(type_, bits)[1] != bits):
        return f"ill-formed {type_}", repr(bits)
    return as_value(type_, bits)


def _record(name: str, type_: object, item: Any, outcome: Outcome) -> None:
    if isinstance(type_, MemoryType):
        outcome.add_memory(name, bytes(item.view()))
    elif isinstance(type_, GlobalType):
        outcome.globals[name] = _value(type_.content, item.bits)
    elif isinstance(type_, TableType):
        slots = [item[i] for i in range(len(item))]
        outcome.tables[name] = [s if s is None or isinstance(s, str) else FUNCTION for s in slots]
