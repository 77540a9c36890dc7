"""Types of values, functions and the other things a module can import or export.

Value types are plain data: the number and vector types are the strings of the
text format ("i32", "i64", "f32", "f64", "v128"), a reference type is a
`RefType`.  Equal types are equal objects and hash alike.

The Python form of each value inside compiled code is fixed here and nowhere else:

======  =========================================================================
type    form
======  =========================================================================
i32     int, 0 <= x < 2**32 (a `bool` may stand for 0 or 1)
i64     int, 0 <= x < 2**64 (a `bool` may stand for 0 or 1)
f32     float that binary32 can represent; a NaN keeps its payload in the upper
        bits of the binary64 payload, the quiet bit included
f64     float
ref     None is null; else the function object, the host's object, ...
======  =========================================================================

Spec: Structure, Types.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from pywasmjit.records import record

HeapType: TypeAlias = str | int
"""An abstract heap type by name ("func", "extern", "any", ...), or a type index."""


@record(frozen=True)
class RefType:
    """A reference type: (ref null? heap)."""

    heap: HeapType
    nullable: bool = True

    def __str__(self) -> str:
        if self.nullable and isinstance(self.heap, str):
            return _SHORTHAND.get(self.heap, f"{self.heap}ref")
        return f"(ref {'null ' if self.nullable else ''}{self.heap})"


_SHORTHAND: Final = {"none": "nullref", "nofunc": "nullfuncref", "noextern": "nullexternref", "noexn": "nullexnref"}

ValType: TypeAlias = str | RefType

FUNCREF: Final = RefType("func")
EXTERNREF: Final = RefType("extern")

NUMBER_TYPES: Final = ("i32", "i64", "f32", "f64")

_BY_NAME: Final[dict[str, ValType]] = {
    **{name: name for name in (*NUMBER_TYPES, "v128")},
    "funcref": FUNCREF,
    "externref": EXTERNREF,
}


def valtype(text: str | RefType) -> ValType:
    """Return the value type that `text` names ("i32", "funcref", ...); ValueError if it names none."""
    if isinstance(text, RefType):
        return text
    try:
        return _BY_NAME[text]
    except KeyError:
        raise ValueError(f"unknown value type {text!r}; known are {', '.join(_BY_NAME)}") from None


@record(frozen=True)
class FuncType:
    """A function type: parameters and results, any number of each."""

    params: tuple[ValType, ...] = ()
    results: tuple[ValType, ...] = ()

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.params))}) -> ({', '.join(map(str, self.results))})"


@record(frozen=True)
class MemoryType:
    """A memory type; limits in pages of 64 KiB, `maximum` None if the module gives none."""

    minimum: int
    maximum: int | None = None
    shared: bool = False
    address: str = "i32"

    def __str__(self) -> str:
        upper = "" if self.maximum is None else f" {self.maximum}"
        return f"{'i64 ' if self.address == 'i64' else ''}{self.minimum}{upper}{' shared' if self.shared else ''}"


@record(frozen=True)
class TableType:
    """A table type; limits in elements, `maximum` None if the module gives none."""

    element: RefType
    minimum: int
    maximum: int | None = None
    address: str = "i32"

    def __str__(self) -> str:
        upper = "" if self.maximum is None else f" {self.maximum}"
        return f"{'i64 ' if self.address == 'i64' else ''}{self.minimum}{upper} {self.element}"


@record(frozen=True)
class GlobalType:
    """A global's type: what it holds and whether it may change."""

    content: ValType
    mutable: bool = False

    def __str__(self) -> str:
        return f"(mut {self.content})" if self.mutable else str(self.content)


@record(frozen=True)
class TagType:
    """An exception tag's type; `type.results` is empty."""

    type: FuncType

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.type.params))})"


ExternType: TypeAlias = FuncType | TableType | MemoryType | GlobalType | TagType


@record(frozen=True)
class ImportType:
    """One import as the module declares it."""

    module: str
    name: str
    type: ExternType


@record(frozen=True)
class ExportType:
    """One export as the module declares it."""

    name: str
    type: ExternType
