"""The name section: names that a module gives to itself, its functions, locals and the rest.

A name section that cannot be read is no error (Spec: Appendix, Custom
Sections): what stands before the fault is kept and the rest ignored.  Names are
read when first asked for, those of locals one function at a time, because a
large program has many and a run needs few.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pywasmjit.errors import MalformedError
from pywasmjit.wasm.reader import Reader

if TYPE_CHECKING:
    from pywasmjit.wasm.module import ModuleSyntax

_KINDS = {1: "func", 4: "type", 5: "table", 6: "memory", 7: "global", 8: "elem", 9: "data", 11: "tag"}


class Names:
    """What a name section says.

    module: the module's name, or None.
    functions: function index -> name.
    maps: the same for each kind ("func", "type", "table", "memory", "global", "elem", "data", "tag").
    """

    def __init__(self, data: bytes = b"", start: int = 0, end: int = 0) -> None:
        self.module: str | None = None
        self.maps: dict[str, dict[int, str]] = {kind: {} for kind in _KINDS.values()}
        self._data = data
        self._local_maps: tuple[int, int] | None = None
        self._local_ranges: dict[int, tuple[int, int]] | None = None
        with suppress(MalformedError):
            self._read(Reader(data, start, end))
        self.functions = self.maps["func"]

    @classmethod
    def of(cls, module: ModuleSyntax) -> Names:
        """Read the first section called "name" of `module`."""
        for section in module.customs:
            if section.name == "name":
                return cls(module.data, section.start, section.end)
        return cls()

    def _read(self, reader: Reader) -> None:
        while reader.position < reader.end:
            kind = reader.byte()
            size = reader.u32()
            start = reader.skip(size)
            part = Reader(reader.data, start, reader.position)
            if kind == 0:
                self.module = part.name()
            elif kind == 2:
                self._local_maps = start, reader.position
            elif kind in _KINDS:
                _read_map(part, self.maps[_KINDS[kind]])

    def locals(self, function: int) -> dict[int, str]:
        """Return local index -> name of function `function`."""
        if self._local_ranges is None:
            self._local_ranges = {}
            if self._local_maps is not None:
                _find_maps(Reader(self._data, *self._local_maps), self._local_ranges)
        found: dict[int, str] = {}
        if function in self._local_ranges:
            with suppress(MalformedError):
                _read_map(Reader(self._data, *self._local_ranges[function]), found)
        return found


def _read_map(reader: Reader, names: dict[int, str]) -> None:
    """Read index -> name into `names`, as far as it is well-formed."""
    for _ in range(reader.count(2)):
        index = reader.u32()
        names[index] = reader.name()


def _find_maps(reader: Reader, ranges: dict[int, tuple[int, int]]) -> None:
    """Note where the map of each index of an indirect name map starts and ends, without decoding names."""
    with suppress(MalformedError):
        for _ in range(reader.count(2)):
            index = reader.u32()
            start = reader.position
            for _ in range(reader.count(2)):
                reader.u32()
                reader.skip(reader.u32())
            ranges[index] = start, reader.position
