"""The specification folder: where it is, which scripts it holds, and the run of one of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .convert import Converter
from .engines import Engine
from .expectations import FileExpectation
from .runner import Outcome, Session, Status
from .script import Column, read_script

FOLDER_VARIABLE: Final = "PYWASMJIT_SPEC"

PROPOSALS: Final = "proposals"
"""The folder whose folders are named after features beyond WebAssembly 3.0."""

EngineMaker = Callable[[str], Engine]
"""Makes an engine, given the name of the proposal that has to be on, or ""."""


@dataclass(frozen=True, slots=True)
class ScriptRun:
    """The outcomes of one script; path: inside the specification folder, with slashes."""

    path: str
    outcomes: tuple[Outcome, ...]

    def count(self, status: Status) -> int:
        """Return how many assertions have that status."""
        return sum(1 for outcome in self.outcomes if outcome.status is status and outcome.command.column.is_assertion)

    def columns(self) -> dict[Column, int]:
        """Return how many commands there are in each column."""
        return {column: sum(1 for o in self.outcomes if o.command.column is column) for column in Column}


def spec_folder() -> Path:
    """Return the folder named by PYWASMJIT_SPEC, else `../shared/spec` beside the checkout; it may be missing."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "spec"


def missing_message(folder: Path) -> str | None:
    """Return what to tell a user whose specification folder is missing or empty, None if it is there."""
    if next(folder.glob("core/*.wast"), None) is not None:
        return None
    return (
        f"the specification's test scripts are missing: no core/*.wast in {folder}; "
        f"name their folder in the environment variable {FOLDER_VARIABLE}"
    )


def script_paths(folder: Path) -> list[str]:
    """Return the paths of all scripts inside the folder, with slashes, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.wast"))


def run_script(folder: Path, path: str, make_engine: EngineMaker, expectation: FileExpectation) -> ScriptRun:
    """Run one script on a new engine.  Raises ScriptError if it cannot be read."""
    parts = path.split("/")
    commands = read_script(folder / path)
    converter = Converter(folder / path)
    engine = make_engine(parts[1] if parts[0] == PROPOSALS else "")
    session = Session(engine, converter, frozenset(expectation.left_out))
    session.run(commands)
    converter.save()
    return ScriptRun(path, tuple(session.outcomes))
