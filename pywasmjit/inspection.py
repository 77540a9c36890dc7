"""What `pywasmjit inspect` reports: a module as plain data, and the same as text.

Enters: the bytes of a module, which must be well formed; it need not be valid,
nor of a kind that this version runs.  Leaves: a dictionary of strings, numbers,
lists and dictionaries only, so it is JSON as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pywasmjit.display import LONGEST, printable, quoted, shown
from pywasmjit.errors import UnsupportedFeature
from pywasmjit.wasm.decoder import decode
from pywasmjit.wasm.instructions import decode_expr
from pywasmjit.wasm.module import Export, Import, ModuleSyntax, Section
from pywasmjit.wasm.opcodes import FEATURES, IMPLEMENTED
from pywasmjit.wasm.reader import Reader
from pywasmjit.wasm.types import (
    FUNCREF,
    ExternType,
    FuncType,
    GlobalType,
    ImportType,
    MemoryType,
    RefType,
    TableType,
    ValType,
)

Report = dict[str, Any]

CUSTOM, START = 0, 8

WASI = frozenset({"wasi_unstable", "wasi_snapshot_preview0", "wasi_snapshot_preview1"})
"""Names from which modules import the WebAssembly System Interface."""

LARGEST = 10
"""How many of the largest functions are listed."""


def inspect_module(data: bytes, file: str = "") -> Report:
    """Return the report on a module.  Raises MalformedError, or UnsupportedFeature for a part that cannot be read."""
    module = decode(data)
    imported = module.imported_count("func")
    sizes = sorted(((body.end - body.start, index) for index, body in enumerate(module.bodies, imported)), reverse=True)
    return {
        "file": file,
        "size_bytes": len(data),
        "name": module.module_name,
        "abi": detect_abi(module.imports),
        "features": features_used(module),
        "sections": [_section(module, section) for section in module.sections],
        "imports": [
            {"module": item.module, "name": item.name, "kind": item.kind, "type": str(item.type)}
            for item in module.imports
        ],
        "exports": [
            {"name": item.name, "kind": item.kind, "index": item.index, "type": str(export_type(module, item))}
            for item in module.exports
        ],
        "start": module.start,
        "functions": {
            "imported": imported,
            "own": len(module.bodies),
            "named": sum(module.function_name(index) is not None for index in range(imported + len(module.bodies))),
            "code_bytes": sum(size for size, _ in sizes),
            "largest": [
                {"index": index, "name": module.display_name(index), "size_bytes": size}
                for size, index in sizes[:LARGEST]
            ],
        },
        "counts": {
            "types": len(module.types),
            "tables": len(module.tables),
            "memories": len(module.memories),
            "globals": len(module.globals),
            "element segments": len(module.elements),
            "data segments": len(module.datas),
        },
        "data_bytes": sum(segment.end - segment.start for segment in module.datas),
    }


def detect_abi(imports: Iterable[Import | ImportType]) -> str | None:
    """Return which system a module is made for, by what it imports: "wali", "wasi", or None for no system."""
    sources = {item.module for item in imports}
    if "wali" in sources:
        return "wali"
    return "wasi" if sources & WASI else None


def _section(module: ModuleSyntax, section: Section) -> Report:
    row: Report = {"name": section.name, "offset": section.start, "size_bytes": section.end - section.start}
    if section.id == CUSTOM:
        row["name"], row["custom"] = "custom", section.name
    elif section.id not in (START, CUSTOM):
        row["count"] = Reader(module.data, section.start, section.end).u32()
    return row


def export_type(module: ModuleSyntax, export: Export) -> ExternType | None:
    """Return the type of an export, None if its index is of nothing: then the module is invalid."""
    try:
        return module.export_type(export)
    except IndexError:
        return None


# ---------------------------------------------------------------- features


def features_used(module: ModuleSyntax) -> list[Report]:
    """Return the features beyond Wasm 1.0 that the module uses, and whether this version runs each."""
    used = {*_declared_features(module), *_features_of_bodies(module)} - {"mvp"}
    return [{"name": name, "implemented": name in IMPLEMENTED} for name in FEATURES if name in used]


def _features_of_bodies(module: ModuleSyntax) -> Iterator[str]:
    """Yield the features of the instructions and of blocks with parameters or several results."""
    for body in module.bodies:
        try:
            instructions = decode_expr(module, body.start, body.end)
        except UnsupportedFeature as refusal:
            yield refusal.feature
            continue
        operations = {operation for _, operation, _ in instructions}
        yield from {operation.feature for operation in operations}
        types = {immediate for _, _, immediate in instructions if type(immediate) is FuncType}
        if any(block.params or len(block.results) > 1 for block in types):
            yield "multi-value"


def _declared_features(module: ModuleSyntax) -> Iterator[str]:
    """Yield the features that show outside of the instructions; some more than once."""
    tables, memories = module.table_types, module.memory_types
    shared = [*(item.type for item in module.imports), *(export_type(module, item) for item in module.exports)]
    if any(isinstance(type, GlobalType) and type.mutable for type in shared):
        yield "mutable-global"
    if len(tables) > 1 or any(type.element != FUNCREF for type in tables):
        yield "reference-types"
    if len(memories) > 1:
        yield "multi-memory"
    if any(isinstance(t, MemoryType) and t.shared for t in memories):
        yield "threads"
    if any(isinstance(t, MemoryType | TableType) and t.address == "i64" for t in [*tables, *memories]):
        yield "memory64"
    modes = {segment.mode for segment in module.elements} | {segment.mode for segment in module.datas}
    if "passive" in modes:
        yield "bulk-memory"
    if "declared" in modes:
        yield "reference-types"
    constants = [*(definition.init for definition in module.globals), *(segment.offset for segment in module.datas)]
    if any(constant is not None and len(constant) > 1 for constant in constants):
        yield "extended-const"
    for type in _value_types(module):
        yield from _features_of_type(type)
    if any(len(type.results) > 1 for type in module.types):
        yield "multi-value"


def _value_types(module: ModuleSyntax) -> Iterable[ValType]:
    for function in module.types:
        yield from function.params
        yield from function.results
    for definition in module.globals:
        yield definition.type.content
    for body in module.bodies:
        for _, type in body.locals:
            yield type


def _features_of_type(type: ValType) -> Iterator[str]:
    if type == "v128":
        yield "simd"
    elif isinstance(type, RefType):
        if type.heap in ("exn", "noexn"):
            yield "exceptions"
        elif type.heap in ("func", "extern"):
            yield "reference-types" if type.nullable else "function-references"
        else:
            yield "gc"


# ---------------------------------------------------------------- as text


def as_text(report: Report) -> str:
    """Write the report for people; names are escaped, they may come from an untrusted module."""
    functions = report["functions"]
    counts = ", ".join(f"{what} {number}" for what, number in report["counts"].items() if number)
    features = ", ".join(
        item["name"] + ("" if item["implemented"] else " (not run by this version)") for item in report["features"]
    )
    lines = [
        f"{report['file']}: {report['size_bytes']:,} bytes"
        + (f", named {shown(report['name'])}" if report["name"] else ""),
        f"system     {report['abi'] or 'none'}",
        f"features   {features or 'Wasm 1.0 only'}",
        f"functions  {functions['imported']} imported, {functions['own']} own ({functions['code_bytes']:,} bytes of "
        f"code), {functions['named']} with a name",
        f"counts     {counts or 'nothing else'}",
        f"start      {'none' if report['start'] is None else report['start']}",
    ]
    lines += ["", *_columns(["SECTION", "OFFSET", "BYTES", "COUNT"], map(_section_row, report["sections"]), ">>>")]
    largest = [(item["name"], item["index"], f"{item['size_bytes']:,}") for item in functions["largest"]]
    imports = [
        (f"{shown(item['module'])}.{shown(item['name'])}", item["kind"], item["type"]) for item in report["imports"]
    ]
    exports = [(shown(item["name"]), item["kind"], item["type"]) for item in report["exports"]]
    for heading, rows, alignment in (
        (("LARGEST FUNCTIONS", "INDEX", "BYTES"), largest, ">>"),
        (("IMPORT", "KIND", "TYPE"), imports, "<<"),
        (("EXPORT", "KIND", "TYPE"), exports, "<<"),
    ):
        if rows:
            lines += ["", *_columns(heading, rows, alignment)]
    return "\n".join(printable(line).rstrip() for line in lines)


def _qualified(item: Report) -> str:
    return f"{shown(item['module'])}.{shown(item['name'])}"


def _section_row(section: Report) -> Sequence[object]:
    name = f"custom {quoted(section['custom'])}" if "custom" in section else section["name"]
    return name, f"{section['offset']:#x}", f"{section['size_bytes']:,}", section.get("count", "")


def _columns(heading: Sequence[str], rows: Iterable[Sequence[object]], alignment: str) -> list[str]:
    """Return lines whose columns are aligned; alignment: "<" or ">" for each column but the first."""
    table = [heading, *(tuple(shown(str(cell), 2 * LONGEST) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(heading))]
    return [
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, f"<{alignment}", widths, strict=True))
        for row in table
    ]
