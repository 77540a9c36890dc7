"""wasmtime behind the interface of `engines`: a known good engine, to test the runner itself.

Values cross through wasmtime's C structures, because its Python values lose the payload of NaNs and know no vectors.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any, Final

import wasmtime
from wasmtime import _ffi as ffi

from .engines import Engine, Exhausted, Refused, Thrown, Trapped, Unlinkable
from .values import HostReference, Value

_SPECTEST: Final = b"""(module
  (func (export "print")) (func (export "print_i32") (param i32)) (func (export "print_i64") (param i64))
  (func (export "print_f32") (param f32)) (func (export "print_f64") (param f64))
  (func (export "print_i32_f32") (param i32 f32)) (func (export "print_f64_f64") (param f64 f64))
  (global (export "global_i32") i32 (i32.const 666)) (global (export "global_i64") i64 (i64.const 666))
  (global (export "global_f32") f32 (f32.const 666.6)) (global (export "global_f64") f64 (f64.const 666.6))
  (table (export "table") 10 20 funcref) (table (export "table64") i64 10 20 funcref)
  (memory (export "memory") 1 2) (memory (export "shared_memory") 1 2 shared))"""
_SETTINGS: Final = (
    "wasm_threads",
    "shared_memory",
    "wasm_multi_memory",
    "wasm_memory64",
    "wasm_exceptions",
    "wasm_function_references",
    "wasm_gc",
    "wasm_tail_call",
    "wasm_relaxed_simd",
    "wasm_wide_arithmetic",
    "wasm_custom_page_sizes",
)
_SIZES: Final = {0: 4, 1: 8, 2: 4, 3: 8, 4: 16}
"""Bytes of the number and vector types, by wasmtime's kind of value."""
_FUNCREF: Final = 5
_EXTERNREF: Final = 6
_C_TYPES: Final[dict[int, Any]] = {
    **{kind: ffi.wasm_valtype_new(kind) for kind in (0, 1, 2, 3)},
    4: ffi.wasmtime_wasm_valtype_v128(),
    _EXTERNREF: ffi.wasm_valtype_new(128),
}


class SharedMemory(wasmtime.SharedMemory):
    """A shared memory that can be imported: wasmtime 50 passes a pointer to its pointer."""

    def _as_extern(self) -> Any:
        union = ffi.wasmtime_extern_union(sharedmemory=self.ptr())
        return ffi.wasmtime_extern_t(ffi.WASMTIME_EXTERN_SHAREDMEMORY, union)


