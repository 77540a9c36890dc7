"""`docs/SANDBOX.md` lists every call about a descriptor, a path or an address once, and tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pywasmjit as wj
from pywasmjit.wali.syscalls import TABLE
from pywasmjit.wali.table import Number

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "SANDBOX.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## What is checked is what is used$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
assert SECTION is not None
TEXT = SECTION[1]


def listed() -> list[str]:
    return [name for line in re.findall(r"^Calls: (.*)$", TEXT, re.MULTILINE) for name in re.findall(r"`(\w+)`", line)]


def rows() -> list[list[str]]:
    lines = [line for line in TEXT.splitlines() if line.startswith("| ") and "what is checked |" not in line]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def test_every_call_is_in_one_part() -> None:
    """Aliases go with the call that they are another name of."""
    first = {each.handler: each for each in reversed(TABLE.values())}
    taking = {each.name for each in first.values() if any(not isinstance(one.kind, Number) for one in each.parameters)}
    names = listed()
    assert sorted(taking - set(names)) == [], "calls that the page does not speak of"
    assert sorted(set(names) - {each.name for each in first.values()}) == [], "names of no call"
    assert len(names) == len(set(names)), "in two parts"


def test_every_row_says_what_holds_and_how_that_is_known() -> None:
    found = rows()
    assert len(found) > 60
    assert [row for row in found if len(row) != 4 or not all(row)] == []


def test_every_test_that_is_named_exists() -> None:
    named = [row[3] for row in rows() if row[3] != "read"]
    files = {path.name: path for path in TESTS.rglob("test_*.py")}
    for each in named:
        match = re.fullmatch(r"`(test_\w+\.py)::(test_\w+)`", each)
        assert match, each
        assert f"def {match[2]}(" in files[match[1]].read_text(encoding="utf-8"), each


def test_every_file_that_is_named_exists() -> None:
    package = Path(wj.__file__).parent
    for name in re.findall(r"`([\w/]+\.py)`", TEXT):
        assert (package / name).exists() or (TESTS.parent / name).exists(), name
