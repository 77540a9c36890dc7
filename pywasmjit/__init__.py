"""A WebAssembly engine in pure Python: every Wasm function becomes a CPython function.

    >>> import pywasmjit as wj
    >>> inst = wj.load("add.wasm")
    >>> inst.exports.add(1, 2)
    3

What users need is here; the rest of the package is the engine's own affair.
"""

from typing import TYPE_CHECKING, Any

from pywasmjit import starting as _starting  # noqa: F401 - the first: it sees to Ctrl-C while all else is loaded
from pywasmjit.api import Instance, Module, is_valid, load, validate
from pywasmjit.errors import (
    CompileError,
    Exit,
    FuelExhausted,
    LinkError,
    MalformedError,
    ResourceLimit,
    StackExhausted,
    TimedOut,
    Trap,
    TrapCode,
    TrapFrame,
    UnsupportedFeature,
    ValidationError,
    WasmError,
)
from pywasmjit.runtime.deadlines import deadline
from pywasmjit.runtime.functions import Func, host
from pywasmjit.runtime.globals import Global
from pywasmjit.runtime.limits import Limits
from pywasmjit.runtime.memories import Memory
from pywasmjit.runtime.tables import Table
from pywasmjit.wasm.features import Features
from pywasmjit.wasm.types import (
    ExportType,
    FuncType,
    GlobalType,
    ImportType,
    MemoryType,
    RefType,
    TableType,
)

if TYPE_CHECKING:
    from pywasmjit.wali import Policy, Wali, ro

__version__ = "0.1.0"

__all__ = [
    "CompileError",
    "Exit",
    "ExportType",
    "Features",
    "FuelExhausted",
    "Func",
    "FuncType",
    "Global",
    "GlobalType",
    "ImportType",
    "Instance",
    "Limits",
    "LinkError",
    "MalformedError",
    "Memory",
    "MemoryType",
    "Module",
    "Policy",
    "RefType",
    "ResourceLimit",
    "StackExhausted",
    "Table",
    "TableType",
    "TimedOut",
    "Trap",
    "TrapCode",
    "TrapFrame",
    "UnsupportedFeature",
    "ValidationError",
    "Wali",
    "WasmError",
    "deadline",
    "host",
    "is_valid",
    "load",
    "ro",
    "validate",
]

_LAZY = {"Policy", "Wali", "ro"}
"""Names whose import costs time that a plain module need not pay."""


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import pywasmjit.wali

        return getattr(pywasmjit.wali, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
