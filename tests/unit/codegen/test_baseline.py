"""What the baseline compiler emits: values in odd places, and the rules that keep CPython from crashing."""

from __future__ import annotations

import dis
from types import CodeType
from typing import Any

import pytest
import wasmtime

import pywasmjit as wj
from pywasmjit.codegen.baseline.slots import FAST_LOCALS
from pywasmjit.codegen.baseline.views import VIEWS_PER_MEMORY
from tests.wat import assemble, exports, instance

EDGES = (0, 1, 2, 3, 0x3FFFFFFF, 0x40000000, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF)
SIGNED = ("lt_s", "le_s", "gt_s", "ge_s")


def code_of(inst: wj.Instance, name: str) -> CodeType:
    """Return the compiled code of an exported function."""
    inst.module.compile()
    function: Any = inst.exports[name].function
    inst._linkage.link(inst._linkage.functions.index(function))
    return function.__code__  # type: ignore[no-any-return]


def oracle(text: str, name: str, *arguments: int) -> Any:
    """Return what wasmtime makes of it."""
    store = wasmtime.Store()
    made = wasmtime.Instance(store, wasmtime.Module(store.engine, text), [])
    return made.exports(store)[name](store, *arguments)


@pytest.mark.parametrize("operation", SIGNED)
@pytest.mark.parametrize(
    "shape",
    [
        "(i32.{op} (local.get 0) (local.get 1))",
        "(if (result i32) (i32.{op} (local.get 0) (local.get 1)) (then (i32.const 1)) (else (i32.const 0)))",
        "(if (result i32) (i32.eqz (i32.{op} (local.get 0) (local.get 1))) (then (i32.const 0)) (else (i32.const 1)))",
        "(block (result i32) (br_if 0 (i32.const 1) (i32.{op} (local.get 0) (local.get 1))) (drop) (i32.const 0))",
        "(select (i32.const 1) (i32.const 0) (i32.{op} (local.get 0) (local.get 1)))",
        "(if (result i32) (i32.{op} (i32.and (local.get 0) (i32.const 255)) (local.get 1))"
        " (then (i32.const 1)) (else (i32.const 0)))",
        "(if (result i32) (i32.{op} (local.get 0) (i32.load8_u (i32.and (local.get 1) (i32.const 7))))"
        " (then (i32.const 1)) (else (i32.const 0)))",
        "(i32.{op} (i32.sub (i32.and (local.get 0) (i32.const 255)) (i32.const 100)) (i32.const -3))",
        "(i32.{op} (local.tee 0 (i32.add (local.get 0) (local.get 1)))"
        " (local.tee 1 (i32.mul (local.get 0) (i32.const 3))))",
    ],
)
def test_signed_comparison_in_every_context(operation: str, shape: str) -> None:
    text = f'(module (memory 1) (func (export "f") (param i32 i32) (result i32) {shape.format(op=operation)}))'
    ours = exports(text)
    store = wasmtime.Store()
    theirs = wasmtime.Instance(store, wasmtime.Module(store.engine, text), []).exports(store)["f"]
    for a in EDGES:
        for b in EDGES:
            signed = [x - (1 << 32) if x >> 31 else x for x in (a, b)]
            assert ours.f(a, b) == theirs(store, *signed), (a, b)


def test_a_comparison_with_a_constant_of_each_sign() -> None:
    for constant in (-5, -1, 0, 1, 7, 0x7FFFFFFF, -0x80000000):
        body = "".join(
            f"(local.set 1 (i32.or (i32.shl (local.get 1) (i32.const 1))"
            f" (i32.{op} (local.get 0) (i32.const {constant}))))"
            for op in SIGNED
        )
        f = exports(f'(module (func (export "f") (param i32) (result i32) (local i32) {body} (local.get 1)))').f
        for x in (-0x80000000, -6, -5, -4, -1, 0, 1, 6, 7, 8, 0x7FFFFFFF):
            expected = (x < constant) << 3 | (x <= constant) << 2 | (x > constant) << 1 | (x >= constant)
            assert f(x) == expected, (x, constant)


def test_a_store_whose_address_is_set_again_by_its_value() -> None:
    inst = instance("""(module (memory (export "m") 1)
      (func (export "f") (param i32) (local.get 0) (local.tee 0 (i32.const 8)) (i32.store)))""")
    inst.exports.f(64)
    assert inst.exports.m.unpack("<I", 64) == (8,)
    assert inst.exports.m.unpack("<I", 8) == (0,)


