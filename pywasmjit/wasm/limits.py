"""How large the parts of a module may be: the limits of the WebAssembly JavaScript API.

A module beyond one of them ends in `ResourceLimit`, with the limit's name.  They
keep time and memory linear in the size of the input with a small factor; all
engines of the field have the same, so real modules fit.

Source: WebAssembly JavaScript Interface, Implementation-defined Limits.
"""

from __future__ import annotations

from typing import Final

from pywasmjit.errors import ResourceLimit

MODULE_BYTES: Final = 1 << 30
BODY_BYTES: Final = 7_654_321
ITEMS: Final = 1_000_000
"""Types, functions, imports, exports, globals, tags, each."""
TABLES: Final = 100_000
MEMORIES: Final = 100
CUSTOM_SECTIONS: Final = 100_000
"""This one is ours."""
DATA_SEGMENTS: Final = 100_000
ELEMENT_SEGMENTS: Final = 10_000_000
ELEMENT_ITEMS: Final = 10_000_000
"""Elements of one segment."""
LOCALS: Final = 50_000
"""Locals of a function, parameters included."""
PARAMETERS: Final = 1_000
RESULTS: Final = 1_000
OPERANDS: Final = 1_000_000
"""Values on the operand stack of a function at one time; this one is ours."""


def check(name: str, value: int, limit: int) -> None:
    """Raise ResourceLimit if `value` is above `limit`, the limit called `name`."""
    if value > limit:
        raise ResourceLimit(name, limit, f"the module has {value}")
