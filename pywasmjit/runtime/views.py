"""Typed views through which compiled code reads and writes linear memory: `V[address]` is one exact Wasm access.

A strided view has items of 1 to 8 bytes but a stride of one byte, so any address, aligned or not, is one subscript;
it starts at a static offset, and its length is the number of addresses at which a whole item fits, so `IndexError`
is the exact bounds check.  `memoryview.cast` cannot make one; the stable ABI's `PyMemoryView_FromBuffer` can.

Such a view does not keep its storage alive.  Two rules follow: it never leaves the engine, and whoever holds one
holds the `Memory` as well.  `Memory.close` replaces all attached views before it releases anything.

Without `ctypes`, or on a big-endian machine, `StructView` does the same, more slowly, and keeps its storage alive.
Both store like C where a float is too large for binary32 (infinity), and raise ValueError for an int that is not
representable; neither guards against negative addresses: compiled code has none.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable
from typing import Any, Final, Protocol

WIDTHS: Final = {"b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4, "q": 8, "Q": 8, "f": 4, "d": 8}
"""Bytes per item of the formats that views come in."""


class View(Protocol):
    """What compiled code may do with a view; `len` is the number of valid addresses."""

    def __getitem__(self, address: int, /) -> Any: ...

    def __setitem__(self, address: int, value: Any, /) -> None: ...

    def __len__(self) -> int: ...


def _make_factory() -> Callable[[int, int, int, str], memoryview] | None:
    """Return a function (base, size_bytes, offset, format) -> strided view, or None where there can be none."""
    if sys.byteorder != "little":
        return None
    try:
        import ctypes
    except ImportError:
        return None
    from_buffer = ctypes.pythonapi.PyMemoryView_FromBuffer
    from_buffer.restype = ctypes.py_object
    from_buffer.argtypes = [ctypes.c_void_p]
    address_of = ctypes.addressof
    # A Py_buffer (buf, obj, len, itemsize, readonly, ndim, format, shape, strides, suboffsets, internal), then its
    # shape.  CPython copies shape and strides but keeps the pointer to the format, hence the immortal names.
    fields = struct.Struct("@PPnniiPPPPPn")
    shape_at = fields.size - struct.calcsize("@n")
    scratch_type = ctypes.c_char * fields.size
    names = {fmt: ctypes.create_string_buffer(fmt.encode()) for fmt in WIDTHS}
    formats = {fmt: (width, address_of(names[fmt])) for fmt, width in WIDTHS.items()}
    stride = ctypes.c_ssize_t(1)
    stride_address = address_of(stride)

    def make(base: int, size_bytes: int, offset: int, fmt: str) -> memoryview:
        width, name = formats[fmt]
        count = size_bytes - offset - width + 1
        if count <= 0:
            count = offset = 0
        scratch = scratch_type()
        at = address_of(scratch)
        fields.pack_into(
            scratch, 0, base + offset, 0, count * width, width, 0, 1, name, at + shape_at, stride_address, 0, 0, count
        )
        view: memoryview = from_buffer(at)
        return view

    make.keep_alive = (names, stride)  # type: ignore[attr-defined]
    return make


class StructView:
    """A view that needs neither `ctypes` nor alignment; it keeps its storage alive."""

    __slots__ = ("_extent", "_offset", "_struct", "_width")

    def __init__(self, extent: memoryview, offset: int, fmt: str) -> None:
        self._extent = extent
        self._offset = offset
        self._struct = struct.Struct("<" + fmt)
        self._width = WIDTHS[fmt]

    def __len__(self) -> int:
        return max(0, len(self._extent) - self._offset - self._width + 1)

    def __getitem__(self, address: int) -> Any:
        try:
            return self._struct.unpack_from(self._extent, address + self._offset)[0]
        except struct.error:
            raise IndexError("index out of bounds") from None

    def __setitem__(self, address: int, value: Any) -> None:
        try:
            self._struct.pack_into(self._extent, address + self._offset, value)
        except OverflowError:
            self._struct.pack_into(self._extent, address + self._offset, math.copysign(math.inf, value))
        except struct.error:
            if address >= len(self):
                raise IndexError("index out of bounds") from None
            if isinstance(value, int):
                raise ValueError(f"{value} is out of range for format {self._struct.format!r}") from None
            raise TypeError(f"{type(value).__name__} does not fit format {self._struct.format!r}") from None


_factory: Callable[[int, int, int, str], memoryview] | None = None
_factory_known = False


def make_view(base: int | None, whole: memoryview, size_bytes: int, offset: int, fmt: str) -> View:
    """Return a view of the first `size_bytes` of a reservation for items of `fmt`, `offset` bytes added to addresses.

    base: address of `whole`, None if unknown.  fmt: one of `WIDTHS`; KeyError for any other.
    """
    global _factory, _factory_known
    if fmt == "B":  # stride and size agree: a plain slice, which keeps its storage alive
        return whole[min(offset, size_bytes) : size_bytes]
    if not _factory_known:
        _factory = _make_factory()
        _factory_known = True
    if base is None or _factory is None:
        return StructView(whole[:size_bytes], offset, fmt)
    return _factory(base, size_bytes, offset, fmt)
