"""Sound code objects to damage: what CPython compiles, what is assembled by hand, and what our compiler makes."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from fuzz.generators.choices import RandomChoices
from fuzz.generators.modules import generate
from fuzz.raw_code import assemble
from pywasmjit.codegen.unit import CompilationUnit
from pywasmjit.wasm.decoder import decode


@dataclass(frozen=True)
class Sample:
    """A code object and what its function needs to run; `cells` has the contents of its free variables."""

    code: CodeType
    globals: dict[str, Any] = field(default_factory=dict)
    cells: tuple[Any, ...] = ()


# --- compiled by CPython ------------------------------------------------------


def _collatz(n, m):  # type: ignore[no-untyped-def]
    steps = 0
    while n > 1 and steps < 100:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps + m


def _search(a, b):  # type: ignore[no-untyped-def]
    items = [a, b, None, 3]
    for item in items:
        try:
            if item > b:
                items[item] = item
        except IndexError:
            a = item
            break
        except (TypeError, ValueError):
            b = a
            continue
        finally:
            b += 1
    return a, b


def _nested(a, b):  # type: ignore[no-untyped-def]
    total = 0
    for i in range(a & 15):
        for j in range(b & 15):
            if (i ^ j) & 1 and i < j:
                continue
            if i * j > 50:
                break
            total += max(i, min(j, total % 7))
    return total


def helper(*values: Any) -> Any:
    return values[-1] if values else 1


def _raises(a, b):  # type: ignore[no-untyped-def]
    try:
        try:
            if a:
                raise KeyError(a)
            return helper(b)
        except KeyError:
            raise ValueError from None
    except ValueError:
        return a, b


def _slices(a, b):  # type: ignore[no-untyped-def]
    data = bytearray(8)
    data[a & 3 : 4] = data[:2]
    first, second = data[0], data[1:3]
    return first, second, data[b & 3 :: 2], a is b, not a, -b


def _failing(*values: Any) -> Any:
    raise KeyError(values)


_BUILTINS = {"helper": helper}
_COMPILED = (_collatz, _search, _nested, _raises, _slices)


# --- assembled ----------------------------------------------------------------


def _assembled() -> list[Sample]:
    """Return what our compilers emit and CPython's does not: kept stacks, resumption, early returns."""
    loop = assemble(
        ("CONST", 0), ("STORE_FAST", 2), ("NOP",), "loop:", ("LOAD_FAST", 2), ("CONST", 1), ("BINARY_OP", 0),
        ("STORE_FAST", 2), ("LOAD_FAST", 2), ("CONST", 20), ("LESS",), ("LOOP_IF", "loop"), ("LOAD_FAST", 2),
        ("RETURN_VALUE",), stack=3,
    )  # fmt: skip
    resume = assemble(
        ("CONST", [1, 2]), ("STORE_FAST", 2), ("CONST", 0), ("STORE_FAST", 3), ("NOP",), "loop:", ("LOAD_FAST", 3),
        "t:", ("LOAD_FAST", 2), ("LOAD_FAST", 3), ("BINARY_SUBSCR",), "e:", "back:", ("BINARY_OP", 0), ("CONST", 1),
        ("BINARY_OP", 0), ("COPY", 1), ("STORE_FAST", 3), ("CONST", 30), ("LESS",), ("LOOP_IF", "loop"),
        ("LOAD_FAST", 3), ("RETURN_VALUE",), "h:", ("POP_TOP",), ("LOAD_FAST", 0), ("JUMP_BACKWARD", "back"),
        locals=("a", "b", "c", "d"), stack=4, handlers=[("t", "e", "h", 1, False)],
    )  # fmt: skip
    calls = [
        assemble(
            ("LOAD_FAST", 0), ("CALLEE", outer), "t:", ("CALLEE", inner), ("LOAD_FAST", 0), ("LOAD_FAST", 1),
            ("CALL", 2), "e:", ("NOP",), ("CALL", 1), ("BINARY_OP", 0), ("RETURN_VALUE",), "h:", ("LOAD_GLOBAL", 0),
            ("CHECK_EXC_MATCH",), ("UNLESS", "x"), ("POP_TOP",), ("POP_TOP",), ("LOAD_FAST", 1), ("CALL", 1),
            ("RETURN_VALUE",), "x:", ("RERAISE", 1), names=("KeyError",), stack=9, handlers=[("t", "e", "h", 3, True)],
        )
        for outer, inner in ((helper, _failing), (_failing, helper))
    ]  # fmt: skip
    early = assemble(  # a return laid out before the loop, in reach of a handler that relies on six slots
        ("LOAD_FAST", 0), ("TRUTH",), ("UNLESS", "x"), ("CONST", 0), ("STORE_FAST", 2), ("JUMP_FORWARD", "loop"),
        "x:", *[("LOAD_FAST", 1)] * 6, "t:", ("CONST", 3), ("RETURN_VALUE",), "e:", ("NOP",), "loop:",
        ("LOAD_FAST", 2), ("CONST", 1), ("BINARY_OP", 0), ("COPY", 1), ("STORE_FAST", 2), ("CONST", 3000), ("LESS",),
        ("LOOP_IF", "loop"), ("LOAD_FAST", 2), ("RETURN_VALUE",), "h:", *[("POP_TOP",)] * 6, ("RETURN_VALUE",),
        handlers=[("t", "e", "h", 6, False)],
    )  # fmt: skip
    cells = assemble(
        ("LOAD_DEREF", 3), ("LOAD_FAST", 0), ("BINARY_OP", 0), ("STORE_DEREF", 4), ("LOAD_DEREF", 4), ("LOAD_FAST", 1),
        ("BUILD_TUPLE", 2), ("UNPACK_SEQUENCE", 2), ("SWAP", 2), ("BUILD_TUPLE", 2), ("RETURN_VALUE",),
        freevars=("x", "y"), stack=3,
    )  # fmt: skip
    return [Sample(code) for code in (loop, resume, *calls, early)] + [Sample(cells, cells=(1, 2))]


# --- made by our compiler -----------------------------------------------------

_STAND_INS: dict[str, Any] = {
    "view": memoryview(bytearray(4096)),
    "global": 3,
    "global_box": [1],
    "callees": [helper] * 4,
    "reference": None,
}


def _templates(modules: int, largest: int) -> list[Sample]:
    """Return the functions of generated modules, up to `largest` bytes of code, with stand-ins for their names."""
    samples = []
    for seed in range(modules):
        module = decode(generate(RandomChoices(seed), 120).data)
        unit = CompilationUnit(module, "module")
        first = module.imported_count("func")
        for index in range(first, first + len(module.bodies)):
            template = unit.template(index)
            code = template.code
            if len(code.co_code) <= largest and code.co_argcount <= 8:
                names = {name: _STAND_INS.get(kind, helper) for name, (kind, _) in template.references.items()}
                samples.append(Sample(code, names, (1,) * len(code.co_freevars)))
    return samples


def corpus() -> list[Sample]:
    """Return all samples, in the same order every time."""
    compiled = [Sample(function.__code__.replace(), _BUILTINS) for function in _COMPILED]
    return compiled + _assembled() * 2 + _templates(12, 1200)
