"""Bytes to a `ModuleSyntax`, in one walk over the sections.

Each section has one function, found in `SECTIONS` by the section's number; it
reads from a `TypeReader` that ends where the section ends and stores what it
found in a `_Parts`.  Bodies are not looked into: their ranges are noted, and
what is malformed inside of one is found by the validator, or here by
`Bodies.__getitem__` where it concerns the locals.

Raises MalformedError, or UnsupportedFeature where the module needs a part of
WebAssembly that this version does not run, or ResourceLimit.

Spec: Binary Format, Modules.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Final, cast

from pywasmjit.errors import MalformedError, ResourceLimit, ValidationError
from pywasmjit.wasm import limits
from pywasmjit.wasm.binary_types import TypeReader, read_locals
from pywasmjit.wasm.features import Features
from pywasmjit.wasm.instructions import read_const_expr
from pywasmjit.wasm.module import (
    Bodies,
    CustomSection,
    DataSegment,
    ElementSegment,
    Export,
    Expr,
    GlobalDef,
    Import,
    ModuleSyntax,
    Section,
    TableDef,
)
from pywasmjit.wasm.reader import Reader, leb_u32
from pywasmjit.wasm.types import FUNCREF, ExternType, FuncType, MemoryType, RefType

__all__ = ["decode", "read_locals"]

MAGIC: Final = b"\0asm"
VERSION: Final = b"\1\0\0\0"
EXTERN_KINDS: Final = ("func", "table", "memory", "global", "tag")
"""By the byte of an import or export."""


class _Parts:
    """What the sections have given so far."""

    def __init__(self) -> None:
        self.types: list[FuncType] = []
        self.imports: list[Import] = []
        self.functions: Sequence[int] = array("I")
        self.tables: list[TableDef] = []
        self.memories: list[MemoryType] = []
        self.tags: list[int] = []
        self.globals: list[GlobalDef] = []
        self.exports: list[Export] = []
        self.start: int | None = None
        self.elements: list[ElementSegment] = []
        self.datas: list[DataSegment] = []
        self.data_count: int | None = None
        self.body_ranges: array[int] = array("I")
        self.customs: list[CustomSection] = []
        self.sections: list[Section] = []


def decode(data: bytes, features: Features | None = None) -> ModuleSyntax:
    """Decode a module.

    data: the module in the binary format; kept, not copied, unless it is no `bytes`.
    Raises MalformedError, UnsupportedFeature, ResourceLimit; ValidationError for a type index that does not exist.
    Spec: Binary Format, Modules.
    """
    data = bytes(data)
    limits.check("module_bytes", len(data), limits.MODULE_BYTES)
    _check_preamble(data)
    parts = _Parts()
    _decode_sections(parts, data, (features or Features.default()).enabled())
    if len(parts.functions) != len(parts.body_ranges) // 2:
        raise MalformedError("function and code section have inconsistent lengths", len(data))
    if parts.data_count is not None and parts.data_count != len(parts.datas):
        raise MalformedError("data count and data section have inconsistent lengths", len(data))
    return _finish(parts, data)


def _check_preamble(data: bytes) -> None:
    if len(data) < 8 and (MAGIC + VERSION).startswith(data):
        raise MalformedError("unexpected end", len(data))
    if data[:4] != MAGIC:
        raise MalformedError("magic header not detected", 0)
    if data[4:8] != VERSION:
        raise MalformedError("unknown binary version", 4)


def _finish(parts: _Parts, data: bytes) -> ModuleSyntax:
    return ModuleSyntax(
        data=data,
        types=tuple(parts.types),
        imports=tuple(parts.imports),
        functions=parts.functions,
        tables=tuple(parts.tables),
        memories=tuple(parts.memories),
        tags=tuple(parts.tags),
        globals=tuple(parts.globals),
        exports=tuple(parts.exports),
        start=parts.start,
        elements=tuple(parts.elements),
        datas=tuple(parts.datas),
        data_count=parts.data_count,
        bodies=Bodies(data, parts.body_ranges),
        customs=tuple(parts.customs),
        sections=tuple(parts.sections),
    )


def _decode_sections(parts: _Parts, data: bytes, features: frozenset[str]) -> None:
    """Read all sections; each at most once and in order, custom ones anywhere."""
    outer = Reader(data, 8, len(data))
    last = 0
    while outer.position < outer.end:
        at = outer.position
        number = outer.byte()
        size = outer.u32()
        start = outer.skip(size)
        end = outer.position
        if not number:
            _decode_custom(parts, data, start, end)
            continue
        if number not in SECTIONS:
            raise MalformedError("malformed section id", at)
        name, rank, decode_section = SECTIONS[number]
        if rank <= last:
            raise MalformedError("unexpected content after last section", at)
        last = rank
        parts.sections.append(Section(number, name, start, end))
        reader = TypeReader(data, start, end, features, parts.types)
        decode_section(parts, reader)
        if reader.position != end:
            raise MalformedError("section size mismatch", reader.position)


def _decode_custom(parts: _Parts, data: bytes, start: int, end: int) -> None:
    reader = Reader(data, start, end)
    name = reader.name()
    limits.check("custom_sections", len(parts.customs) + 1, limits.CUSTOM_SECTIONS)
    parts.customs.append(CustomSection(name, reader.position, end))
    parts.sections.append(Section(0, name, start, end))


def _decode_types(parts: _Parts, reader: TypeReader) -> None:
    """Read the type section; equal types become one object, and equal bytes are decoded once."""
    known: dict[bytes, FuncType] = {}
    unique: dict[FuncType, FuncType] = {}
    for _ in range(_count(reader, "types", item_bytes=2)):
        start = reader.position
        end = _guess_end(reader.data, start)
        type = known.get(reader.data[start:end])
        if type is None:
            type = reader.functype()
            type = unique.setdefault(type, type)
            known[reader.data[start : reader.position]] = type
        else:
            reader.position = end
        parts.types.append(type)


def _guess_end(data: bytes, start: int) -> int:
    """Return where a function type ends if lengths and types in it are single bytes; only known types are believed."""
    try:
        params = data[start + 1]
        return start + 3 + params + data[start + 2 + params]
    except IndexError:
        return start


def _count(reader: TypeReader, what: str, limit: int = limits.ITEMS, item_bytes: int = 1) -> int:
    """Read how many items a section has."""
    count = reader.count(item_bytes)
    limits.check(what, count, limit)
    return count


def _type_index(parts: _Parts, reader: TypeReader) -> int:
    start = reader.position
    index = reader.u32()
    if index >= len(parts.types):
        raise ValidationError(f"unknown type {index}", start)
    return index


def _decode_imports(parts: _Parts, reader: TypeReader) -> None:
    for _ in range(_count(reader, "imports", item_bytes=3)):
        module, name = reader.name(), reader.name()
        start = reader.position
        code = reader.byte()
        index: int | None = None
        type: ExternType
        if code == 0:
            index = _type_index(parts, reader)
            type = parts.types[index]
        elif code == 1:
            type = reader.tabletype()
        elif code == 2:
            type = reader.memorytype()
        elif code == 3:
            type = reader.globaltype()
            if type.mutable:
                reader.need("mutable-global", "the import of a mutable global", start)
        elif code == 4:
            reader.need("exceptions", "a tag", start)
        else:
            raise MalformedError("malformed import kind", start)
        parts.imports.append(Import(module, name, type, EXTERN_KINDS[code], index))


def _decode_functions(parts: _Parts, reader: TypeReader) -> None:
    start = reader.position
    parts.functions = reader.u32s(_count(reader, "functions"))
    if parts.functions and max(parts.functions) >= len(parts.types):
        raise ValidationError(f"unknown type {max(parts.functions)}", start)


def _decode_tables(parts: _Parts, reader: TypeReader) -> None:
    for _ in range(_count(reader, "tables", limits.TABLES)):
        start = reader.position
        init: Expr | None = None
        if start < reader.end and reader.data[start] == 0x40:
            reader.skip(1)
            if reader.byte():
                raise MalformedError("zero byte expected", start + 1)
            type = reader.tabletype()
            init = read_const_expr(reader)
        else:
            type = reader.tabletype()
        parts.tables.append(TableDef(type, init))


def _decode_memories(parts: _Parts, reader: TypeReader) -> None:
    for _ in range(_count(reader, "memories", limits.MEMORIES)):
        parts.memories.append(reader.memorytype())


def _decode_tags(parts: _Parts, reader: TypeReader) -> None:
    for _ in range(_count(reader, "tags")):
        reader.need("exceptions", "a tag", reader.position)


def _decode_globals(parts: _Parts, reader: TypeReader) -> None:
    for _ in range(_count(reader, "globals", item_bytes=3)):
        type = reader.globaltype()
        parts.globals.append(GlobalDef(type, read_const_expr(reader)))


def _decode_exports(parts: _Parts, reader: TypeReader) -> None:
    for _ in range(_count(reader, "exports", item_bytes=3)):
        name = reader.name()
        start = reader.position
        code = reader.byte()
        if code >= len(EXTERN_KINDS):
            raise MalformedError("malformed export kind", start)
        parts.exports.append(Export(name, EXTERN_KINDS[code], reader.u32()))


def _decode_start(parts: _Parts, reader: TypeReader) -> None:
    parts.start = reader.u32()


def _decode_elements(parts: _Parts, reader: TypeReader) -> None:
    for _ in range(_count(reader, "element_segments", limits.ELEMENT_SEGMENTS)):
        parts.elements.append(_element_segment(reader))


def _element_segment(reader: TypeReader) -> ElementSegment:
    """Read an element segment.

    Its flags: 1 not active; 2 table index given, or declared; 4 items are expressions, not indices.
    """
    start = reader.position
    flags = reader.u32()
    if flags > 7:
        raise MalformedError("malformed elements segment kind", start)
    mode, table, offset = "active", 0, None
    if flags & 1:
        mode = "declared" if flags & 2 else "passive"
    else:
        if flags & 2:
            table = reader.u32()
        offset = read_const_expr(reader)
    type = FUNCREF
    if flags & 3:
        type = reader.reftype() if flags & 4 else _element_kind(reader)
    count = reader.count()
    limits.check("element_items", count, limits.ELEMENT_ITEMS)
    items = _element_exprs(reader, count) if flags & 4 else reader.u32s(count)
    return ElementSegment(mode, table, offset, type, items)


def _element_kind(reader: TypeReader) -> RefType:
    start = reader.position
    if reader.byte():
        raise MalformedError("malformed element kind", start)
    return FUNCREF


def _element_exprs(reader: TypeReader, count: int) -> tuple[int | Expr, ...]:
    """Read constant expressions; a lone `ref.func` becomes its index, and equal neighbours share one object."""
    items: list[int | Expr] = []
    last_bytes, last_item = b"", cast("int | Expr", 0)
    for _ in range(count):
        start = reader.position
        expr = read_const_expr(reader)
        code = reader.data[start : reader.position]
        if code != last_bytes:
            only_reference = len(expr) == 1 and expr[0][1].mnemonic == "ref.func"
            last_bytes, last_item = code, cast(int, expr[0][2]) if only_reference else expr
        items.append(last_item)
    return tuple(items)


def _decode_data_count(parts: _Parts, reader: TypeReader) -> None:
    parts.data_count = reader.u32()


def _decode_code(parts: _Parts, reader: TypeReader) -> None:
    """Note where bodies are; their locals and instructions are read later."""
    data, end = reader.data, reader.end
    count = reader.count(3)
    ranges = parts.body_ranges
    append = ranges.append
    position = reader.position
    for _ in range(count):
        if position >= end:
            raise MalformedError("unexpected end of section or function", position)
        size = data[position]
        start = position + 1
        if size >= 0x80:
            size, start = leb_u32(data, position)
        position = start + size
        if position > end or not size:
            raise MalformedError("unexpected end of section or function", start)
        if size > limits.BODY_BYTES:
            raise ResourceLimit("body_bytes", limits.BODY_BYTES, f"{size} at offset {start:#x}")
        append(start)
        append(position)
    reader.position = position


def _decode_data(parts: _Parts, reader: TypeReader) -> None:
    for _ in range(_count(reader, "data_segments", limits.DATA_SEGMENTS)):
        parts.datas.append(_data_segment(reader))


def _data_segment(reader: TypeReader) -> DataSegment:
    """Read a data segment; its flags: 0 active, 1 passive, 2 active with a memory index."""
    start = reader.position
    flags = reader.u32()
    if flags > 2:
        raise MalformedError("malformed data segment kind", start)
    memory = reader.u32() if flags == 2 else 0
    offset = None if flags == 1 else read_const_expr(reader)
    first = reader.skip(reader.u32())
    return DataSegment("passive" if flags == 1 else "active", memory, offset, first, reader.position)


SECTIONS: Final[dict[int, tuple[str, int, Callable[[_Parts, TypeReader], None]]]] = {
    1: ("type", 1, _decode_types),
    2: ("import", 2, _decode_imports),
    3: ("function", 3, _decode_functions),
    4: ("table", 4, _decode_tables),
    5: ("memory", 5, _decode_memories),
    13: ("tag", 6, _decode_tags),
    6: ("global", 7, _decode_globals),
    7: ("export", 8, _decode_exports),
    8: ("start", 9, _decode_start),
    9: ("element", 10, _decode_elements),
    12: ("data count", 11, _decode_data_count),
    10: ("code", 12, _decode_code),
    11: ("data", 13, _decode_data),
}
"""Number of a section other than a custom one -> its name, its place in the order of sections, what reads it."""
