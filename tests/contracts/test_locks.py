"""No loop stands directly in a `with` of a lock: CPython 3.13 leaves the lock taken when something arrives at its end.

The jump back of a loop is outside of the range that the `with` protects, so an exception which arrives there (Ctrl-C, a
deadline) goes by `__exit__`.  A loop in a function of its own is safe.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pywasmjit

PACKAGE = Path(pywasmjit.__file__).parent
LOCK = re.compile(r"(lock|_growing|_modifying|_changing|_kicking)$")
LOOPS = (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp)  # 3.12 puts comprehensions in line


def directly_in(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    for node in nodes:
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef | ast.GeneratorExp):
            yield node
            yield from directly_in(ast.iter_child_nodes(node))


def loops_in_locks(source: str) -> list[int]:
    return [
        loop.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.With) and any(LOCK.search(ast.unparse(item.context_expr)) for item in node.items)
        for loop in directly_in(node.body)
        if isinstance(loop, LOOPS)
    ]


def test_no_loop_stands_directly_in_a_with_of_a_lock() -> None:
    found = {str(file.relative_to(PACKAGE)): loops_in_locks(file.read_text()) for file in PACKAGE.rglob("*.py")}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_such_a_loop_is_found() -> None:
    assert loops_in_locks("with self._lock:\n  if x:\n    while y:\n      pass\n  def f():\n    while y: pass") == [3]
