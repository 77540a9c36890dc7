"""Which exceptions are traps, and what their tracebacks show."""

from __future__ import annotations

import gc
import linecache
import threading
import traceback
import weakref

import pytest

import pywasmjit as wj
from tests.wat import exports, instance

TRAPPING = """(module (memory 1) (table 4 funcref) (elem (i32.const 0) $f $g)
  (type $t (func)) (type $u (func (param i32)))
  (func $f) (func $g (param i32))
  (func (export "load") (param i32) (result i64) (i64.load (local.get 0)))
  (func (export "store") (param i32) (i32.store16 offset=1 (local.get 0) (i32.const 1)))
  (func (export "div") (param i32 i32) (result i32) (i32.div_u (local.get 0) (local.get 1)))
  (func (export "rem") (param i64 i64) (result i64) (i64.rem_s (local.get 0) (local.get 1)))
  (func (export "div_s") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "trunc") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func (export "unreachable") unreachable)
  (func (export "indirect") (param i32) (call_indirect (type $t) (local.get 0)))
  (func (export "get") (param i32) (result funcref) (table.get (local.get 0)))
  (func (export "fill") (param i32) (memory.fill (local.get 0) (i32.const 1) (i32.const 2))))"""


@pytest.mark.parametrize(
    ("call", "arguments", "words"),
    [
        ("load", (65529,), "out of bounds memory access"),
        ("load", (-1,), "out of bounds memory access"),
        ("store", (65534,), "out of bounds memory access"),
        ("div", (1, 0), "integer divide by zero"),
        ("rem", (5, 0), "integer divide by zero"),
        ("rem", (-5, 0), "integer divide by zero"),
        ("div_s", (-(2**31), -1), "integer overflow"),
        ("trunc", (float("nan"),), "invalid conversion to integer"),
        ("trunc", (2.0**31,), "integer overflow"),
        ("unreachable", (), "unreachable"),
        ("indirect", (1,), "indirect call type mismatch"),
        ("indirect", (2,), "uninitialized element"),
        ("indirect", (4,), "undefined element"),
        ("get", (9,), "out of bounds table access"),
        ("fill", (65535,), "out of bounds memory access"),
    ],
)
def test_each_trap_has_the_words_of_the_specification(call: str, arguments: tuple[float, ...], words: str) -> None:
    with pytest.raises(wj.Trap) as caught:
        exports(TRAPPING)[call](*arguments)
    assert str(caught.value) == words
    assert caught.value.frames[0].name == call


def test_a_trap_knows_functions_and_byte_offsets() -> None:
    inst = instance("""(module $shop (memory 1)
      (func $inner (param i32) (result i32) (i32.load (local.get 0)))
      (func $outer (export "go") (param i32) (result i32) (i32.add (call $inner (local.get 0)) (i32.const 1))))""")
    with pytest.raises(wj.Trap) as caught:
        inst.exports.go(-4)
    frames = caught.value.frames
    assert [(f.module, f.function, f.name) for f in frames] == [("shop", 0, "inner"), ("shop", 1, "outer")]
    data = inst.module.syntax.data
    assert data[frames[0].offset] == 0x28  # i32.load
    assert data[frames[1].offset] == 0x10  # call


def test_a_traceback_shows_lines_of_wasm_text() -> None:
    inst = instance("""(module (memory 1)
      (func $inner (param i32) (result i32) (i32.load offset=12 (local.get 0)))
      (func (export "go") (param i32) (result i32) (i32.add (call $inner (local.get 0)) (i32.const 1))))""")
    with pytest.raises(wj.Trap) as caught:
        inst.exports.go(-4)
    text = "".join(traceback.format_exception(caught.value))
    assert "call $inner" in text
    assert "i32.load offset=12" in text
    assert "IndexError" not in text


