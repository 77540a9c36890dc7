"""The compiled side of a module: stubs, templates, and what may be in them."""

from __future__ import annotations

from typing import Any

import pytest

import pywasmjit as wj
from tests.wat import assemble, instance


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


def test_a_template_is_the_same_whatever_was_loaded_before() -> None:
    """And so is its key; the name of the file that tracebacks show is the unit's affair."""
    data = assemble("""(module (memory 1) (func $f (param i32) (result i32) (i32.load offset=4 (local.get 0)))
      (func (param i32) (result i32) (call $f (i32.load8_u (local.get 0)))))""")
    other = assemble("(module (func))")
    units = [wj.Module(each, name="same")._unit for each in (data, other, data)]
    first, last = units[0], units[2]
    for index in (0, 1):
        made = first.template(index)
        last.template(1 - index)
        again = last.template(index)
        assert made.code == again.code
        assert made.code.co_filename == again.code.co_filename
        assert made.references == again.references
        assert first.key(index) == last.key(index)
    assert len({first.key(0), first.key(1), units[1].key(0)}) == 3


def test_other_options_are_another_template() -> None:
    unit = wj.Module(assemble("(module (func (param i32) (result i32) (i32.add (local.get 0) (local.get 0))))"))._unit
    plain, key = unit.template(0), unit.key(0)
    unit.asserting = True
    assert unit.template(0).code != plain.code
    assert unit.key(0) != key
    unit.asserting = False
    assert unit.template(0) is plain
    assert unit.key(0) == key