def test_a_load_stays_behind_a_store_with_an_operand_below_it() -> None:
    """The outer store's address is computed first, so the inner store lies between it and the load."""
    f = exports("""(module (memory 1)
      (func (export "f") (param i32) (result i32)
        (local.get 0)
        (i32.store (i32.const 8) (i32.const 7))
        (i32.load (i32.const 8))
        (i32.store)
        (i32.load (local.get 0))))""").f
    assert f(16) == 7


def test_an_address_local_that_changes_before_the_access_teaches_nothing() -> None:
    f = exports("""(module (memory 1)
      (func (export "f") (param i32 i32) (result i32)
        (local.get 0) (local.set 0 (local.get 1)) (drop (i32.load))
        (i32.lt_s (local.get 0) (i32.const 0))))""").f
    assert f(0, -1) == 1
    assert f(0, 1) == 0


def test_an_address_that_calls_does_not_read_through_a_stale_view() -> None:
    f = exports("""(module (memory 1)
      (func $grow (result i32) (drop (memory.grow (i32.const 1))) (i32.const 65536))
      (func (export "load") (result i32) (i32.load (call $grow)))
      (func (export "store") (result i32) (i32.store (call $grow) (i32.const 7)) (i32.load (i32.const 65536))))""")
    assert f.load() == 0
    assert f.store() == 7


def test_operands_keep_their_order_of_traps_and_calls() -> None:
    seen: list[int] = []
    f = exports(
        """(module (import "e" "log" (func $log (param i32) (result i32))) (table 2 funcref) (elem (i32.const 0) $g)
      (type $t (func (param i32 i32)))
      (func $g (param i32 i32) (drop (call $log (i32.add (local.get 0) (local.get 1)))))
      (func (export "f") (call_indirect (type $t)
        (call $log (i32.const 1)) (call $log (i32.const 2)) (call $log (i32.const 0))))
      (func (export "late") (call_indirect (type $t)
        (call $log (i32.const 1)) (call $log (i32.const 2)) (i32.const 9))))""",
        {"e": {"log": lambda x: seen.append(x) or x}},
    )
    f.f()
    assert seen == [1, 2, 0, 3]
    with pytest.raises(wj.Trap, match="undefined element"):
        f.late()
    assert seen[4:] == [1, 2]


def test_branches_out_of_expressions_drop_what_lies_below() -> None:
    f = exports("""(module
      (func (export "one") (param i32) (result i32)
        (block (result i32) (i32.const 7) (i32.const 8) (br_if 0 (i32.const 9) (local.get 0)) (drop) (i32.add)))
      (func (export "two") (param i32) (result i32 i32)
        (block (result i32 i32) (i32.const 7) (i32.const 1) (i32.const 2) (br_if 0 (local.get 0)) (drop) (drop)
          (i32.const 3)))
      (func (export "table") (param i32) (result i32)
        (block $a (result i32) (block $b (result i32) (i32.const 5) (i32.const 6)
          (br_table $a $b $a (local.get 0))) (i32.const 100) (i32.add))))""")
    assert (f.one(0), f.one(1)) == (15, 9)
    assert (f.two(0), f.two(1)) == ((7, 3), (1, 2))
    assert [f.table(x) for x in (0, 1, 2, -1)] == [6, 106, 6, 6]


def test_more_locals_than_fast_slots() -> None:
    count = FAST_LOCALS + 500
    f = exports(f"""(module (func (export "f") (param i32) (result i32)
      (local {"i32 " * count}) (local f64)
      (local.set {count} (local.get 0))
      (drop (local.tee {count - 1} (i32.add (local.get {count}) (i32.const 1))))
      (i32.add (local.get {count - 1}) (i32.trunc_f64_s (local.get {count + 1})))))""").f
    assert f(41) == 42


def test_more_offsets_than_views() -> None:
    count = VIEWS_PER_MEMORY + 60
    stores = "".join(f"(i32.store8 offset={n} (local.get 0) (i32.const {n & 127}))" for n in range(count))
    loads = "".join(f"(i32.add (i32.load8_u offset={n} (local.get 0)))" for n in range(count))
    text = (
        f'(module (memory (export "m") 1) (func (export "f") (param i32) (result i32) {stores} (i32.const 0) {loads}))'
    )
    inst = instance(text)
    assert inst.exports.f(1000) == sum(n & 127 for n in range(count))
    views = [name for name in inst._linkage.namespace if name.startswith("view:")]
    assert len(views) <= VIEWS_PER_MEMORY + 1
    with pytest.raises(wj.Trap, match="out of bounds memory access"):
        inst.exports.f(65536 - count + 1)


