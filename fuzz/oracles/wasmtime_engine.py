"""The oracle: wasmtime, with just the features that this version of our engine runs."""

from __future__ import annotations

import ctypes
from typing import Any, Final

import wasmtime

from fuzz.generators.modules import FUEL, Generated
from fuzz.oracles.host import from_host, global_value, host_function, to_host
from fuzz.oracles.outcome import FUNCTION, Outcome
from pywasmjit.wasm.opcodes import IMPLEMENTED
from pywasmjit.wasm.types import EXTERNREF, FUNCREF, FuncType, ValType

KINDS: Final = {
    "MEMORY_OUT_OF_BOUNDS": "memory out of bounds",
    "TABLE_OUT_OF_BOUNDS": "table out of bounds",
    "INDIRECT_CALL_TO_NULL": "null element",
    "BAD_SIGNATURE": "type mismatch",
    "INTEGER_OVERFLOW": "overflow",
    "INTEGER_DIVISION_BY_ZERO": "division by zero",
    "BAD_CONVERSION_TO_INTEGER": "conversion",
    "UNREACHABLE": "unreachable",
    "HEAP_MISALIGNED": "unaligned",
    "ATOMIC_WAIT_NON_SHARED_MEMORY": "not shared",
    "STACK_OVERFLOW": "stack",
}
"""wasmtime's trap codes -> the kinds that outcomes speak of."""

_SETTINGS: Final = {
    "wasm_simd": "simd",
    "wasm_relaxed_simd": "relaxed-simd",
    "wasm_threads": "threads",
    "wasm_multi_memory": "multi-memory",
    "wasm_tail_call": "tail-call",
    "wasm_memory64": "memory64",
    "wasm_function_references": "function-references",
    "wasm_gc": "gc",
    "wasm_exceptions": "exceptions",
    "wasm_wide_arithmetic": "wide-arithmetic",
}


def make_engine() -> wasmtime.Engine:
    """Return an engine that compiles quickly and knows no feature that we lack."""
    config = wasmtime.Config()
    for setting in reversed(_SETTINGS):
        setattr(config, setting, _SETTINGS[setting] in IMPLEMENTED)
    config.shared_memory = True
    config.cranelift_opt_level = "none"
    config.parallel_compilation = False
    return wasmtime.Engine(config)


class Wasmtime:
    """Runs modules; one object serves many."""

    def __init__(self) -> None:
        self.engine = make_engine()

    def is_valid(self, data: bytes) -> bool:
        try:
            wasmtime.Module.validate(self.engine, data)
        except wasmtime.WasmtimeError:
            return False
        return True

    def run(self, case: Generated) -> Outcome:
        """Instantiate, call, and record what can be seen."""
        outcome = Outcome()
        try:
            module = wasmtime.Module(self.engine, case.data)
        except wasmtime.WasmtimeError:
            outcome.verdict = "invalid"
            return outcome
        store = wasmtime.Store(self.engine)
        imports = [_import(self.engine, store, i, outcome) for i in module.imports]
        try:
            instance = wasmtime.Instance(store, module, imports)
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            outcome.start = kind_of(error)
            return outcome
        exports: dict[str, Any] = dict(instance.exports(store).items())
        for name, arguments in case.calls:
            if "fuel" in exports:
                exports["fuel"].set_value(store, FUEL)
            outcome.calls.append(_call(store, exports[name], arguments))
        for name, item in exports.items():
            _record(store, name, item, outcome)
        return outcome


def kind_of(error: Exception) -> str:
    code = getattr(error, "trap_code", None)
    if code is None:
        return str(error)
    return KINDS.get(code.name, str(code.name))


def _valtype(type_: wasmtime.ValType) -> ValType:
    text = str(type_)  # which calls externref "anyref"
    return {"funcref": FUNCREF, "anyref": EXTERNREF, "externref": EXTERNREF}.get(text, text)


def _import(engine: wasmtime.Engine, store: wasmtime.Store, wanted: wasmtime.ImportType, outcome: Outcome) -> Any:
    type_, name = wanted.type, str(wanted.name)
    if isinstance(type_, wasmtime.FuncType):
        own = FuncType(tuple(map(_valtype, type_.params)), tuple(map(_valtype, type_.results)))
        return wasmtime.Func(store, type_, host_function(name, own, outcome.log))
    if isinstance(type_, wasmtime.GlobalType):
        return wasmtime.Global(store, type_, global_value(name, _valtype(type_.content)))
    if isinstance(type_, wasmtime.MemoryType):
        return wasmtime.SharedMemory(engine, type_) if type_.is_shared else wasmtime.Memory(store, type_)
    assert isinstance(type_, wasmtime.TableType)
    return wasmtime.Table(store, type_, None)


def _call(store: wasmtime.Store, function: wasmtime.Func, arguments: tuple[Any, ...]) -> tuple[str, Any]:
    type_ = function.type(store)
    values = [to_host(_valtype(t), a) for t, a in zip(type_.params, arguments, strict=True)]
    try:
        results = function(store, *values)
    except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
        return "trap", kind_of(error)
    row = [] if not type_.results else [results] if len(type_.results) == 1 else list(results)
    return "return", [from_host(_valtype(t), r) for t, r in zip(type_.results, row, strict=True)]


def _record(store: wasmtime.Store, name: str, item: Any, outcome: Outcome) -> None:
    if isinstance(item, wasmtime.Memory | wasmtime.SharedMemory):
        size = item.data_len() if isinstance(item, wasmtime.SharedMemory) else item.data_len(store)
        start = item.data_ptr() if isinstance(item, wasmtime.SharedMemory) else item.data_ptr(store)
        outcome.add_memory(name, ctypes.string_at(start, size) if size else b"")
    elif isinstance(item, wasmtime.Global):
        outcome.globals[name] = from_host(_valtype(item.type(store).content), _unwrap(item.value(store)))
    elif isinstance(item, wasmtime.Table):
        slots = [_unwrap(item.get(store, i)) for i in range(item.size(store))]
        outcome.tables[name] = [s if s is None or isinstance(s, str) else FUNCTION for s in slots]


def _unwrap(item: Any) -> Any:
    """Return None for a null reference, which wasmtime wraps in tables and globals, but not in results."""
    return item.value if isinstance(item, wasmtime.Val) else item