def test_two_modules_of_one_name_show_their_own_text() -> None:
    for constant in (1, 2):
        f = exports(
            f'(module $twin (func (export "f") (i32.store (i32.const {-constant}) (i32.const 0))) (memory 0))'
        ).f
        with pytest.raises(wj.Trap) as caught:
            f()
        last = traceback.extract_tb(caught.value.__traceback__)[-1]
        assert any(f"i32.const {-constant}" in line for line in linecache.getlines(last.filename))


def test_host_exceptions_pass_with_wasm_frames() -> None:
    def fail(_: int) -> int:
        raise KeyError("lost")

    inst = instance(
        '(module (import "e" "fail" (func (param i32) (result i32)))'
        ' (func (export "f") (call 0 (i32.const 1)) (drop)))',
        {"e": {"fail": fail}},
    )
    with pytest.raises(KeyError) as caught:
        inst.exports.f()
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert names[-1] == "fail"
    assert "f" in names


@pytest.mark.parametrize("fail", [lambda: [][0], lambda: 1 // 0, lambda: (_ for _ in ()).throw(IndexError)])
def test_host_errors_that_look_like_traps_are_the_hosts(fail: object) -> None:
    inst = instance('(module (import "e" "f" (func)) (memory 1) (func (export "f") (call 0)))', {"e": {"f": fail}})
    with pytest.raises((IndexError, ZeroDivisionError)):
        inst.exports.f()


def test_an_error_of_a_c_function_in_a_table_is_the_hosts() -> None:
    host = wj.Func(wj.FuncType(("i32",), ()), [].pop)
    inst = instance(
        """(module (import "e" "t" (table 1 funcref)) (type $t (func (param i32)))
          (func (export "f") (call_indirect (type $t) (i32.const 3) (i32.const 0))))""",
        {"e": {"t": (table := wj.Table("funcref", 1))}},
    )
    table[0] = host
    with pytest.raises(IndexError, match="pop from empty list"):
        inst.exports.f()


RECURSIVE = '(module (func (export "f") (param i32) (result i32) (i32.add (i32.const 1) (call 0 (local.get 0)))))'


def test_endless_recursion_is_stack_exhausted_with_few_frames() -> None:
    f = exports(RECURSIVE).f
    for _ in range(3):
        with pytest.raises(wj.StackExhausted, match="call stack exhausted") as caught:
            f(0)
        assert len(caught.value.frames) <= 100
        assert len(traceback.extract_tb(caught.value.__traceback__)) < 250


def test_endless_recursion_on_a_thread() -> None:
    f, found = exports(RECURSIVE).f, []

    def run() -> None:
        try:
            f(0)
        except wj.StackExhausted as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert len(found) == 1


def test_endless_recursion_through_the_host() -> None:
    inst: wj.Instance

    def again(x: int) -> int:
        return inst.exports.f(x)  # type: ignore[no-any-return]

    inst = instance(
        '(module (import "e" "again" (func (param i32) (result i32)))'
        ' (func (export "f") (param i32) (result i32) (i32.add (call 0 (local.get 0)) (i32.const 1))))',
        {"e": {"again": again}},
    )
    with pytest.raises(wj.StackExhausted):
        inst.exports.f(0)
    with pytest.raises(wj.StackExhausted):
        inst.exports.f(0)


def test_a_recursion_error_of_the_host_stays_one() -> None:
    def deep(n: int) -> int:
        return deep(n + 1) + 1

    inst = instance(
        '(module (import "e" "deep" (func (param i32) (result i32)))'
        ' (func (export "f") (drop (call 0 (i32.const 1)))))',
        {"e": {"deep": deep}},
    )
    with pytest.raises(RecursionError):
        inst.exports.f()


def test_an_instance_is_collected_when_nobody_holds_it() -> None:
    inst = instance(TRAPPING)
    inst.exports.div(4, 2)
    gone = weakref.ref(inst.exports)
    memory = weakref.ref(inst._linkage.memories[0])
    del inst
    gc.collect()
    assert gone() is None
    assert memory() is None
