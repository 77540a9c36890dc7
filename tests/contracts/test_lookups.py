"""A call looks a descriptor up once: `dispatch` does it from the declaration, and no handler does it again.

What other threads do to a number between two look-ups would make the second one another file.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from pywasmjit.wali.syscalls import TABLE
from pywasmjit.wali.table import Declaration, Descriptor, Lookup

PACKAGE = Path(__file__).parents[2] / "pywasmjit"
SOURCES = [path for part in ("guest", "wali") for path in sorted((PACKAGE / part).rglob("*.py"))]

LOOKING = {
    ("guest/files/descriptors.py", "file"): "what all others use",
    ("guest/files/descriptors.py", "close"): "under the table's lock",
    ("guest/files/descriptors.py", "set_close_on_exec"): "under the table's lock; the kernel, too, goes by the number",
    ("guest/files/paths.py", "_reopen"): "a number in a path: /dev/fd/3",
    ("guest/files/paths.py", "locate"): "a number in a path",
    ("guest/policy/network.py", "_entry"): "a number in a path",
    ("wali/syscalls/io.py", "dup2"): "about the numbers themselves: equal ones are no change",
    ("wali/syscalls/io.py", "dup3"): "about the numbers themselves",
    ("wali/syscalls/control.py", "fcntl"): "some commands are about the number",
    ("wali/syscalls/terminal.py", "ioctl"): "some requests are about the number",
    ("wali/syscalls/terminal.py", "_with_number"): "FICLONE: the argument is a second descriptor",
    ("wali/syscalls/mm.py", "mmap"): "the number is not looked at for anonymous memory",
    ("wali/syscalls/events.py", "_signalfd"): "-1 stands for a new one",
    ("wali/syscalls/children.py", "waitid"): "a descriptor for P_PIDFD only",
    ("wali/syscalls/message.py", "_translated_rights"): "many, from a control message",
    ("wali/syscalls/poll.py", "_translated"): "many, from an array",
    ("wali/syscalls/select.py", "_select"): "many, from sets, by the function in it",
    ("wali/syscalls/select.py", "noted"): "many, from sets",
}
"""Functions that look a number up themselves, each once -> why not `dispatch`."""

OF_NUMBERS = {
    *("close", "dup2", "dup3", "fcntl", "ioctl", "mmap", "signalfd", "signalfd4"),
}
"""Calls that get a guest's number as it is."""


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    name = str(path.relative_to(PACKAGE))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield name, node


def look_ups(function: ast.FunctionDef) -> int:
    """Count the places where a function finds what a number stands for: files.file(n), files.find(n)."""
    found = 0
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("file", "find"):
            owner = node.func.value
            table = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            found += table in ("files", "_files") or (table == "self" and node.func.attr in ("file", "find"))
    return found


def counted() -> dict[tuple[str, str], int]:
    paths = [path for path in SOURCES if path.name not in ("threads.py", "signals.py")]
    pairs = ((name, function) for path in paths for name, function in functions(path))
    return {(name, function.name): found for name, function in pairs if (found := look_ups(function))}


def test_who_looks_numbers_up() -> None:
    assert counted() == dict.fromkeys(LOOKING, 1)


def test_the_table_itself_is_read_in_few_places() -> None:
    reading = {str(path.relative_to(PACKAGE)) for path in SOURCES if ".slots" in path.read_text(encoding="utf-8")}
    assert reading == {
        "guest/files/descriptors.py",
        "wali/dispatch.py",
        "guest/files/streams.py",
        "wali/syscalls/select.py",
        "guest/policy/walls.py",
    }


@pytest.mark.parametrize("declaration", {each.handler: each for each in TABLE.values()}.values(), ids=lambda d: d.name)
def test_calls_get_what_their_descriptors_stand_for(declaration: Declaration) -> None:
    kinds = [each.kind for each in declaration.parameters if isinstance(each.kind, Descriptor)]
    if any(kind.lookup is Lookup.NONE for kind in kinds):
        assert declaration.name in OF_NUMBERS
