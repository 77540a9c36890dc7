"""Types as the binary format writes them.

Reference types beyond funcref and externref, vectors and aggregate types are
recognised and refused by the name of their feature.

Spec: Binary Format, Types.
"""

from __future__ import annotations

from typing import Final

from pywasmjit.errors import MalformedError, ResourceLimit, UnsupportedFeature, ValidationError
from pywasmjit.wasm.limits import PARAMETERS, RESULTS
from pywasmjit.wasm.opcodes import IMPLEMENTED
from pywasmjit.wasm.reader import Reader
from pywasmjit.wasm.types import (
    EXTERNREF,
    FUNCREF,
    FuncType,
    GlobalType,
    MemoryType,
    RefType,
    TableType,
    ValType,
)

I32, I64, F32, F64, V128 = "i32", "i64", "f32", "f64", "v128"

NUMBERS: Final[dict[int, str]] = {0x7F: I32, 0x7E: I64, 0x7D: F32, 0x7C: F64, 0x7B: V128}
REFERENCES: Final[dict[int, RefType]] = {0x70: FUNCREF, 0x6F: EXTERNREF}

HEAP_TYPES: Final[dict[int, tuple[str, str]]] = {
    0x74: ("noexn", "exceptions"),
    0x73: ("nofunc", "gc"),
    0x72: ("noextern", "gc"),
    0x71: ("none", "gc"),
    0x70: ("func", "reference-types"),
    0x6F: ("extern", "reference-types"),
    0x6E: ("any", "gc"),
    0x6D: ("eq", "gc"),
    0x6C: ("i31", "gc"),
    0x6B: ("struct", "gc"),
    0x6A: ("array", "gc"),
    0x69: ("exn", "exceptions"),
}
"""Code of an abstract heap type -> its name, the feature that it belongs to."""

EMPTY_BLOCK: Final = FuncType()
BLOCKS: Final[dict[int, FuncType]] = {
    0x40: EMPTY_BLOCK,
    **{code: FuncType((), (type,)) for code, type in NUMBERS.items()},
    **{code: FuncType((), (type,)) for code, type in REFERENCES.items()},
}
"""First byte of a block type that needs no type section -> the type."""

FEATURES_OF_TYPE: Final[dict[ValType, str]] = {V128: "simd", FUNCREF: "reference-types", EXTERNREF: "reference-types"}
"""Value type -> the feature that brings it, if it is not of the minimum."""


