"""Rules for the text of the project, checked over its files."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pywasmjit"
SOURCES = sorted(PACKAGE.rglob("*.py"))
SUFFIXES = {".py", ".md", ".toml", ".c", ".h", ".sh", ".txt", ".json", ""}


def project_files() -> list[Path]:
    """Return the files under version control, or all where there is none."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = listed.stdout.splitlines() if listed.returncode == 0 else [str(path) for path in ROOT.rglob("*")]
    paths = (ROOT / name for name in names)
    return sorted(
        path for path in paths if path.suffix in SUFFIXES and path.is_file() and "__pycache__" not in path.parts
    )


TEXTS = project_files()
TABLES = {"wasm/opcodes.py", "wasm/numerics.py"}
"""Files that may be long, because they are lists."""


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def lines_with(pattern: str, paths: list[Path]) -> list[str]:
    """Return "file:line" of every line that the pattern is found in."""
    found = re.compile(pattern)
    return [
        f"{relative(path)}:{number}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if found.search(line)
    ]


def test_the_package_assembles_in_one_place() -> None:
    others = [path for path in SOURCES if path != PACKAGE / "codegen" / "target" / "packaged.py"]
    assert lines_with(r"\bto_code\(", others) == []


def test_one_file_of_the_compiler_and_one_of_the_verifier_know_versions_of_cpython() -> None:
    """They share no code, so each needs its own."""
    knowing = {line.rpartition(":")[0] for line in lines_with(r"\bsys\.(version_info|hexversion)\b", SOURCES)}
    assert knowing <= {"pywasmjit/codegen/target/cpython.py", "pywasmjit/codegen/verifier/facts.py"}


def test_the_compilers_name_no_interface() -> None:
    """What WALI's imports mean beside their types is in the record that it hands in."""
    compilers = [path for path in SOURCES if PACKAGE / "codegen" in path.parents]
    assert lines_with(r"(?i)\bwali\b|setjmp\"|thread_spawn", compilers) == []


def test_the_linkage_is_the_run_time_s_own() -> None:
    outside = [
        path
        for folder in ("pywasmjit", "fuzz", "benchmarks")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if PACKAGE / "runtime" not in path.parents
    ]
    assert lines_with(r"\b_linkage\b", outside) == []


def test_the_recursion_limit_is_never_lowered() -> None:
    callers = {line.rpartition(":")[0] for line in lines_with(r"\bsetrecursionlimit\(", SOURCES)}
    assert callers <= {"pywasmjit/runtime/depth.py"}


def test_no_path_of_a_developer_s_machine() -> None:
    """Paths of a guest may have such names; what is below them then is no checkout."""
    here, checkout = Path(__file__), r"(?<![\w.:])/(home|root|Users|work)/[^\s\"']*(pywasmjit|main|shared|\.pyenv)\b"
    assert lines_with(checkout, [path for path in TEXTS if path != here]) == []


def test_no_file_is_named_after_nothing() -> None:
    empty = {"utils", "util", "common", "core", "manager", "misc", "helpers"}
    assert [relative(path) for path in SOURCES if path.stem in empty] == []


def test_every_folder_says_what_it_is() -> None:
    missing = [relative(path) for path in SOURCES if path.name == "__init__.py" and not ast.get_docstring(parsed(path))]
    assert missing == []


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if str(path.relative_to(PACKAGE)) not in TABLES:
        assert len(text.splitlines()) <= 800
    lengths = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: length for name, length in lengths.items() if length > 80} == {}


CODEGEN = [path for path in SOURCES if PACKAGE / "codegen" in path.parents]
LONG = {"_sweep": "the verifier's loop over instructions, where a call for each would be most of its cost"}
"""Functions of the compilers that may have more than 42 lines, and why."""


@pytest.mark.parametrize("path", CODEGEN, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_of_the_compilers_are_shorter(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 510
    long = {
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 42
    }
    assert long - LONG.keys() == set()


def test_no_line_divides_files_of_the_compilers() -> None:
    assert lines_with(r"^\s*# ?--", CODEGEN) == []


def test_emitted_code_is_changed_by_edits_that_have_names() -> None:
    others = [path for path in CODEGEN if path.parts[-2:] != ("baseline", "code.py")]
    assert lines_with(r"code(\.items)?\[|code\.items\.|code\.items =|\.items\b.*\bdel\b", others) == []


def test_causes_follow_from_rows_and_not_from_names() -> None:
    assert lines_with(r"\.mnemonic\b", [PACKAGE / "runtime" / "traps.py"]) == []


def test_tests_of_the_compilers_stand_where_their_files_do() -> None:
    tests = ROOT / "tests" / "unit" / "codegen"
    folders = {path.parent.relative_to(tests) for path in tests.rglob("*.py")}
    assert [str(folder) for folder in folders if not (PACKAGE / "codegen" / folder / "__init__.py").is_file()] == []


def test_nothing_starts_the_module_with_the_working_directory_in_the_path() -> None:
    """A program could have left modules there.  Files of this project that are not about that, only."""
    about = {
        "pywasmjit/starting.py",
        "tests/unit/test_starting.py",
        "tests/contracts/test_layout.py",
        "docs/RATIONALE.md",
        "CHANGELOG.md",
    }
    paths = [path for path in TEXTS if relative(path) not in about]
    started = r"""(?<!-P) -m pywasmjit(?![.\w])|(?<!"-P", )"-m", "pywasmjit\""""
    assert lines_with(started, paths) == []
