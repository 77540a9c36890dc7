"""What hostile modules and careless embedders hand over at the border: values, exceptions, names, objects."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

import pywasmjit as wj
from pywasmjit.runtime.depth import entries
from pywasmjit.wasm.types import FuncType
from tests.wat import exports, instance

# --------------------------------------------------------------------------- values at the border


class Loud(int):
    """An integer with arithmetic of its own."""

    def __and__(self, other: object) -> Any:
        return "and"

    __add__ = __radd__ = __xor__ = __rxor__ = __le__ = __ge__ = __and__


class LoudFloat(float):
    """A float with arithmetic of its own."""

    def __add__(self, other: object) -> Any:
        return "add"

    __radd__ = __mul__ = __add__


class Index:
    """What numpy's integers look like."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __index__(self) -> Any:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


NUMBERS = """(module
  (func (export "i32") (param i32) (result i32) (i32.add (local.get 0) (i32.const 0)))
  (func (export "i64") (param i64) (result i64) (i64.add (local.get 0) (i64.const 0)))
  (func (export "f32") (param f32) (result f32) (f32.add (local.get 0) (f32.const 0)))
  (func (export "f64") (param f64) (result f64) (f64.add (local.get 0) (f64.const 0)))
  (global (export "g") (mut f64) (f64.const 0)))"""


@pytest.mark.parametrize(
    ("type", "value", "result"),
    [
        ("i32", True, 1),
        ("i32", Loud(5), 5),
        ("i32", Index(-1), -1),
        ("i32", Index(Loud(5)), 5),
        ("i32", 2**32 - 1, -1),
        ("i64", Loud(-5), -5),
        ("i64", Index(2**63), -(2**63)),
        ("f64", LoudFloat(1.5), 1.5),
        ("f64", 3, 3.0),
        ("f64", Index(4), 4.0),
        ("f32", LoudFloat(0.1), 0.10000000149011612),
        ("f64", True, 1.0),
        ("f32", 1e300, float("inf")),
    ],
)
def test_arguments_arrive_as_plain_numbers(type: str, value: Any, result: float) -> None:
    found = exports(NUMBERS)[type](value)
    assert found == result
    assert found.__class__ is (int if type[0] == "i" else float)


@pytest.mark.parametrize(
    ("type", "value", "error"),
    [
        ("i32", 1.0, TypeError),
        ("i32", "1", TypeError),
        ("i32", None, TypeError),
        ("i32", 2**32, OverflowError),
        pytest.param("i32", 10**5000, OverflowError, id="5000 digits"),
        ("i64", -(2**63) - 1, OverflowError),
        ("i32", Index(ZeroDivisionError()), ZeroDivisionError),
        ("i32", Index("x"), TypeError),
        ("f64", "1.0", TypeError),
        ("f64", None, TypeError),
        ("f64", 10**400, OverflowError),
        ("f64", 1j, TypeError),
        ("f32", b"", TypeError),
    ],
)
def test_arguments_that_do_not_fit_are_refused(type: str, value: Any, error: Any) -> None:
    e = exports(NUMBERS)
    with pytest.raises(error):
        e[type](value)
    assert e[type](1) == 1
    assert entries[threading.get_ident()] == [0]


def test_a_global_never_holds_an_object_with_arithmetic_of_its_own() -> None:
    g = exports(NUMBERS).g
    g.value = LoudFloat(2.5)
    assert g.value.__class__ is float


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        GeneratorExit(),
        StopIteration(1),
        KeyboardInterrupt(),
        IndexError("x"),
        ZeroDivisionError(),
        KeyError("k"),
        MemoryError(),
        RecursionError("mine"),
        BaseException(),
    ],
)
def test_what_a_host_function_raises_passes_through_as_it_is(error: BaseException) -> None:
    def fail() -> None:
        raise error

    inst = instance(
        """(module (import "e" "f" (func $f)) (memory 1) (table 1 funcref) (elem (i32.const 0) $f)
        (func (export "f") (call $f)) (func (export "t") (call_indirect (i32.const 0))))""",
        {"e": {"f": fail}},
    )
    for name in "ft":
        with pytest.raises(type(error)) as caught:
            inst.exports[name]()
        assert caught.value is error
    assert entries[threading.get_ident()] == [0]


@pytest.mark.parametrize(
    ("results", "value", "error"),
    [
        ("i32", "x", TypeError),
        ("i32", None, TypeError),
        ("i32", 2**40, OverflowError),
        ("f64", "x", TypeError),
        ("funcref", 5, TypeError),
        ("funcref", len, TypeError),
        ("i32 i32", 5, TypeError),
        ("i32 i32", (1,), TypeError),
        ("i32 i32", (1, 2, 3), TypeError),
        ("i32 i32", "ab", TypeError),
        ("i32", (1, 2), TypeError),
    ],
)
def test_results_of_host_functions_that_do_not_fit_are_type_errors(results: str, value: Any, error: Any) -> None:
    e = exports(
        f'(module (import "e" "f" (func $f (result {results}))) (func (export "f") (result {results}) (call $f)))',
        {"e": {"f": lambda: value}},
    )
    with pytest.raises(error):
        e.f()


