"""Every call of the interface is made by a C program that the tests run natively as well as in Wasm.

What a program calls is what its Wasm build imports.  Which programs are run natively is read from the tests: those
that are named, in a string, by a function that calls, over however many others, what builds or runs one natively.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from calls import CALLS
from conftest_hooks import pytest_runtest_call  # noqa: F401
from toolchain import wasm_program

import pywasmjit as wj
from pywasmjit.wali.syscalls import TABLE

TESTS = Path(__file__).parents[1]
MODULES = [*(TESTS / "wali").glob("*.py"), *(TESTS / "programs").glob("*.py")]
SOURCES = {source.stem: source for place in ("wali", "programs") for source in (TESTS / place).glob("*.c")}
NATIVE = {"native", "native_program"}
"""What runs a program natively, or builds it for that."""

WITHOUT = {
    "SYS_brk": "a deviation: there is no break",
    "SYS_rt_sigreturn": "handlers return by themselves; only the C library's own stub calls it natively",
    "SYS_set_robust_list": "not there, which every program takes for an old kernel",
    "SYS_signalfd": "not there",
    "SYS_signalfd4": "not there",
}
"""Calls that no program compares, and why."""
ALIASES = {"SYS_fstatat", "SYS_getdents", "SYS_fadvise64", "_setjmp", "_longjmp", "siglongjmp"}
OF_OLD_PROGRAMS = {"__call_ctors", "__call_dtors"}


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def names_in(node: ast.AST) -> set[str]:
    """Return all names that a piece of code mentions, and those of methods that are in `NATIVE`."""
    named = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return named | {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)} & NATIVE


def programs_in(node: ast.AST) -> set[str]:
    """Return the C programs that strings of a piece of code name."""
    texts = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
    return {str(text).removesuffix(".c") for text in texts if isinstance(text, str)} & set(SOURCES)


def native_names(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Return for each module the names in it of functions that come to run something natively."""
    known = {module: set(NATIVE) for module in trees}
    before = -1
    while before != (before := sum(map(len, known.values()))):
        for module, tree in trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and node.module in trees:
                    known[module] |= {each.name for each in node.names} & known[node.module]
            known[module] |= {each.name for each in functions(tree) if names_in(each) & known[module]}
    return known


@cache
def compared() -> set[str]:
    """Return the programs that some test runs natively."""
    trees = {path.stem: ast.parse(path.read_text()) for path in MODULES}
    native = native_names(trees)
    found = set()
    for module, tree in trees.items():
        constants = {
            target.id: programs_in(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for each in functions(tree):
            if names_in(each) & native[module]:
                found |= programs_in(each)
                found |= {program for name in names_in(each) for program in constants.get(name, ())}
    return found


@cache
def imports_of(name: str) -> frozenset[str]:
    module = wj.Module.from_file(wasm_program(SOURCES[name]))
    return frozenset(each.name for each in module.imports if each.module == "wali")


def test_programs_are_recognised() -> None:
    """What the other test relies on: it would be of no worth if it took all programs for compared ones."""
    assert {"links", "sort", "handlers", "matrix", "children", "transfer"} <= compared()
    assert compared() < set(SOURCES)  # some run in Wasm only


def test_every_call_is_compared_with_a_native_run() -> None:
    called = frozenset().union(*(imports_of(name) for name in compared()))
    wanted = set(TABLE) | set(CALLS)
    missing = wanted - called - ALIASES - OF_OLD_PROGRAMS
    assert missing - set(WITHOUT) == set()
    assert sum(each.group == "implemented" for each in CALLS.values()) == 140


@pytest.mark.parametrize("name", sorted(CALLS))
def test_what_is_listed_is_declared(name: str) -> None:
    """Under the list's own type; what is not there answers ENOSYS under any."""
    if name not in TABLE:
        assert name == "SYS_set_robust_list"
        return
    short = {"i32": "i", "i64": "I"}
    assert "".join(short[each] for each in TABLE[name].type.params) == CALLS[name].types


if __name__ == "__main__":
    for program in sorted(compared()):
        sys.stdout.write(f"{program}: {' '.join(sorted(imports_of(program)))}\n")
