"""The calls that the interface names, as the file `calls.txt` lists them.

A line of the file: name (without SYS_), the kernel's number on x86-64 (- for none), types of the parameters (- for
none), how the kernel's call differs in what it is given (pass: not at all), and the parameters' names; * marks a
pointer.  Groups: `implemented` are the interface's own, `met` were found in programs beside those, `wanted` are what a
fuller C library wants, `auxiliary` are no system calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

GROUPS: Final = ("implemented", "met", "wanted", "auxiliary")


@dataclass(frozen=True)
class Listed:
    """One call of the list; pointers: the names of those of its parameters that are addresses."""

    group: str
    name: str
    number: int | None
    types: str
    kind: str
    parameters: tuple[str, ...]
    pointers: tuple[str, ...]

    @property
    def import_name(self) -> str:
        """What a module imports."""
        return self.name if self.group == "auxiliary" else f"SYS_{self.name}"


def _read() -> dict[str, Listed]:
    found: dict[str, Listed] = {}
    group = ""
    for line in (Path(__file__).parent / "calls.txt").read_text().splitlines():
        words = line.split()
        if len(words) == 1:
            group = words[0]
        elif words:
            name, number, types, kind, *parameters = words
            pointers = tuple(each[1:] for each in parameters if each.startswith("*"))
            names = tuple(each.removeprefix("*") for each in parameters)
            call = Listed(group, name, None if number == "-" else int(number), types.strip("-"), kind, names, pointers)
            found[call.import_name] = call
    return found


CALLS: Final = _read()
"""Import name -> what is listed of it."""
