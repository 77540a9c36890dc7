"""Tables, and the lists of callables that make an indirect call one subscript.

For each signature through which compiled code calls a table, the table keeps a
list as long as itself: the function where the element has that type, else a
function that traps.  The lists change in place, so code holds them for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from pywasmjit.errors import ResourceLimit, Trap, TrapCode
from pywasmjit.runtime import values
from pywasmjit.runtime.depth import register_after_fork
from pywasmjit.runtime.support import trap_type_mismatch, trap_uninitialized
from pywasmjit.wasm.types import FuncType, RefType, TableType, valtype

GREATEST_TABLE: Final = 10_000_000
"""Elements; the limit of the JavaScript API."""

LISTED: Final = 8 << 20
"""Elements of all lists of callables that are made for one table; further signatures are checked at each call."""

GREATEST_LISTED: Final = 32 << 20
"""Elements that those lists may grow to together."""

_changing = threading.RLock()
"""Guards every change of a table and its lists."""


def _renew_lock() -> None:
    global _changing
    _changing = threading.RLock()


register_after_fork(_renew_lock)


def whole_tables() -> AbstractContextManager[object]:
    """Return a context in which no other thread changes a table, so that a child process finds each of them whole."""
    return _changing


class Items(Protocol):
    """What `init` copies from: references, by slice."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: slice, /) -> Sequence[Any]: ...


