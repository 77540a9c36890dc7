"""Instantiation: imports are resolved and checked, segments placed, the start function called.

Spec: Execution, Modules; Validation, Matching.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from types import FunctionType
from typing import TYPE_CHECKING, Any, Protocol, cast

from pywasmjit.display import quoted, shown
from pywasmjit.errors import LinkError, Trap, TrapCode, UnsupportedFeature
from pywasmjit.runtime import depth
from pywasmjit.runtime.functions import Direct, Func, adapt, forward
from pywasmjit.runtime.globals import Global
from pywasmjit.runtime.limits import Limits
from pywasmjit.runtime.linker import Linkage
from pywasmjit.runtime.memories import Memory
from pywasmjit.runtime.tables import Table
from pywasmjit.runtime.values import FUNCTION_ATTRIBUTE
from pywasmjit.wasm.types import (
    FuncType,
    GlobalType,
    ImportType,
    MemoryType,
    TableType,
)

if TYPE_CHECKING:
    from pywasmjit.codegen.unit import CompilationUnit
    from pywasmjit.wasm.module import ElementSegment, Import


class Provider(Protocol):
    """Anything that answers imports one by one, such as WALI."""

    def resolve_import(self, wanted: ImportType, /) -> Any:
        """Return the object for an import, NotImplemented or None if it is not this provider's."""


class Exports(Mapping[str, Any]):
    """The exports of an instance: a mapping, also by attribute.

    A name that is a method of mappings ("get", "keys", ...) is reached by item.
    Functions are `Func`, the others `Memory`, `Table` and `Global`.  Each is
    made on first use and is the same object ever after.
    """

    __slots__ = ("__weakref__", "_instance", "_made")

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        made = self._made.get(name)
        if made is None:
            kind, index = self._instance._export_indices[name]
            made = self._made[name] = self._instance._object(kind, index)
        return made

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            some = ", ".join(map(quoted, islice(self, 20))) + (", ..." if len(self) > 20 else "")
            raise AttributeError(f"no export is called {quoted(name)}; there are {some}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._instance._export_indices)

    def __len__(self) -> int:
        return len(self._instance._export_indices)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]

    def __repr__(self) -> str:
        return f"<Exports {', '.join(map(quoted, islice(self, 20)))}{', ...' if len(self) > 20 else ''}>"