def test_a_loop_header_is_preceded_by_a_nop() -> None:
    code = code_of(
        instance(
            '(module (func (export "f") (param i32) (loop (br_if 0 (local.get 0)) (loop (br_if 1 (local.get 0))))))'
        ),
        "f",
    )
    instructions = list(dis.get_instructions(code))
    back = [i for i in instructions if "BACKWARD" in i.opname]
    assert len(back) == 2
    for jump in back:
        at = next(n for n, i in enumerate(instructions) if i.offset == jump.argval)
        assert instructions[at - 1].opname == "NOP"


def test_closures_have_at_most_four_cells_and_globals_work_beyond() -> None:
    count = 7
    text = "(module " + "".join(f"(global $g{n} (mut i64) (i64.const {n}))" for n in range(count))
    text += '(func (export "f") (result i64) ' + "".join(
        f"(global.set $g{n} (i64.add (global.get $g{n}) (i64.const 10)))" for n in range(count)
    )
    text += "(i64.const 0)" + "".join(f"(i64.add (global.get $g{n}))" for n in range(count)) + "))"
    inst = instance(text)
    assert len(code_of(inst, "f").co_freevars) == 4
    assert inst.exports.f() == sum(range(count)) + 10 * count
    assert inst.exports.f() == sum(range(count)) + 20 * count
    other = wj.Instance(inst.module)
    assert other.exports.f() == sum(range(count)) + 10 * count


def test_the_stub_has_the_arity_and_gives_way_to_the_code() -> None:
    inst = instance('(module (func (export "f") (param i32 i64 f32) (result i64) (local.get 1)))')
    function: Any = inst.exports.f.function
    assert function.__code__.co_argcount == 3
    stub = function.__code__
    assert inst.exports.f(1, 2, 3.0) == 2
    assert function.__code__ is not stub
    assert function.__code__.co_argcount == 3
    assert function(1, 5, 0.0) == 5


def test_no_live_object_is_a_constant_of_code() -> None:
    """Code objects are unknown to the garbage collector: a function or view among constants would leak."""
    inst = instance("""(module (memory 1) (table 1 funcref) (global (mut i32) (i32.const 0))
      (func $g (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "f") (param i32) (result i32) (call $g (local.get 0))))""")
    inst.exports.f(0)
    for function in inst._linkage.functions:
        for constant in function.__code__.co_consts:  # type: ignore[attr-defined]
            assert constant is None or isinstance(constant, int | float | tuple | str)


def test_signalling_nans_survive_moves_and_arithmetic_quiets_them() -> None:
    inst = instance("""(module (memory (export "m") 1) (global $g (mut f32) (f32.const 0))
      (func (export "copy") (f32.store (i32.const 4) (f32.load (i32.const 0))))
      (func (export "local") (local f32) (local.set 0 (f32.load (i32.const 0))) (global.set $g (local.get 0))
        (f32.store (i32.const 4) (global.get $g)))
      (func (export "bits") (result i32) (i32.reinterpret_f32 (f32.load (i32.const 0))))
      (func (export "same") (param f32) (result f32) (local.get 0))
      (func (export "negated") (f32.store (i32.const 4) (f32.neg (f32.load (i32.const 0)))))
      (func (export "added") (f32.store (i32.const 4) (f32.add (f32.const 1) (f32.load (i32.const 0)))))
      (func (export "promoted") (result i64) (i64.reinterpret_f64 (f64.promote_f32 (f32.load (i32.const 0)))))
      (func (export "d") (f64.store (i32.const 8) (f64.load (i32.const 16)))))""")
    memory, bits = inst.exports.m, 0x7FA12345
    for name in ("copy", "local"):
        memory.pack("<II", 0, bits, 0)
        inst.exports[name]()
        assert memory.unpack("<I", 4) == (bits,), name
    assert inst.exports.bits() == bits
    assert inst.exports.same.call_bits(bits) == (bits,)
    inst.exports.negated()
    assert memory.unpack("<I", 4) == (bits | 0x80000000,)
    inst.exports.added()
    assert memory.unpack("<I", 4)[0] & 0x7FC00000 == 0x7FC00000
    assert inst.exports.promoted.call_bits()[0] & 0x7FF8000000000000 == 0x7FF8000000000000
    memory.pack("<Q", 16, 0x7FF4000000000001)
    inst.exports.d()
    assert memory.unpack("<Q", 8) == (0x7FF4000000000001,)


