"""The official scripts, one test each: what does not pass is exactly what expected_failures.txt lists."""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import Final

import pytest

from .engines import Pywasmjit
from .expectations import PATH, FileExpectation, differences, read_expectations
from .script import Column, flatten, read_script
from .scripts import missing_message, run_script, script_paths, spec_folder

FOLDER: Final = spec_folder()
MISSING: Final = missing_message(FOLDER)
EXPECTATIONS: Final = read_expectations(PATH.read_text("utf-8"))
PATHS: Final = [] if MISSING else script_paths(FOLDER)


def test_scripts_are_there() -> None:
    if MISSING and os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(MISSING)
    if MISSING:
        pytest.skip(MISSING)


@pytest.mark.parametrize("path", PATHS)
def test_script(path: str) -> None:
    expectation = EXPECTATIONS.get(path, FileExpectation())
    run = run_script(FOLDER, path, Pywasmjit, expectation)
    problems = differences(run.outcomes, expectation)
    assert not problems, "\n".join(f"{path}:{problem}" for problem in problems)


@pytest.mark.skipif(bool(MISSING), reason=str(MISSING))
def test_listed_scripts_exist() -> None:
    assert [path for path in EXPECTATIONS if path not in PATHS] == []


def _published_counts() -> dict[str, dict[Column, int]]:
    """Return the table of counts in the specification folder's README."""
    lines = [line for line in (FOLDER / "README.md").read_text("utf-8").splitlines() if line.startswith("|")]
    table = [[cell.strip(" `/*") for cell in line.strip("|").split("|")] for line in lines]
    start = next(n for n, row in enumerate(table) if row[:2] == ["folder", "files"])
    headings = [re.sub(r"^register.*", Column.OTHER.value, cell) for cell in table[start]]
    return {
        row[0]: {column: int(row[headings.index(column.value)]) for column in Column}
        for row in table[start + 2 :]
        if row[0] != "all"
    }


@pytest.mark.skipif(not (FOLDER / "README.md").exists(), reason="no README.md with counts beside the scripts")
def test_no_command_is_lost() -> None:
    found: dict[str, Counter[Column]] = {}
    for path in PATHS:
        commands = flatten(read_script(FOLDER / path))
        found.setdefault(path.rpartition("/")[0], Counter()).update(command.column for command in commands)
    for folder, counts in _published_counts().items():
        got = {column: found[folder][column] for column in Column}
        if folder == "proposals/legacy-exceptions":  # counted there by an assembler without the folded `try`
            for table in (got, counts):
                table[Column.INVALID] += table.pop(Column.TEXT_ONLY)
        assert got == counts, folder