class Instance:
    """A module brought to life; made by the public class of the same name in `pywasmjit.api`."""

    def __init__(
        self, unit: CompilationUnit, imports: Any, limits: Limits, *, original: Instance | None = None
    ) -> None:
        """Instantiate.

        imports: a mapping of mappings, or of exports, or a `Provider`.
        original: an instance of the same module whose imports and memories this one shares; see `sibling`.
        Raises LinkError; Trap where a segment does not fit or the start function
        traps (what was done until then stays done); ResourceLimit; what host functions raise.
        """
        if limits.fuel is not None:
            raise UnsupportedFeature("fuel", "instructions are not counted; limit the time instead")
        module = unit.module
        depth.ensure_recursion_limit(limits.call_depth)
        self._linkage = linkage = Linkage(unit)
        self._limits = limits
        self._export_indices = {export.name: (export.kind, export.index) for export in module.exports}
        self.exports = Exports(self)
        if original is None:
            for item in module.imports:
                self._add_import(item, imports)
        else:
            linkage.share_imports(original._linkage)
        linkage.add_stubs()
        if original is None:
            for type in module.memories:
                linkage.memories.append(_new_memory(type, limits))
        self._add_globals()
        room = [limits.table]
        for definition in module.tables:
            table = definition.type
            made = Table(table.element, table.minimum, table.maximum, limit=limits.table, room=room)
            if definition.init is not None:
                made.fill(0, linkage.evaluate(definition.init), table.minimum)
            linkage.tables.append(made)
        self._place_segments()
        if module.start is not None:
            linkage.func(module.start)()

    def sibling(self) -> Instance:
        """Return a new instance of the module with the imports and memories of this one, for another guest thread.

        Tables and globals are its own; active segments are placed and the start function is called once more.
        Raises as the constructor does.
        """
        return Instance(self._linkage.unit, None, self._limits, original=self)

    @property
    def stack_pointer(self) -> int:
        """The guest's stack pointer, 0 if the interface's conventions name none; setting it then does nothing."""
        return self._linkage.stack_pointer

    @stack_pointer.setter
    def stack_pointer(self, address: int) -> None:
        self._linkage.stack_pointer = address

    def element(self, table: int, index: int) -> Func:
        """Return the function at a place of a table, as an indirect call finds it, whatever its type.

        Raises Trap where there is none.
        """
        linkage = self._linkage
        elements = linkage.tables[table].elements if table < len(linkage.tables) else ()
        if index >= len(elements):
            raise Trap(TrapCode.UNDEFINED_ELEMENT)
        if elements[index] is None:
            raise Trap(TrapCode.UNINITIALIZED_ELEMENT)
        func: Func | None = getattr(elements[index], FUNCTION_ATTRIBUTE, None)
        if func is None:
            raise Trap(TrapCode.INDIRECT_CALL_TYPE_MISMATCH)
        return func

    # ----------------------------------------------------------------- imports

    def _add_import(self, item: Import, imports: Any) -> None:
        found = _lookup(item, imports)
        adder = _ADDERS[item.kind]
        adder(self, item, found)

    def _import_function(self, item: Import, found: Any) -> None:
        type = cast(FuncType, item.type)
        functions = self._linkage.functions
        if isinstance(found, Func):
            if found.type != type:
                raise _unfit(item, f"a function of type {found.type} for one of type {type}")
            functions.append(found.function)
        elif isinstance(found, Direct):
            plain = isinstance(found.callable, FunctionType) and not found.callable.__dict__
            if found.returns_twice is not None:
                self._linkage.returning_twice[len(functions)] = found.returns_twice
            if found.safe_point is not None:
                self._linkage.safe_point = found.safe_point
            if found.conventions is not None:
                self._linkage.conventions = found.conventions
            functions.append(found.callable if plain else forward(type, found.callable))
        elif callable(found):
            function: Callable[..., Any] = found
            if getattr(found, "__wasm_caller__", False):
                from functools import partial

                function = partial(found, self)
            functions.append(adapt(type, function))
        else:
            raise _unfit(item, f"{_describe(found)} for a function")

    def _import_table(self, item: Import, found: Any) -> None:
        type = cast(TableType, item.type)
        if not isinstance(found, Table):
            raise _unfit(item, f"{_describe(found)} for a table")
        if found.type.element != type.element:
            raise _unfit(item, f"a table of {found.type.element} for one of {type.element}")
        _check_limits(item, len(found), found.maximum, type.minimum, type.maximum)
        self._linkage.tables.append(found)

    def _import_memory(self, item: Import, found: Any) -> None:
        type = cast(MemoryType, item.type)
        if not isinstance(found, Memory):
            raise _unfit(item, f"{_describe(found)} for a memory")
        if found.shared != type.shared:
            raise _unfit(item, "shared and unshared memory")
        _check_limits(item, found.pages, found.type.maximum, type.minimum, type.maximum)
        self._linkage.memories.append(found)

    def _import_global(self, item: Import, found: Any) -> None:
        type = cast(GlobalType, item.type)
        if not isinstance(found, Global):
            if type.mutable or isinstance(found, Func | Memory | Table):
                raise _unfit(item, f"{_describe(found)} for a global")
            try:
                found = Global(type.content, found)
            except (TypeError, OverflowError, ValueError) as error:
                raise _unfit(item, f"{error}") from None
        if found.type != type:
            raise _unfit(item, f"a global of type {found.type} for one of type {type}")
        self._linkage.globals.append(found)

    def _import_tag(self, item: Import, found: Any) -> None:
        raise _unfit(item, f"{_describe(found)} for a tag")

    # ----------------------------------------------------------------- definitions and segments

    def _add_globals(self) -> None:
        linkage = self._linkage
        for definition in linkage.unit.module.globals:
            value = linkage.evaluate(definition.init)
            cell = linkage.cell(len(linkage.globals))
            if cell is None:
                linkage.globals.append(Global.of(definition.type, value))
            else:
                cell.cell_contents = value
                linkage.globals.append(cell)

    def _place_segments(self) -> None:
        linkage = self._linkage
        module = linkage.unit.module
        data = memoryview(module.data)
        linkage.elements = [() if item.mode == "declared" else _Items(linkage, item) for item in module.elements]
        linkage.datas = [data[item.start : item.end] for item in module.datas]
        for place, element in enumerate(module.elements):
            if element.offset is not None:
                items = linkage.elements[place]
                linkage.tables[element.table].init(linkage.evaluate(element.offset), items, 0, len(items))
                linkage.elements[place] = ()
        for place, item in enumerate(module.datas):
            if item.offset is not None:
                bytes = linkage.datas[place]
                linkage.memories[item.memory].init(linkage.evaluate(item.offset), bytes, 0, len(bytes))
                linkage.datas[place] = b""

    # ----------------------------------------------------------------- exports

    def _object(self, kind: str, index: int) -> Any:
        linkage = self._linkage
        if kind == "func":
            return linkage.func(index)
        spaces: dict[str, list[Any]] = {
            "table": linkage.tables,
            "memory": linkage.memories,
            "global": linkage.globals,
        }
        return spaces[kind][index]

    def __repr__(self) -> str:
        return f"<Instance of {shown(self._linkage.unit.module_name)}>"

    def __reduce__(self) -> Any:
        raise TypeError("an instance is alive and cannot be pickled; pickle its Module")