class TypeReader(Reader):
    """A reader that also reads types.

    features: names of the features that are on.
    types: the function types read so far, for block types.
    """

    __slots__ = ("features", "types")

    def __init__(
        self,
        data: bytes,
        position: int,
        end: int,
        features: frozenset[str],
        types: list[FuncType] | tuple[FuncType, ...],
    ) -> None:
        super().__init__(data, position, end)
        self.features = features
        self.types = types

    def need(self, feature: str, what: str, offset: int) -> None:
        """Refuse `what`, found at `offset`, unless its feature is on and implemented."""
        if feature not in self.features:
            raise ValidationError(f"{what} needs the feature {feature!r}, which is off", offset)
        if feature not in IMPLEMENTED:
            raise UnsupportedFeature(feature, what, offset)

    def valtype(self) -> ValType:
        """Read a value type."""
        start = self.position
        code = self.byte()
        found: ValType | None = NUMBERS.get(code)
        if found is None or found is V128:
            if code in (0x63, 0x64) or code in HEAP_TYPES:
                self.position = start
                return self.reftype()
            if found is None:
                raise MalformedError("malformed value type", start)
            self.need("simd", "v128", start)
        return found

    def reftype(self) -> RefType:
        """Read a reference type."""
        start = self.position
        code = self.byte()
        if code == 0x63:
            return self.heaptype()
        if code == 0x64:
            self.heaptype()
            self.need("function-references", "a reference that is not nullable", start)
        if code not in HEAP_TYPES:
            raise MalformedError("malformed reference type", start)
        return self._abstract(code, start)

    def heaptype(self) -> RefType:
        """Read a heap type; return the nullable reference type over it."""
        start = self.position
        code = self.byte()
        if code in HEAP_TYPES:
            return self._abstract(code, start)
        self.position = start
        if self.s33() < 0:
            raise MalformedError("malformed heap type", start)
        self.need("function-references", "a reference to a type of the module", start)
        raise AssertionError("references to types are not implemented")

    def _abstract(self, code: int, start: int) -> RefType:
        name, feature = HEAP_TYPES[code]
        self.need(feature, f"a reference to {name}", start)
        return REFERENCES[code]

    def blocktype(self) -> FuncType:
        """Read a block type."""
        start = self.position
        found = BLOCKS.get(self.byte())
        if found is not None:
            feature = FEATURES_OF_TYPE.get(found.results[0]) if found.results else None
            if feature is not None:
                self.need(feature, f"block type {found}", start)
            return found
        self.position = start
        index = self.s33()
        if index < 0:
            self.position = start
            return FuncType((), (self.valtype(),))
        if index >= len(self.types):
            raise ValidationError(f"unknown type {index}", start)
        self.need("multi-value", "a block type by index", start)
        return self.types[index]

    def functype(self) -> FuncType:
        """Read an entry of the type section."""
        start = self.position
        code = self.byte()
        if code != 0x60:
            if code in (0x4E, 0x4F, 0x50, 0x5E, 0x5F):
                self.need("gc", "recursive, struct and array types", start)
            raise MalformedError("malformed type: integer representation too long", start)
        params = self._resulttype(PARAMETERS, "function_parameters")
        results = self._resulttype(RESULTS, "function_results")
        if len(results) > 1:
            self.need("multi-value", "a function with several results", start)
        return FuncType(params, results)

    def _resulttype(self, limit: int, name: str) -> tuple[ValType, ...]:
        count = self.count()
        if count > limit:
            raise ResourceLimit(name, limit, f"{count} at offset {self.position:#x}")
        return tuple(self.valtype() for _ in range(count))

    def tabletype(self) -> TableType:
        """Read a table type."""
        element = self.reftype()
        start = self.position
        flags = self.byte()
        if flags & ~0x05:
            raise MalformedError("malformed limits flags", start)
        if flags & 0x04:
            self.need("memory64", "a table with 64-bit indices", start)
        return TableType(element, *self._limits(flags))

    def memorytype(self) -> MemoryType:
        """Read a memory type."""
        start = self.position
        flags = self.byte()
        if flags & ~(0x0F if "custom-page-sizes" in self.features else 0x07):
            raise MalformedError("malformed limits flags", start)
        if flags & 0x04:
            self.need("memory64", "a memory with 64-bit addresses", start)
        if flags & 0x02:
            self.need("threads", "a shared memory", start)
        if flags & 0x08:
            self.need("custom-page-sizes", "a memory with a page size of its own", start)
        return MemoryType(*self._limits(flags), shared=bool(flags & 0x02))

    def _limits(self, flags: int) -> tuple[int, int | None]:
        minimum = self.u64()
        return minimum, self.u64() if flags & 0x01 else None

    def globaltype(self) -> GlobalType:
        """Read a global type."""
        content = self.valtype()
        start = self.position
        mutability = self.byte()
        if mutability > 1:
            raise MalformedError("malformed mutability", start)
        return GlobalType(content, bool(mutability))


def read_locals(reader: TypeReader) -> tuple[tuple[int, ValType], ...]:
    """Read the locals at the start of a body as (count, type), as many pairs as the input has bytes for."""
    total = 0
    runs: list[tuple[int, ValType]] = []
    for _ in range(reader.count(2)):
        start = reader.position
        count = reader.u32()
        total += count
        if total >= 1 << 32:
            raise MalformedError("too many locals", start)
        runs.append((count, reader.valtype()))
    return tuple(runs)
