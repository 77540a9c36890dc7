"""Modules, instances and what they share: the library as its users meet it."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path
from typing import Any

import pytest

import pywasmjit as wj
from tests.wat import assemble, exports, instance

IDENTITY = """(module
  (func (export "i32") (param i32) (result i32) (local.get 0))
  (func (export "i64") (param i64) (result i64) (local.get 0))
  (func (export "f32") (param f32) (result f32) (local.get 0))
  (func (export "f64") (param f64) (result f64) (local.get 0))
  (func (export "funcref") (param funcref) (result funcref) (local.get 0))
  (func (export "externref") (param externref) (result externref) (local.get 0))
  (func (export "several") (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))
  (func (export "bool") (param i32) (result i32) (i32.eqz (local.get 0))))"""


def test_values_cross_the_border_as_documented() -> None:
    e = exports(IDENTITY)
    assert (e.i32(-1), e.i32(2**32 - 1), e.i32(True)) == (-1, -1, 1)
    assert (e.i64(2**63), e.i64(-5)) == (-(2**63), -5)
    assert e.f32(0.1) == 0.10000000149011612
    assert e.f32(1e300) == float("inf")
    assert (e.f64(3), e.f64(0.1)) == (3.0, 0.1)
    assert e.funcref(None) is None
    assert e.funcref(e.i32) is e.i32
    thing = object()
    assert e.externref(thing) is thing
    assert e.several(1, 2) == (2, 1)
    result = e.bool(0)
    assert result == 1
    assert type(result) is int


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("i32", 2**32, OverflowError),
        ("i32", -(2**31) - 1, OverflowError),
        ("i64", 2**64, OverflowError),
        ("i32", 1.0, TypeError),
        ("i32", "1", TypeError),
        ("i32", None, TypeError),
        ("f64", "1", TypeError),
        ("funcref", print, TypeError),
        ("funcref", 0, TypeError),
    ],
)
def test_values_that_do_not_fit_are_refused(name: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        exports(IDENTITY)[name](value)


def test_a_wrong_number_of_arguments_is_a_type_error() -> None:
    e = exports(IDENTITY)
    for arguments in ((), (1, 2)):
        with pytest.raises(TypeError):
            e.i32(*arguments)
        with pytest.raises(TypeError):
            e.i32.call_bits(*arguments)


def test_call_bits_is_exact() -> None:
    e = exports(IDENTITY)
    assert e.f32.call_bits(0x7FA00001) == (0x7FA00001,)
    assert e.f64.call_bits(0x7FF0000000000001) == (0x7FF0000000000001,)
    assert e.i32.call_bits(-1) == (0xFFFFFFFF,)
    assert e.several.call_bits(1, 2) == (2, 1)


def test_exports_are_a_mapping_with_attributes() -> None:
    e = exports(IDENTITY)
    assert set(e) == {"i32", "i64", "f32", "f64", "funcref", "externref", "several", "bool"}
    assert len(e) == 8
    assert "i32" in e
    assert e["i32"] is e.i32
    assert "several" in dir(e)
    with pytest.raises(AttributeError, match="no export is called 'nothing'"):
        _ = e.nothing
    with pytest.raises(KeyError):
        e["nothing"]


def test_an_exported_function_describes_itself() -> None:
    f = exports(IDENTITY).several
    assert f.__name__ == "several"
    assert f.type == wj.FuncType(("i32", "i64"), ("i64", "i32"))
    assert str(f.type) == "(i32, i64) -> (i64, i32)"
    assert list(inspect.signature(f).parameters) == ["arg0", "arg1"]
    assert "several" in repr(f)


def test_host_functions_get_signed_values_and_may_return_several() -> None:
    seen: list[Any] = []

    def host(*arguments: Any) -> tuple[int, float]:
        seen.append(arguments)
        return -1, 0.1

    f = exports(
        """(module (import "e" "h" (func $h (param i32 i64 f32 f64 externref) (result i64 f32)))
      (func (export "f") (param externref) (result i64 f32)
        (call $h (i32.const -1) (i64.const -2) (f32.const 1.5) (f64.const 2.5) (local.get 0))))""",
        {"e": {"h": host}},
    ).f
    token = object()
    assert f(token) == (-1, 0.10000000149011612)
    assert seen == [(-1, -2, 1.5, 2.5, token)]


@pytest.mark.parametrize("returned", [2**32, "x", None, 1.5])
def test_a_host_functions_result_is_checked(returned: Any) -> None:
    f = exports(
        '(module (import "e" "h" (func (result i32))) (func (export "f") (result i32) (call 0)))',
        {"e": {"h": lambda: returned}},
    ).f
    with pytest.raises((TypeError, OverflowError)):
        f()


def test_a_host_function_may_ask_for_its_caller() -> None:
    @wj.host(caller=True)
    def peek(caller: wj.Instance, address: int) -> int:
        return caller.exports.memory[address]  # type: ignore[no-any-return]

    f = exports(
        """(module (import "e" "peek" (func (param i32) (result i32))) (memory (export "memory") 1)
          (data (i32.const 5) "*") (func (export "f") (result i32) (call 0 (i32.const 5))))""",
        {"e": {"peek": peek}},
    ).f
    assert f() == 42


LIBRARY = """(module (memory (export "memory") 1 3) (table (export "table") 2 5 funcref)
  (global (export "counter") (mut i64) (i64.const 7)) (global (export "pi") f64 (f64.const 3.25))
  (func $one (export "one") (result i32) (i32.const 1)) (elem (i32.const 0) $one)
  (func (export "peek") (param i32) (result i32) (i32.load8_u (local.get 0))))"""

USER = """(module (import "lib" "memory" (memory 1 3)) (import "lib" "table" (table 2 5 funcref))
  (import "lib" "counter" (global $c (mut i64))) (import "lib" "pi" (global $pi f64))
  (import "lib" "one" (func $one (result i32))) (type $t (func (result i32)))
  (func (export "run") (result i32) (i32.store8 (i32.const 9) (i32.const 77))
    (global.set $c (i64.add (global.get $c) (i64.const 1)))
    (i32.add (call $one) (call_indirect (type $t) (i32.const 0))))
  (func (export "pi") (result f64) (global.get $pi))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "far") (i32.store (i32.const 65536) (i32.const 5))))"""


def test_instances_share_what_they_import() -> None:
    library = instance(LIBRARY)
    for provided in (library, library.exports):
        user = instance(USER, {"lib": provided})
        before = library.exports.counter.value
        assert user.exports.run() == 2
        assert library.exports.counter.value == before + 1
        assert library.exports.peek(9) == 77
        assert user.exports.pi() == 3.25
    library.exports.counter.value = -3
    assert library.exports.counter.bits == 2**64 - 3
    user.exports.run()
    assert library.exports.counter.value == -2


def test_growth_is_seen_by_every_instance() -> None:
    library = instance(LIBRARY)
    user = instance(USER, {"lib": library})
    with pytest.raises(wj.Trap):
        user.exports.far()
    assert user.exports.grow() == 1
    user.exports.far()
    with pytest.raises(wj.Trap):
        library.exports.peek(2 * 65536)
    library.exports.memory.grow(1)
    assert library.exports.peek(2 * 65536) == 0
    assert user.exports.grow() == -1


def test_tables_hold_functions_by_identity() -> None:
    library = instance(LIBRARY)
    table = library.exports.table
    assert table[0] is library.exports.one
    assert table[1] is None
    assert len(table) == 2
    double = wj.Func(wj.FuncType((), ("i32",)), lambda: 2)
    table[0] = double
    user = instance(USER, {"lib": library})
    assert user.exports.run() == 3
    assert table.grow(3, double) == 2
    assert table[4] is double
    assert table.grow(1) == -1
    with pytest.raises(IndexError):
        table[5]
    with pytest.raises(TypeError):
        table[0] = print


@pytest.mark.parametrize(
    ("imports", "words"),
    [
        ({}, "unknown import"),
        ({"e": {}}, "unknown import"),
        ({"e": {"f": 3}}, "incompatible import type"),
        ({"e": {"f": wj.Memory(1)}}, "incompatible import type"),
        ({"e": {"f": wj.Func(wj.FuncType(("i64",), ()), print)}}, "incompatible import type"),
    ],
)
def test_imports_that_do_not_fit_are_link_errors(imports: Any, words: str) -> None:
    with pytest.raises(wj.LinkError, match=words) as caught:
        instance('(module (import "e" "f" (func (param i32))))', imports)
    assert (caught.value.module, caught.value.name) == ("e", "f")


def test_a_plain_number_serves_for_an_immutable_global() -> None:
    e = exports(
        '(module (import "e" "g" (global $g i32)) (func (export "f") (result i32) (global.get $g)))', {"e": {"g": -4}}
    )
    assert e.f() == -4
    with pytest.raises(wj.LinkError):
        exports('(module (import "e" "g" (global (mut i32))))', {"e": {"g": 1}})


def test_an_immutable_global_cannot_be_assigned() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        instance(LIBRARY).exports.pi.value = 3.0


def test_the_start_function_and_segments_run_at_instantiation() -> None:
    seen: list[int] = []
    instance(
        """(module (import "e" "h" (func $h (param i32))) (memory 1) (data (i32.const 3) "\\07")
          (func $s (call $h (i32.load8_u (i32.const 3)))) (start $s))""",
        {"e": {"h": seen.append}},
    )
    assert seen == [7]
    with pytest.raises(wj.Trap, match="out of bounds memory access"):
        instance('(module (memory 1) (data (i32.const 65536) "x"))')
    with pytest.raises(wj.Trap, match="out of bounds table access"):
        instance("(module (table 1 funcref) (func $f) (elem (i32.const 1) $f))")


def test_limits_of_memory_and_tables() -> None:
    text = """(module (memory (export "m") 1) (table 5 funcref)
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "grow_table") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))"""
    inst = instance(text, limits=wj.Limits(memory="192KiB", table=8))
    assert (inst.exports.grow(2), inst.exports.grow(1)) == (1, -1)
    assert (inst.exports.grow_table(3), inst.exports.grow_table(1)) == (5, -1)
    with pytest.raises(wj.ResourceLimit):
        instance(text, limits=wj.Limits(memory="32KiB"))
    with pytest.raises(wj.ResourceLimit):
        instance(text, limits=wj.Limits(table=4))


def test_modules_are_described_shared_and_pickled(tmp_path: Path) -> None:
    data = assemble(LIBRARY)
    module = wj.Module(data, name="lib")
    assert [e.name for e in module.exports] == ["memory", "table", "counter", "pi", "one", "peek"]
    assert module.imports == ()
    copy = pickle.loads(pickle.dumps(module))
    assert wj.Instance(copy).exports.one() == 1
    (tmp_path / "lib.wasm").write_bytes(data)
    assert wj.load(tmp_path / "lib.wasm").exports.one() == 1
    assert wj.Module.from_file(tmp_path / "lib.wasm").name == "lib.wasm"
    a, b = wj.Instance(module), wj.Instance(module)
    a.exports.counter.value = 1
    assert b.exports.counter.value == 7
    for alive in (a, a.exports.one, a.exports.memory, a.exports.table, a.exports.counter):
        with pytest.raises(TypeError):
            pickle.dumps(alive)


def test_validity_can_be_asked() -> None:
    assert wj.is_valid(assemble(LIBRARY))
    assert not wj.is_valid(b"\0asm")
    with pytest.raises(wj.MalformedError):
        wj.validate(b"nonsense")
    with pytest.raises(wj.ValidationError):
        wj.validate(assemble("(module (func (result i32)))"))


def test_everything_can_be_compiled_at_once() -> None:
    module = wj.Module(assemble(IDENTITY), lazy=False)
    assert module._unit.compiled == 8
    assert wj.Instance(module).exports.i32(3) == 3


def test_a_closed_memory_is_out_of_bounds() -> None:
    inst = instance(LIBRARY)
    assert inst.exports.peek(0) == 0
    inst.exports.memory.close()
    with pytest.raises(wj.Trap, match="out of bounds memory access"):
        inst.exports.peek(0)


def test_a_limit_that_is_not_kept_is_refused() -> None:
    with pytest.raises(wj.UnsupportedFeature, match="fuel"):
        instance(LIBRARY, limits=wj.Limits(fuel=1000))
