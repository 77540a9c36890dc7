"""Limits that an embedder sets for one instance, and the text form of sizes and durations."""

from __future__ import annotations

import math
import re
from typing import Final

from pywasmjit.records import record

_SIZE_UNITS: Final = {
    "": 1,
    "b": 1,
    **{
        prefix + suffix: (1000 if suffix == "b" else 1024) ** power
        for power, prefix in enumerate("kmgt", 1)
        for suffix in ("", "b", "ib")
    },
}

_DURATION_UNITS: Final = {
    "": 1.0,
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
}

_QUANTITY: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([a-zµ]*)\s*")


@record(frozen=True)
class Limits:
    """Bounds on what one instance may use; what the module asks for itself is a further bound.

    memory: bytes of each linear memory, as an int or in the form of `parse_size`; None for the module's own maximum.
    table: elements of all tables of the instance together.
    call_depth: nested calls of Wasm functions until StackExhausted; about 3,000 are safe on an ordinary stack of 8 MiB,
    more is the embedder's own decision (see `runtime.depth`).  The interpreter's recursion limit bounds it and is never
    lowered: less than that limit (1,000 at first), or than another instance of the process got, has no effect.
    fuel: instructions to run, None for no end; this version cannot count them and refuses to instantiate with a number.
    Raises ValueError for a negative bound or an unreadable size, TypeError for anything else than numbers.
    """

    memory: int | str | None = None
    table: int = 10_000_000
    call_depth: int = 3_000
    fuel: int | None = None

    def __post_init__(self) -> None:
        if self.memory is not None:
            object.__setattr__(self, "memory", parse_size(self.memory))
        for name in ("table", "call_depth", "fuel"):
            value = getattr(self, name)
            if value is None and name == "fuel":
                continue
            if not isinstance(value, int):
                raise TypeError(f"the limit {name} is an int, not {type(value).__name__}")
            if value < (1 if name == "call_depth" else 0):
                raise ValueError(f"the limit {name} = {value} is too small")

    @property
    def memory_bytes(self) -> int | None:
        """The bound of each memory in bytes, None for none."""
        return self.memory if isinstance(self.memory, int) else None


def parse_size(size: int | str) -> int:
    """Return the bytes that `size` means: an int, or a number with a unit such as "64MiB", "1.5 GB", "512k".

    KiB, MiB, GiB, TiB and K, M, G, T are powers of 1024, KB, MB, GB, TB are powers of 1000; capitals do not matter.
    Raises ValueError if it is negative or unreadable, TypeError if it is neither int nor str.
    """
    if isinstance(size, str):
        return int(_quantity(size, _SIZE_UNITS, "size"))
    if not isinstance(size, int):
        raise TypeError(f"a size is an int or a str, not {type(size).__name__}")
    if size < 0:
        raise ValueError(f"a size of {size} bytes is negative")
    return size


def parse_duration(duration: float | str) -> float:
    """Return the seconds that `duration` means: a number, or one with a unit such as "2s", "500ms", "1.5", "2m", "1h".

    Raises ValueError if it is negative, not finite or unreadable, TypeError if it is neither a number nor str.
    """
    if isinstance(duration, str):
        return float(_quantity(duration, _DURATION_UNITS, "duration"))
    if not isinstance(duration, int | float):
        raise TypeError(f"a duration is a number or a str, not {type(duration).__name__}")
    if not math.isfinite(duration) or duration < 0:
        raise ValueError(f"a duration of {duration} s is not possible")
    return float(duration)


def _quantity(text: str, units: dict[str, int] | dict[str, float], what: str) -> float:
    """Return the number that starts `text` times the unit that ends it; an int if both are."""
    match = _QUANTITY.fullmatch(text.lower())
    if match is None or match[2] not in units:
        raise ValueError(f"not a {what}: {text!r}")
    number = float(match[1]) if "." in match[1] else int(match[1])
    return number * units[match[2]]