class Reference:
    """A reference of wasmtime's; `kind` as in `values.KindOf`, but "" for references of garbage collection."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


def make_engine() -> wasmtime.Engine:
    """Return a wasmtime engine with all features that it has."""
    config = wasmtime.Config()
    for setting in _SETTINGS:
        setattr(config, setting, True)
    config.cranelift_opt_level = "none"
    config.memory_reservation = 1 << 20
    return wasmtime.Engine(config)


class Wasmtime:
    """One store of wasmtime; an instance is the mapping of its exports."""

    missing_proposal = ""

    def __init__(self, engine: wasmtime.Engine | None = None) -> None:
        self._engine = engine or make_engine()
        self._store = wasmtime.Store(self._engine)
        self._spectest = self.instantiate(self.compile(bytes(wasmtime.wat2wasm(_SPECTEST))), {})

    def compile(self, data: bytes) -> Any:
        try:
            return wasmtime.Module(self._engine, data)
        except wasmtime.WasmtimeError as error:
            raise Refused(str(error)) from error

    def import_modules(self, module: Any) -> set[str]:
        return {item.module for item in module.imports}

    def instantiate(self, module: Any, registry: Mapping[str, Any]) -> Any:
        found = []
        for item in module.imports:
            exports = self._spectest if item.module == "spectest" else registry.get(item.module, {})
            if item.name not in exports:
                raise Unlinkable(f"unknown import {item.module}.{item.name}")
            found.append(exports[item.name])
        try:
            exports = dict(wasmtime.Instance(self._store, module, found).exports(self._store))
        except wasmtime.WasmtimeError as error:
            raise Unlinkable(str(error)) from error
        except wasmtime.Trap as trap:
            raise _stop(trap) from trap
        for item in exports.values():
            if isinstance(item, wasmtime.SharedMemory):
                item.__class__ = SharedMemory
        return exports

    def invoke(self, instance: Any, export: str, arguments: tuple[Value, ...]) -> tuple[Value, ...]:
        func = instance[export]
        context: Any = self._store._context()
        func_type = func.type(self._store)
        kinds = [_parameter_kind(item.ptr()) for item in func_type.params]
        raw = (ffi.wasmtime_val_t * len(arguments))(*map(self._raw, kinds, arguments))
        results = (ffi.wasmtime_val_t * len(func_type.results))()
        trap = ctypes.POINTER(ffi.wasm_trap_t)()
        error = ffi.wasmtime_func_call(
            context, ctypes.byref(func._func), raw, len(raw), results, len(results), ctypes.byref(trap)
        )
        if trap:
            raise _stop(wasmtime.Trap._from_ptr(trap))
        if error:
            raise Thrown(str(wasmtime.WasmtimeError._from_ptr(error)))
        return tuple(map(self._value, results))

    def get(self, instance: Any, export: str) -> Value:
        raw = ffi.wasmtime_val_t()
        context: Any = self._store._context()
        ffi.wasmtime_global_get(context, ctypes.byref(instance[export]._global), ctypes.byref(raw))
        return self._value(raw)

    def kind_of(self, reference: object) -> str:
        if isinstance(reference, HostReference):
            return "extern"
        return reference.kind if isinstance(reference, Reference) else ""

    def new_thread(self) -> Engine:
        return Wasmtime(self._engine)

    def share(self, instance: Any, thread: Engine) -> Any:
        return {name: item for name, item in instance.items() if isinstance(item, wasmtime.SharedMemory)}

    def _raw(self, kind: int, value: Value) -> Any:
        if isinstance(value, HostReference):
            return wasmtime.Val.externref(value)._new_raw(self._store)
        if value is None:
            make = wasmtime.Val.externref if kind == _EXTERNREF else wasmtime.Val.funcref
            return make(None)._new_raw(self._store)
        raw = ffi.wasmtime_val_t(kind=kind)
        assert isinstance(value, int)
        ctypes.memmove(ctypes.addressof(raw.of), value.to_bytes(16, "little"), _SIZES[kind])
        return raw

    def _value(self, raw: Any) -> Value:
        if raw.kind in _SIZES:
            return int.from_bytes(ctypes.string_at(ctypes.addressof(raw.of), _SIZES[raw.kind]), "little")
        if raw.kind == _FUNCREF:
            return Reference("func") if raw.of.funcref.store_id else None
        if not raw.of.externref.store_id:
            return None
        if raw.kind != _EXTERNREF:
            return Reference("")
        context: Any = self._store._context()
        number: Any = ffi.wasmtime_externref_data(context, ctypes.byref(raw.of.externref))
        known: Value = wasmtime._value._unintern(number) if number else Reference("extern")
        return known


def _parameter_kind(c_type: Any) -> int:
    """Return the kind of value that a parameter takes; of a reference to something else, that of funcref.

    wasmtime aborts the process when asked for the kind of a type newer than its C interface: so types are compared.
    """
    equal = ffi.wasmtime_wasm_valtype_equal
    return next((kind for kind, known in _C_TYPES.items() if equal(c_type, known)), _FUNCREF)


def _stop(trap: wasmtime.Trap) -> Trapped | Exhausted | Thrown:
    """Return the verdict of a trap.  Its words are left out: wasmtime's differ from the scripts'."""
    if trap.trap_code is wasmtime.TrapCode.STACK_OVERFLOW:
        return Exhausted("")
    if trap.trap_code is wasmtime.TrapCode.UNCAUGHT_EXCEPTION:
        return Thrown("")
    return Trapped("")