def test_results_of_host_functions_become_plain_numbers() -> None:
    def several() -> Any:
        yield Loud(1)
        yield LoudFloat(2.0)

    e = exports(
        """(module (import "e" "f" (func $f (result i32 f64)))
        (func (export "f") (result i32 f64) (call $f)))""",
        {"e": {"f": several}},
    )
    found = e.f()
    assert [(value, value.__class__) for value in found] == [(1, int), (2.0, float)]


# --------------------------------------------------------------------------- names of imports and exports

ODD_NAMES = [
    "__class__",
    "_instance",
    "_made",
    "",
    "a.b",
    "not an identifier",
    "keys",
    "items",
    "get",
    "\\00",
    "\\e2\\80\\ae",
    "__init__",
    "resolve_import",
    "link",
    "__wasm__",
    "__builtins__",
    "function:0",
]


def test_exports_of_any_name_are_items_and_never_shadow_methods() -> None:
    functions = "".join(f'(func (export "{name}") (result i32) (i32.const {n}))' for n, name in enumerate(ODD_NAMES))
    e = exports(f"(module {functions})")
    assert [e[name]() for name in e] == list(range(len(ODD_NAMES)))
    assert e.__class__.__name__ == "Exports"
    assert len(dict(e.items())) == len(ODD_NAMES)
    assert e.resolve_import() == ODD_NAMES.index("resolve_import")
    with pytest.raises(AttributeError):
        e.missing  # noqa: B018


def test_exports_called_like_a_providers_method_are_only_exports() -> None:
    lib = instance('(module (func (export "resolve_import") (result i32) (i32.const 5)))')
    text = '(module (import "lib" "resolve_import" (func $f (result i32))) (func (export "f") (result i32) (call $f)))'
    assert exports(text, {"lib": lib.exports}).f() == 5
    assert exports(text, {"lib": lib}).f() == 5


@pytest.mark.parametrize("name", ["__class__", "__init__", "__setattr__", "__reduce_ex__"])
def test_pythons_own_attributes_of_a_host_object_are_not_imports(name: str) -> None:
    class Host:
        def log(self) -> None: ...

    with pytest.raises(wj.LinkError, match="unknown import"):
        exports(f'(module (import "e" "{name}" (func (param i32))))', {"e": Host()})


@pytest.mark.parametrize(
    "imports",
    [
        None,
        {},
        {"e": {}},
        {"e": None},
        {"e": 5},
        5,
        [],
        "e",
        {"e": {"f": 5}},
        {"e": {"f": None}},
        object(),
        {5: 5},
        {"e": []},
        {"e": {"f": wj.Memory(1)}},
    ],
)
def test_imports_of_any_kind_end_in_link_errors(imports: Any) -> None:
    with pytest.raises(wj.LinkError) as caught:
        instance('(module (import "e" "f" (func)))', imports)
    assert (caught.value.module, caught.value.name) == ("e", "f")


@pytest.mark.parametrize(
    ("item", "object"),
    [
        ("(global i32)", wj.Global("i64", 1)),
        ("(global (mut i32))", wj.Global("i32", 1)),
        ("(global (mut i32))", 5),
        ("(global i32)", "x"),
        ("(global i32)", 2**40),
        ("(global funcref)", 5),
        ("(memory 2)", wj.Memory(1)),
        ("(memory 1 2)", wj.Memory(1)),
        ("(memory 1 2 shared)", wj.Memory(1, 2)),
        ("(table 1 funcref)", wj.Table("externref", 1)),
        ("(table 2 funcref)", wj.Table("funcref", 1)),
        ("(table 1 1 funcref)", wj.Table("funcref", 1, 2)),
        ("(func (param i32))", wj.Func(FuncType((), ()), lambda: None)),
    ],
)
def test_objects_of_another_type_are_link_errors(item: str, object: Any) -> None:
    with pytest.raises(wj.LinkError, match="incompatible import type"):
        instance(f'(module (import "e" "x" {item}))', {"e": {"x": object}})


def test_a_function_is_the_same_object_wherever_it_comes_from() -> None:
    a = instance('(module (func $f (export "f") (export "g")) (table (export "t") 2 funcref) (elem (i32.const 0) $f))')
    b = instance(
        '(module (import "a" "f" (func $f)) (import "a" "t" (table 2 funcref)) (export "h" (func $f))'
        "(elem (i32.const 1) $f))",
        {"a": a.exports},
    )
    assert a.exports.f is a.exports.g is a.exports.t[0] is a.exports.t[1] is b.exports.h


def test_elements_of_a_table_keep_their_dead_instance_running() -> None:
    table = wj.Table("funcref", 2)
    for n in range(2):
        instance(
            f"""(module (import "e" "t" (table 2 funcref)) (memory 1) (global $g (mut i32) (i32.const 10))
            (func $f (result i32) (global.set $g (i32.add (global.get $g) (i32.const 1)))
              (i32.store (i32.const 4) (global.get $g)) (i32.load (i32.const 4))) (elem (i32.const {n}) $f))""",
            {"e": {"t": table}},
        )
        gc.collect()
    e = exports(
        """(module (import "e" "t" (table 2 funcref)) (func (export "f") (param i32) (result i32)
        (call_indirect (result i32) (local.get 0))))""",
        {"e": {"t": table}},
    )
    assert [e.f(0), e.f(0), e.f(1), table[0]()] == [11, 12, 11, 13]
