"""What the code of a module may refer to, laid out for the validator.

Spec: Validation, Contexts.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

from pywasmjit.wasm.features import Features
from pywasmjit.wasm.module import Expr, ModuleSyntax
from pywasmjit.wasm.types import FuncType, ValType


class Context:
    """The types of everything in a module's index spaces.

    It holds no reference to the module itself, so that it may live in a weak table beside it.
    """

    def __init__(self, module: ModuleSyntax, features: Features) -> None:
        self.data = module.data
        self.features = features.enabled()
        self.types = module.types
        self.function_types = module.function_type_indices
        self.imported_functions = module.imported_count("func")
        self.tables = module.table_types
        self.memories = module.memory_types
        self.globals = module.global_types
        self.elements = tuple(segment.type for segment in module.elements)
        self.data_count = module.data_count
        self.body_frames: dict[int, Any] = {}
        """Kept by the validator of bodies: type index -> frame."""
        self.fast_tables: tuple[Any, ...] | None = None
        """Kept by the fast loop."""
        self._own_globals = module.globals
        self._own_tables = module.tables
        self._segments = module.elements
        self._exports = module.exports

    def function_type(self, index: int) -> FuncType:
        """Return the type of function `index`, which must exist."""
        return self.types[self.function_types[index]]

    @cached_property
    def declared_functions(self) -> set[int]:
        """The functions that `ref.func` may name inside of bodies: those which occur outside of bodies."""
        declared = {export.index for export in self._exports if export.kind == "func"}
        for segment in self._segments:
            declared.update(item for item in segment.items if isinstance(item, int))
            for expr in (segment.offset, *(item for item in segment.items if not isinstance(item, int))):
                declared.update(_references(expr))
        for expr in (*(own.init for own in self._own_globals), *(table.init for table in self._own_tables)):
            declared.update(_references(expr))
        return declared

    @cached_property
    def call_types(self) -> list[tuple[list[ValType], int, tuple[ValType, ...]] | None]:
        """For each type of the module (parameters, their number, results); None where these are many."""
        return [
            (list(type.params), len(type.params), type.results)
            if len(type.params) <= SMALL and len(type.results) <= SMALL
            else None
            for type in self.types
        ]

    @cached_property
    def calls(self) -> list[tuple[list[ValType], int, tuple[ValType, ...]] | None]:
        """The same for each function."""
        by_type = self.call_types
        return [by_type[index] for index in self.function_types]


SMALL = 16
"""Types with more parameters or results go the slow way, which counts the work."""


def _references(expr: Expr | None) -> set[int]:
    return set() if expr is None else {immediate for _, op, immediate in expr if op.mnemonic == "ref.func"}


_contexts: WeakKeyDictionary[ModuleSyntax, tuple[Features, Context]] = WeakKeyDictionary()


def context_of(module: ModuleSyntax, features: Features) -> Context:
    """Return the context of `module`, made once for as long as the module lives."""
    known = _contexts.get(module)
    if known is None or known[0] != features:
        known = _contexts[module] = features, Context(module, features)
    return known[1]