def test_a_wide_br_table_with_every_selector() -> None:
    count = 300
    blocks = "(block " * (count + 1)
    labels = " ".join(str((n * 7) % count) for n in range(count))
    ends = "".join(f") (return (i32.const {n}))" for n in range(count + 1))
    text = (
        f'(module (func (export "f") (param i32) (result i32) {blocks} (br_table {labels} {count} (local.get 0)) {ends}'
        " (unreachable)))"
    )
    f = exports(text).f
    assert [f(n) for n in range(count)] == [(n * 7) % count for n in range(count)]
    assert f(count) == f(-1) == count


def test_deep_nesting_compiles_without_recursion() -> None:
    depth = 5000
    text = f'(module (func (export "f") (result i32) {"(block (result i32) " * depth} (i32.const 3) {")" * depth}))'
    assert exports(text).f() == 3


def test_free_threaded_atomics_take_a_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    from pywasmjit.codegen.baseline.emitters import atomics

    monkeypatch.setattr(atomics, "ATOMIC_INLINE", False)
    inst = instance("""(module (memory (export "m") 1 1 shared)
      (func (export "add") (param i32 i32) (result i32) (i32.atomic.rmw.add (local.get 0) (local.get 1)))
      (func (export "cas") (param i32 i32 i32) (result i32)
        (i32.atomic.rmw8.cmpxchg_u (local.get 0) (local.get 1) (local.get 2)))
      (func (export "store") (param i32 i32) (i32.atomic.store16 (local.get 0) (local.get 1))))""")
    assert (inst.exports.add(8, 5), inst.exports.add(8, -7)) == (0, 5)
    assert inst.exports.m.unpack("<i", 8) == (-2,)
    assert inst.exports.cas(8, 0x1FE, 0x301) == 0xFE
    assert inst.exports.m[8] == 1
    inst.exports.store(16, 0x12345)
    assert inst.exports.m.unpack("<I", 16) == (0x2345,)
    with pytest.raises(wj.Trap, match="out of bounds memory access"):
        inst.exports.add(65536, 1)
    with pytest.raises(wj.Trap, match="unaligned atomic"):
        inst.exports.add(6, 1)


