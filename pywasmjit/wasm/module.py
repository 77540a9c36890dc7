"""A module as data: its sections, and the questions that every stage asks of it.

A `ModuleSyntax` is made by `decoder.decode` and never changes.  It holds the
module's bytes; bodies, data segments and custom sections are ranges of these,
read when somebody needs them.  It says nothing about validity: indices may be
wrong until `validator.validate` has passed.

An index space has the imports of its kind first, then the module's own.

Spec: Structure, Modules.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeAlias, cast, overload

from pywasmjit.display import shown
from pywasmjit.records import record
from pywasmjit.wasm.binary_types import TypeReader, read_locals
from pywasmjit.wasm.names import Names
from pywasmjit.wasm.opcodes import FEATURES, Op
from pywasmjit.wasm.types import (
    ExternType,
    FuncType,
    GlobalType,
    MemoryType,
    RefType,
    TableType,
    TagType,
    ValType,
)

_EVERY_FEATURE: Final = frozenset(FEATURES)

Instruction: TypeAlias = tuple[int, Op, Any]
"""(offset in the module's bytes, opcode, immediate).

The immediate is None, or the one value, or the tuple of several; `opcodes.IMMEDIATES` gives their forms.
"""

Expr: TypeAlias = tuple[Instruction, ...]
"""A constant expression, without its final `end`."""


class Import(NamedTuple):
    """An import; `type_index` is the index of a function's or tag's type, else None."""

    module: str
    name: str
    type: ExternType
    kind: str
    type_index: int | None


@record(frozen=True)
class Export:
    """An export: what index of which kind ("func", "table", "memory", "global", "tag")."""

    name: str
    kind: str
    index: int


class TableDef(NamedTuple):
    """A table of the module's own; `init` is None where its elements start as null."""

    type: TableType
    init: Expr | None


class GlobalDef(NamedTuple):
    """A global of the module's own."""

    type: GlobalType
    init: Expr


class ElementSegment(NamedTuple):
    """An element segment.

    mode: "active", "passive" or "declared"; offset: None unless active.
    items: function indices (then an array, or part of a tuple) or constant expressions.
    """

    mode: str
    table: int
    offset: Expr | None
    type: RefType
    items: Sequence[int | Expr]


class DataSegment(NamedTuple):
    """A data segment: mode "active" or "passive", and the range of its bytes in the module's."""

    mode: str
    memory: int
    offset: Expr | None
    start: int
    end: int


class CustomSection(NamedTuple):
    """A custom section and the range of its contents, behind its name."""

    name: str
    start: int
    end: int


class Section(NamedTuple):
    """A section as it stands in the file: its number, its name, the range of its contents."""

    id: int
    name: str
    start: int
    end: int


class Body(NamedTuple):
    """The code of a function.

    locals: run-length pairs (count, type), parameters not included.
    start, end: range of the instructions, the final `end` included.
    """

    locals: tuple[tuple[int, ValType], ...]
    start: int
    end: int


class Bodies(Sequence[Body]):
    """The bodies of a module's own functions, kept as ranges; a `Body` is made each time one is asked for.

    ranges: start and end of each entry of the code section, in turn.
    """

    __slots__ = ("_data", "_ranges")

    def __init__(self, data: bytes, ranges: array[int]) -> None:
        self._data = data
        self._ranges = ranges

    def __len__(self) -> int:
        return len(self._ranges) // 2

    @overload
    def __getitem__(self, index: int) -> Body: ...
    @overload
    def __getitem__(self, index: slice) -> list[Body]: ...
    def __getitem__(self, index: int | slice) -> Body | list[Body]:
        """Return the body of the own function `index`; MalformedError if its locals are not well-formed."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        start, end = self.extent(index)
        if self._data[start] == 0:
            return Body((), start + 1, end)
        reader = TypeReader(self._data, start, end, _EVERY_FEATURE, ())
        runs = read_locals(reader)
        return Body(runs, reader.position, end)

    def __iter__(self) -> Iterator[Body]:
        return (self[i] for i in range(len(self)))

    def extent(self, index: int) -> tuple[int, int]:
        """Return the range of the bytes of the own function `index`, its locals included."""
        if index < 0:
            index += len(self)
        return self._ranges[2 * index], self._ranges[2 * index + 1]


@record(frozen=True, eq=False, slots=False)
class ModuleSyntax:
    """A decoded module.  Equality is identity.

    functions: the type index of each function of the module's own.
    tags: the type index of each tag of the module's own.
    data_count: what the data count section says, None if there is none.
    """

    data: bytes
    types: tuple[FuncType, ...] = ()
    imports: tuple[Import, ...] = ()
    functions: Sequence[int] = ()
    tables: tuple[TableDef, ...] = ()
    memories: tuple[MemoryType, ...] = ()
    tags: Sequence[int] = ()
    globals: tuple[GlobalDef, ...] = ()
    exports: tuple[Export, ...] = ()
    start: int | None = None
    elements: tuple[ElementSegment, ...] = ()
    datas: tuple[DataSegment, ...] = ()
    data_count: int | None = None
    bodies: Sequence[Body] = ()
    customs: tuple[CustomSection, ...] = ()
    sections: tuple[Section, ...] = ()

    def __repr__(self) -> str:
        return f"<ModuleSyntax of {len(self.data)} bytes, {len(self.bodies)} functions>"

    # Index spaces

    @cached_property
    def _imported(self) -> dict[str, tuple[Import, ...]]:
        kinds: dict[str, list[Import]] = {kind: [] for kind in ("func", "table", "memory", "global", "tag")}
        for item in self.imports:
            kinds[item.kind].append(item)
        return {kind: tuple(items) for kind, items in kinds.items()}

    def imported(self, kind: str) -> tuple[Import, ...]:
        """Return the imports of a kind, in the order of their index space."""
        return self._imported[kind]

    def imported_count(self, kind: str) -> int:
        """Return how many imports of `kind` ("func", "table", "memory", "global", "tag") there are."""
        return len(self._imported[kind])

    @cached_property
    def function_type_indices(self) -> array[int]:
        """The type index of every function, imports first."""
        space = array("I", (cast(int, item.type_index) for item in self._imported["func"]))
        space.extend(self.functions)
        return space

    @cached_property
    def table_types(self) -> tuple[TableType, ...]:
        """The type of every table, imports first."""
        return *(cast(TableType, item.type) for item in self._imported["table"]), *(t.type for t in self.tables)

    @cached_property
    def memory_types(self) -> tuple[MemoryType, ...]:
        """The type of every memory, imports first."""
        return *(cast(MemoryType, item.type) for item in self._imported["memory"]), *self.memories

    @cached_property
    def global_types(self) -> tuple[GlobalType, ...]:
        """The type of every global, imports first."""
        return *(cast(GlobalType, item.type) for item in self._imported["global"]), *(g.type for g in self.globals)

    @cached_property
    def tag_types(self) -> tuple[TagType, ...]:
        """The type of every tag, imports first."""
        own = (TagType(self.types[index]) for index in self.tags)
        return *(cast(TagType, item.type) for item in self._imported["tag"]), *own

    def function_type(self, index: int) -> FuncType:
        """Return the type of function `index`."""
        return self.types[self.function_type_indices[index]]

    def table_type(self, index: int) -> TableType:
        """Return the type of table `index`."""
        return self.table_types[index]

    def memory_type(self, index: int) -> MemoryType:
        """Return the type of memory `index`."""
        return self.memory_types[index]

    def global_type(self, index: int) -> GlobalType:
        """Return the type of global `index`."""
        return self.global_types[index]

    def tag_type(self, index: int) -> TagType:
        """Return the type of tag `index`."""
        return self.tag_types[index]

    def export_type(self, export: Export) -> ExternType:
        """Return the type of what is exported."""
        by_kind = {
            "func": self.function_type,
            "table": self.table_type,
            "memory": self.memory_type,
            "global": self.global_type,
            "tag": self.tag_type,
        }
        return cast(ExternType, by_kind[export.kind](export.index))

    def local_types(self, own_index: int) -> list[ValType]:
        """Return the types of all locals of the own function `own_index`, parameters first."""
        types = list(self.types[self.functions[own_index]].params)
        for count, type in self.bodies[own_index].locals:
            types += [type] * count
        return types

    # Names

    @cached_property
    def names(self) -> Names:
        """What the name section says; empty where there is none or where it cannot be read."""
        return Names.of(self)

    @property
    def module_name(self) -> str | None:
        """The module's name as the name section gives it."""
        return self.names.module

    def function_name(self, index: int) -> str | None:
        """Return the name that the name section gives to function `index`."""
        return self.names.functions.get(index)

    def local_name(self, function: int, index: int) -> str | None:
        """Return the name that the name section gives to local `index` of function `function`."""
        return self.names.locals(function).get(index)

    @cached_property
    def _function_exports(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for export in self.exports:
            if export.kind == "func":
                found.setdefault(export.index, []).append(export.name)
        return found

    def function_exports(self, index: int) -> list[str]:
        """Return the names under which function `index` is exported."""
        return self._function_exports.get(index, [])

    def display_name(self, index: int) -> str:
        """Return what to call function `index`: its name, else first export, else import, else its index.

        The text is for people: cut, and on one line (`display`).
        """
        return shown(self._full_name(index))

    def _full_name(self, index: int) -> str:
        name = self.function_name(index)
        if name is not None:
            return name
        for exported in self.function_exports(index):
            return exported
        imported = self._imported["func"]
        if 0 <= index < len(imported):
            return f"{imported[index].module}.{imported[index].name}"
        return f"func[{index}]"

    def custom_sections(self, name: str) -> list[bytes]:
        """Return the contents of the custom sections called `name`."""
        return [self.data[section.start : section.end] for section in self.customs if section.name == name]