class _Items:
    """The items of an element segment, as references, made when first asked for."""

    __slots__ = ("_items", "_linkage", "_made")

    def __init__(self, linkage: Linkage, segment: ElementSegment) -> None:
        self._linkage = linkage
        self._items = segment.items
        self._made: list[Any] | None = None

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, place: slice) -> list[Any]:
        if self._made is None:
            linkage = self._linkage
            self._made = [
                linkage.reference(item) if isinstance(item, int) else linkage.evaluate(item) for item in self._items
            ]
        return self._made[place]


def _new_memory(type: MemoryType, limits: Limits) -> Memory:
    return Memory(type.minimum, type.maximum, type.shared, limit_bytes=limits.memory_bytes)


def _lookup(item: Import, imports: Any) -> Any:
    resolve = _resolver(imports)
    if resolve is not None:
        found = resolve(ImportType(item.module, item.name, item.type))
        if found is None or found is NotImplemented:
            raise LinkError("unknown import", item.module, item.name)
        return found
    try:
        space = imports[item.module]
    except (KeyError, TypeError):
        raise LinkError("unknown import", item.module, item.name) from None
    if _resolver(space) is not None:
        return _lookup(item, space)
    if isinstance(space, Instance):
        space = space.exports
    try:
        if isinstance(space, Mapping):
            return space[item.name]
        if item.name.startswith("__") and item.name.endswith("__"):  # Python's own, such as __class__
            raise AttributeError(item.name)
        return getattr(space, item.name)
    except (KeyError, AttributeError):
        raise LinkError("unknown import", item.module, item.name) from None


def _resolver(imports: Any) -> Callable[[ImportType], Any] | None:
    """Return what answers imports one by one; an export may have that name, which means nothing."""
    return None if isinstance(imports, Exports) else getattr(imports, "resolve_import", None)


def _describe(found: object) -> str:
    return f"an object of type {type(found).__name__}"


def _unfit(item: Import, what: str) -> LinkError:
    return LinkError(f"incompatible import type: {what}", item.module, item.name)


def _check_limits(item: Import, size: int, maximum: int | None, least: int, most: int | None) -> None:
    """Check that limits {size, maximum} match {least, most}."""
    if size < least or (most is not None and (maximum is None or maximum > most)):
        raise _unfit(item, f"limits {size}, {maximum} for {least}, {most}")


_ADDERS: dict[str, Callable[[Instance, Import, Any], None]] = {
    "func": Instance._import_function,
    "table": Instance._import_table,
    "memory": Instance._import_memory,
    "global": Instance._import_global,
    "tag": Instance._import_tag,
}