def test_threads_lose_no_atomic_update() -> None:
    import sys
    import threading

    inst = instance("""(module (memory (export "m") 1 1 shared)
      (func (export "spin") (param i32) (loop
        (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))""")
    count = 20_000
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=inst.exports.spin, args=(count,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert inst.exports.m.unpack("<I", 0) == (4 * count,)


def test_compiling_is_deterministic() -> None:
    text = """(module (memory 1) (func (export "f") (param i32) (result i32)
      (loop (result i32) (i32.store (local.get 0) (i32.const 1))
        (br_if 0 (i32.lt_s (local.tee 0 (i32.add (local.get 0) (i32.const 4))) (i32.const 100))) (local.get 0))))"""
    first, second = (wj.Module(assemble(text), name="same") for _ in range(2))
    a, b = (code_of(wj.Instance(m), "f") for m in (first, second))
    assert a.co_code == b.co_code
    assert a.co_consts == b.co_consts


def test_frames_can_be_inspected_where_no_cell_is_used() -> None:
    """CPython follows every free variable of a frame, used or not, when asked for its locals."""
    inst = instance("""(module (global (mut i32) (i32.const 0)) (global (mut i32) (i32.const 0)) (memory 1)
      (func (export "f") (param i32) (result i32) (i32.load (local.get 0))))""")
    with pytest.raises(wj.Trap) as caught:
        inst.exports.f(-1)
    found = []
    traceback = caught.value.__traceback__
    while traceback is not None:
        found.append(dict(traceback.tb_frame.f_locals))
        traceback = traceback.tb_next
    assert found[-1]["local0"] == 0xFFFFFFFF


def test_a_constant_address_below_a_computed_float() -> None:
    inst = instance("""(module (memory (export "m") 1)
      (func (export "f") (f32.store (i32.const 4) (f32.load (i32.const 0)))))""")
    inst.exports.m.pack("<f", 0, 1.5)
    inst.exports.f()
    assert inst.exports.m.unpack("<f", 4) == (1.5,)


def test_a_stored_comparison_of_computed_operands_moves_as_a_whole() -> None:
    inst = instance("""(module (memory (export "m") 1)
      (func (export "f") (param i32 i64 i64)
        (i64.store (local.get 0) (i64.extend_i32_u
          (i32.ge_s (i32.wrap_i64 (local.get 1)) (i32.wrap_i64 (local.get 2)))))))""")
    for a, b in ((1, 2), (2, 1), (-1, 1), (1, -1), (-1, -1), (1 << 32, 0)):
        inst.exports.f(8, a, b)
        assert inst.exports.m.unpack("<Q", 8) == (
            int((a << 32 >> 32 & 0xFFFFFFFF ^ 1 << 31) >= (b & 0xFFFFFFFF ^ 1 << 31)),
        )


def test_statements_between_operands_stay_where_they_are() -> None:
    inst = instance("""(module (memory (export "m") 1)
      (func (export "constant") (param i32) (result i32)
        (local.get 0) (i32.const 5) (i32.const 1) (local.set 0) (i32.add) (i32.add (local.get 0)))
      (func (export "store") (param i32 i64) (local i64)
        (local.get 0) (local.set 2 (i64.mul (local.get 1) (i64.const 3)))
        (i64.store (i64.add (local.get 2) (local.get 1))))
      (func (export "reads") (param i32 i32) (local i32)
        (local.get 0) (local.get 1) (local.set 2) (i32.store (local.tee 1 (i32.const 9)))
        (i32.store offset=4 (local.get 0) (local.get 2)))
      (func (export "dropped") (param i32) (result i32)
        (local.get 0) (drop (i32.load (i32.const 0))) (i32.load)))""")
    e = inst.exports
    assert e.constant(10) == 16
    e.store(8, 7)
    assert e.m.unpack("<Q", 8) == (28,)
    e.reads(64, 33)
    assert e.m.unpack("<II", 64) == (9, 33)
    assert e.dropped(64) == 9


def test_shifts_of_a_constant_by_a_variable() -> None:
    e = exports("""(module
      (func (export "shr_s") (param i64) (result i64) (i64.shr_s (i64.const -4503599627370496) (local.get 0)))
      (func (export "shr_u") (param i32) (result i32) (i32.shr_u (i32.const -16) (local.get 0)))
      (func (export "shl") (param i32) (result i32) (i32.shl (i32.const -3) (local.get 0)))
      (func (export "rotl") (param i32) (result i32) (i32.rotl (i32.const 0x80000001) (local.get 0))))""")
    for n in (0, 1, 31, 32, 33, 63, 64, -1):
        assert e.shr_s(n) == -4503599627370496 >> (n & 63)
        assert e.shr_u(n) & 0xFFFFFFFF == 0xFFFFFFF0 >> (n & 31)
        assert e.shl(n) & 0xFFFFFFFF == (-3 << (n & 31)) & 0xFFFFFFFF
        r = n & 31
        assert e.rotl(n) & 0xFFFFFFFF == (0x80000001 << r | 0x80000001 >> (32 - r)) & 0xFFFFFFFF


def test_a_branch_on_combined_conditions() -> None:
    for operation, table in (("and", [0, 0, 0, 1]), ("or", [0, 1, 1, 1]), ("xor", [0, 1, 1, 0])):
        condition = f"(i32.{operation} (i32.eqz (local.get 0)) (i32.eqz (local.get 1)))"
        text = f"""(module (func (export "f") (param i32 i32) (result i32)
          (if (result i32) {condition} (then (i32.const 1)) (else (i32.const 0)))))"""
        f = exports(text).f
        assert [f(a, b) for a in (1, 0) for b in (1, 0)] == table


def test_templates_are_data_that_can_be_written_and_read_back() -> None:
    import marshal

    from pywasmjit.codegen.template import CodeTemplate

    text = """(module (memory (export "m") 1) (global (mut i32) (i32.const 3)) (table 1 funcref) (elem (i32.const 0) $g)
      (type $t (func (result i32))) (func $g (result i32) (global.get 0))
      (func (export "f") (param i32) (result i32) (i32.store (local.get 0) (i32.const 7))
        (i32.add (call_indirect (type $t) (i32.const 0)) (i32.load (local.get 0)))))"""
    module = wj.Module(assemble(text))
    module.compile()
    copy = wj.Module(assemble(text))
    for index, template in module._unit._templates.items():
        fields = (template.index, template.code, template.references, template.offsets)
        copy._unit._templates[index] = CodeTemplate(*marshal.loads(marshal.dumps(fields)))
    assert wj.Instance(copy).exports.f(8) == 10
    assert copy._unit.compiled == 0


def test_a_view_is_loaded_after_every_call_in_its_address() -> None:
    """In a call another thread may grow the memory, and the address may then lie in the new part."""
    inst = instance("""(module (memory 1 9)
      (func (export "f") (result i32)
        (i32.load8_u (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 8))))
      (func (export "g") (param i32) (i32.store (i32.ctz (local.get 0)) (i32.const 1))))""")
    for name in ("f", "g"):
        instructions = dis.get_instructions(code_of(inst, name))
        found = [i.opname for i in instructions if i.opname == "CALL" or "view" in i.argrepr]
        assert found == ["CALL", "LOAD_GLOBAL"], name
