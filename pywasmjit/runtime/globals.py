"""Globals as the host, other instances and compiled code share them.

A shared mutable global is a one-element list: compiled code subscripts it, so
every instance that imports the global has the same box bound to its name.
"""

from __future__ import annotations

from typing import Any

from pywasmjit.runtime import values
from pywasmjit.wasm.types import GlobalType, ValType, valtype


class Global:
    """A WebAssembly global.

    `Global("i32", 5, mutable=True)`: content is a value type or its name, value a host value.
    """

    __slots__ = ("__weakref__", "box", "type")

    def __init__(self, content: ValType | str, value: Any, *, mutable: bool = False) -> None:
        """Make a global; TypeError or OverflowError for a value that does not fit."""
        self.type = GlobalType(valtype(content), mutable)
        self.box: list[Any] = [values.to_engine(self.type.content)(value)]

    @classmethod
    def of(cls, type: GlobalType, value: Any) -> Global:
        """Return a global of a type that holds a value in engine form."""
        made = object.__new__(cls)
        made.type = type
        made.box = [value]
        return made

    @property
    def value(self) -> Any:
        """The value in host form; assigning to an immutable global is an AttributeError."""
        return values.from_engine(self.type.content)(self.box[0])

    @value.setter
    def value(self, value: Any) -> None:
        self._set(values.to_engine(self.type.content)(value))

    @property
    def bits(self) -> Any:
        """The value as bits: an unsigned int for a number, the object for a reference."""
        return values.to_bits(self.type.content)(self.box[0])

    @bits.setter
    def bits(self, bits: Any) -> None:
        self._set(values.from_bits(self.type.content)(bits))

    def _set(self, value: Any) -> None:
        if not self.type.mutable:
            raise AttributeError("this global is immutable")
        self.box[0] = value

    def __repr__(self) -> str:
        return f"<Global {self.type} = {self.value!r}>"

    def __reduce__(self) -> Any:
        raise TypeError("a WebAssembly global belongs to live instances and cannot be pickled")