class Table:
    """A WebAssembly table, a sequence of references.

    `Table("funcref", 10, 20)`: element type or its name, initial and greatest size.
    limit: most elements that the embedder allows.  room: a list of one number, the elements that this table and the
    others that hold the same list may still get.
    """

    __slots__ = ("__weakref__", "_callees", "_convert", "_element", "_limit", "_room", "elements", "maximum", "minimum")

    def __init__(
        self,
        element: RefType | str,
        minimum: int,
        maximum: int | None = None,
        *,
        limit: int | None = None,
        room: list[int] | None = None,
    ) -> None:
        type = valtype(element)
        if not isinstance(type, RefType):
            raise TypeError(f"a table holds references, not {type}")
        if minimum < 0 or (maximum is not None and maximum < minimum):
            raise ValueError(f"table limits out of order: {minimum}, {maximum}")
        self._limit = GREATEST_TABLE if limit is None else min(limit, GREATEST_TABLE)
        self._room = [self._limit] if room is None else room
        if minimum > min(self._limit, self._room[0]):
            raise ResourceLimit("table", self._limit, f"{minimum} elements wanted, there is room for {self._room[0]}")
        self._room[0] -= minimum
        self._element = type
        self.maximum = maximum
        self.elements: list[Any] = [None] * minimum
        self._callees: dict[FuncType, list[Callable[..., Any]]] = {}
        self._convert = values.to_engine(type)

    @property
    def type(self) -> TableType:
        """The table's type; its minimum is the present size."""
        return TableType(self._element, len(self.elements), self.maximum)

    # ----------------------------------------------------------------- for compiled code: engine form

    def callees(self, type: FuncType) -> list[Callable[..., Any]] | CheckedCallees:
        """Return the list of callables for a signature, or what acts as one; it follows the table for ever."""
        with _changing:
            known = self._callees.get(type)
            if known is None:
                if len(self.elements) * (len(self._callees) + 1) > LISTED:
                    return CheckedCallees(self.elements, type)
                known = self._callees[type] = _callees(self.elements, type)
        return known

    def get(self, index: int) -> Any:
        """Return an element; Trap(TABLE_OUT_OF_BOUNDS)."""
        if index >= len(self.elements):
            raise Trap(TrapCode.TABLE_OUT_OF_BOUNDS)
        return self.elements[index]

    def set(self, index: int, element: Any) -> None:
        """Replace an element; Trap(TABLE_OUT_OF_BOUNDS)."""
        if index >= len(self.elements):
            raise Trap(TrapCode.TABLE_OUT_OF_BOUNDS)
        self._replace(index, (element,))

    def size(self) -> int:
        """Return the number of elements."""
        return len(self.elements)

    def grow_u32(self, element: Any, count: int) -> int:
        """Append `count` times `element`; return the old size, or 2**32 - 1 if that is too much."""
        with _changing:
            return self._grow(element, count)

    def _grow(self, element: Any, count: int) -> int:
        """Do what `grow_u32` says; the lock is held.  Its loops may not stand in the `with`: see `watchdog.lock`."""
        size = len(self.elements)
        if size + count > (self._limit if self.maximum is None else min(self._limit, self.maximum)):
            return 0xFFFFFFFF
        if count > self._room[0] or (size + count) * len(self._callees) > GREATEST_LISTED:
            return 0xFFFFFFFF
        added = [element] * count
        changes = [(self.elements, added), *((c, [_callee(element, t)] * count) for t, c in self._callees.items())]
        try:
            _extend(changes)
            self._room[0] -= count
        except BaseException:  # interrupted, or no memory: all of them or none
            for target, _ in changes:
                del target[size:]
            raise
        return size

    def fill(self, index: int, element: Any, count: int) -> None:
        """Set `count` elements; Trap(TABLE_OUT_OF_BOUNDS) before the first."""
        if index + count > len(self.elements):
            raise Trap(TrapCode.TABLE_OUT_OF_BOUNDS)
        self._replace(index, [element] * count)

    def copy(self, index: int, source: Table, source_index: int, count: int) -> None:
        """Copy elements of a table, perhaps this one; Trap(TABLE_OUT_OF_BOUNDS) before the first."""
        if index + count > len(self.elements) or source_index + count > len(source.elements):
            raise Trap(TrapCode.TABLE_OUT_OF_BOUNDS)
        self._replace(index, source.elements[source_index : source_index + count])

    def init(self, index: int, items: Items, item_index: int, count: int) -> None:
        """Copy elements of a segment; Trap(TABLE_OUT_OF_BOUNDS) before the first."""
        if index + count > len(self.elements) or item_index + count > len(items):
            raise Trap(TrapCode.TABLE_OUT_OF_BOUNDS)
        self._replace(index, items[item_index : item_index + count])

    def _replace(self, index: int, elements: Iterable[Any]) -> None:
        new = list(elements)
        end = index + len(new)
        with _changing:
            changes = self._changes(new)
            try:
                _assign(changes, index, end)
            except BaseException:  # interrupted: all of them or none
                _assign(changes, index, end)
                raise

    def _changes(self, new: list[Any]) -> list[tuple[list[Any], list[Any]]]:
        """Return each list that follows the table, with what is new in it."""
        return [(self.elements, new), *((callees, _callees(new, type)) for type, callees in self._callees.items())]

    # ----------------------------------------------------------------- for the host: Func, None, host objects

    def __len__(self) -> int:
        return len(self.elements)

    def __getitem__(self, index: int) -> Any:
        """Return an element in host form; IndexError as for a list."""
        return values.from_engine(self._element)(self.elements[index])

    def __setitem__(self, index: int, element: Any) -> None:
        """Replace an element; IndexError as for a list, TypeError if it has no place in such a table."""
        place = range(len(self.elements))[index]
        self._replace(place, (self._convert(element),))

    def grow(self, count: int, element: Any = None) -> int:
        """Append `count` elements; return the old size, or -1 if the table may not be so large."""
        if count < 0:
            raise ValueError("a table cannot shrink")
        old = self.grow_u32(self._convert(element), count)
        return -1 if old == 0xFFFFFFFF else old

    def __repr__(self) -> str:
        return f"<Table {self.type}>"

    def __reduce__(self) -> Any:
        raise TypeError("a WebAssembly table belongs to live instances and cannot be pickled")


class CheckedCallees:
    """Acts as the list of callables of a signature where such lists take too much memory already."""

    __slots__ = ("_elements", "_type")

    def __init__(self, elements: list[Any], type: FuncType) -> None:
        self._elements = elements
        self._type = type

    def __getitem__(self, index: int) -> Callable[..., Any]:
        try:
            element = self._elements[index]
        except IndexError:
            raise Trap(TrapCode.UNDEFINED_ELEMENT) from None
        return _callee(element, self._type)


def _assign(changes: Iterable[tuple[list[Any], list[Any]]], start: int, end: int) -> None:
    for target, new in changes:
        target[start:end] = new


def _callees(elements: list[Any], type: FuncType) -> list[Callable[..., Any]]:
    return [_callee(element, type) for element in elements]


def _extend(changes: list[tuple[list[Any], list[Any]]]) -> None:
    for target, new in changes:
        target.extend(new)


def _callee(element: Any, type: FuncType) -> Callable[..., Any]:
    """Return what an indirect call of an element through a signature calls."""
    if element is None:
        return trap_uninitialized
    callee: Callable[..., Any] = element
    return callee if getattr(element, values.FUNCTION_ATTRIBUTE).type == type else trap_type_mismatch
