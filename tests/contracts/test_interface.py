"""The public interface: what `import pywasmjit` offers, and that each piece says what it is."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path

import pytest

import pywasmjit

ROOT = Path(__file__).parents[2]

PROMISED = {
    *("Module", "Instance", "load", "validate", "is_valid", "Features", "Limits", "deadline", "host"),
    *("Func", "Memory", "Table", "Global"),
    *("FuncType", "MemoryType", "TableType", "GlobalType", "RefType", "ImportType", "ExportType"),
    *("Wali", "Policy", "ro"),
    *("WasmError", "CompileError", "MalformedError", "ValidationError", "UnsupportedFeature", "LinkError"),
    *("Trap", "TrapCode", "TrapFrame", "StackExhausted", "FuelExhausted", "TimedOut", "ResourceLimit", "Exit"),
}


def test_everything_promised_is_exported() -> None:
    assert PROMISED - set(pywasmjit.__all__) == set()
    assert len(pywasmjit.__all__) == len(set(pywasmjit.__all__))


@pytest.mark.parametrize("name", pywasmjit.__all__)
def test_what_is_exported_says_what_it_is(name: str) -> None:
    value = getattr(pywasmjit, name)
    if isinstance(inspect.getattr_static(value, "__doc__"), property):
        return  # each object has a text of its own, and the class cannot have both
    documented = inspect.getdoc(value)
    assert documented
    assert documented[0].isupper()


def public_methods() -> list[str]:
    found = []
    for name in pywasmjit.__all__:
        value = getattr(pywasmjit, name)
        if inspect.isclass(value) and value.__module__.startswith("pywasmjit"):
            members = inspect.getmembers_static(value)
            functions = [n for n, member in members if inspect.isfunction(member) or isinstance(member, property)]
            found += [f"{name}.{method}" for method in functions if not method.startswith("_")]
    return found


@pytest.mark.parametrize("path", public_methods())
def test_public_methods_say_what_they_do(path: str) -> None:
    class_name, method = path.split(".")
    assert inspect.getdoc(getattr(getattr(pywasmjit, class_name), method))


def test_every_error_is_a_wasm_error() -> None:
    classes = [value for value in vars(pywasmjit.errors).values() if inspect.isclass(value)]
    errors = [each for each in classes if issubclass(each, BaseException)]
    assert len(errors) > 10
    assert all(issubclass(each, pywasmjit.WasmError) for each in errors)


def test_the_version_is_stated_once_and_again() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert pywasmjit.__version__ == project["version"]
    assert {each.partition(">")[0] for each in project["dependencies"]} == {"bytecode", "click"}
