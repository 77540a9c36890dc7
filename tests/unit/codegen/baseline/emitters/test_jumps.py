"""Calls that return twice, with a `setjmp` made for the purpose: activation numbers in memory."""

from __future__ import annotations

import struct
import threading
from typing import Any

import pytest

import pywasmjit as wj
from pywasmjit.codegen.conventions import Conventions
from pywasmjit.runtime.functions import Direct
from pywasmjit.runtime.jumps import Activation, LongJump, live_activation
from pywasmjit.wasm.types import ImportType
from tests.wat import assemble

IMPORTS = """(import "jumps" "setjmp" (func $setjmp (param i32) (result i32)))
  (import "jumps" "longjmp" (func $longjmp (param i32 i32)))
  (import "e" "log" (func $log (param i32)))
  (global $sp (mut i32) (i32.const 4096))"""

CONVENTIONS = Conventions(returning_twice=frozenset({("jumps", "setjmp")}), stack_pointer=0)


class Host:
    """Provides the three imports."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.memory: Any = None

    def resolve_import(self, wanted: ImportType) -> Any:
        setjmp = Direct(lambda _: 0, self.note, conventions=CONVENTIONS)
        return {"setjmp": setjmp, "longjmp": Direct(self.jump), "log": self.seen.append}[wanted.name]

    def note(self, activation: Activation, site: int, pointer: int, buffer: int) -> int:
        self.memory.pack("<QII", buffer, activation.number, site, pointer)
        return 0

    def jump(self, buffer: int, value: int) -> None:
        number, site, pointer = struct.unpack("<QII", self.memory.read(buffer, 16))
        activation = live_activation(number)
        if activation is None:
            raise wj.Trap(wj.TrapCode.HOST, "longjmp to a dead activation")
        raise LongJump(activation, site, pointer, value or 1)


def make(body: str) -> tuple[Any, list[int]]:
    host = Host()
    inst = wj.Instance(wj.Module(assemble(f'(module {IMPORTS} (memory (export "m") 1) {body})')), host)
    host.memory = inst.exports.m
    return inst.exports, host.seen


def test_a_jump_from_a_callee_returns_the_value() -> None:
    e, seen = make("""
      (func $deep (param i32) (if (i32.eqz (local.get 0)) (then (call $longjmp (i32.const 64) (i32.const 7))))
        (call $deep (i32.sub (local.get 0) (i32.const 1))))
      (func (export "f") (result i32) (local $r i32)
        (local.set $r (call $setjmp (i32.const 64)))
        (call $log (local.get $r))
        (if (i32.eqz (local.get $r)) (then (call $deep (i32.const 50))))
        (local.get $r))""")
    assert e.f() == 7
    assert seen == [0, 7]
    assert e.f() == 7


def test_locals_keep_their_values_and_operands_come_back() -> None:
    e, seen = make("""
      (func (export "f") (param i32) (result i32) (local $n i32)
        (i32.add (i32.mul (local.get 0) (i32.const 100))
          (i32.add (call $setjmp (i32.const 64))
            (block (result i32)
              (local.set $n (i32.add (local.get $n) (i32.const 1)))
              (call $log (local.get $n))
              (if (i32.lt_s (local.get $n) (i32.const 5)) (then (call $longjmp (i32.const 64) (local.get $n))))
              (local.get $n)))))""")
    assert e.f(3) == 300 + 4 + 5
    assert seen == [1, 2, 3, 4, 5]


def test_several_sites_and_buffers_in_a_loop() -> None:
    e, seen = make("""
      (func (export "f") (param i32) (result i32) (local $i i32)
        (loop $again
          (if (i32.eqz (call $setjmp (i32.const 64))) (then
            (if (i32.eqz (call $setjmp (i32.const 128))) (then
              (call $longjmp
                (select (i32.const 64) (i32.const 128) (i32.and (local.get $i) (i32.const 1))) (i32.const 1)))
             (else (call $log (i32.const 128)))))
           (else (call $log (i32.const 64))))
          (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0))))
        (local.get $i))""")
    assert e.f(4) == 4
    assert seen == [128, 64, 128, 64]


def test_recursive_activations_are_told_apart_and_the_stack_pointer_restored() -> None:
    e, seen = make("""
      (func $rec (param $n i32) (result i32) (local $r i32)
        (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
        (local.set $r (call $setjmp (i32.add (i32.const 64) (i32.mul (local.get $n) (i32.const 16)))))
        (if (local.get $r) (then (call $log (global.get $sp)) (return (i32.add (local.get $n) (local.get $r)))))
        (if (i32.eqz (local.get $n)) (then (call $longjmp (i32.const 112) (i32.const 40))))
        (call $rec (i32.sub (local.get $n) (i32.const 1))))
      (func (export "f") (result i32) (call $rec (i32.const 5)))
      (func (export "sp") (result i32) (global.get $sp))""")
    assert e.f() == 3 + 40
    assert seen == [4096 - 3 * 16]


def test_a_jump_to_a_dead_activation_is_a_trap() -> None:
    e, _ = make("""
      (func $set (drop (call $setjmp (i32.const 64))))
      (func (export "f") (call $set) (call $longjmp (i32.const 64) (i32.const 1)))
      (func (export "never") (call $longjmp (i32.const 512) (i32.const 1)))""")
    for name in ("f", "never"):
        with pytest.raises(wj.Trap, match="dead activation"):
            e[name]()


def test_traps_and_host_exceptions_pass_through_the_handler() -> None:
    e, _ = make("""
      (func (export "trap") (param i32) (result i32) (drop (call $setjmp (i32.const 64))) (i32.load (local.get 0)))
      (func (export "unreachable") (drop (call $setjmp (i32.const 64))) (unreachable))""")
    assert e.trap(0) == 0
    with pytest.raises(wj.Trap, match="out of bounds memory access") as caught:
        e.trap(-1)
    assert [frame.name for frame in caught.value.frames] == ["trap"]
    with pytest.raises(wj.Trap, match="unreachable"):
        e.unreachable()


def test_a_deadline_ends_a_loop_in_such_a_function() -> None:
    e, _ = make('(func (export "f") (drop (call $setjmp (i32.const 64))) (loop (br 0)))')
    with pytest.raises(wj.TimedOut), wj.deadline(0.05):
        e.f()


def test_another_thread_cannot_jump_into_an_activation() -> None:
    e, _ = make("""
      (func (export "f") (result i32) (local i32)
        (if (result i32) (i32.eqz (call $setjmp (i32.const 64))) (then (call $log (i32.const 0)) (i32.const 5))
          (else (i32.const 6))))
      (func (export "jump") (call $longjmp (i32.const 64) (i32.const 1)))""")
    errors: list[BaseException] = []

    def jump() -> None:
        try:
            e.jump()
        except wj.Trap as error:
            errors.append(error)

    thread = threading.Thread(target=jump)
    assert e.f() == 5
    thread.start()
    thread.join()
    assert len(errors) == 1


def test_frames_are_freed_after_jumps() -> None:
    import gc
    import weakref

    e, _ = make("""
      (func (export "f") (param externref) (result i32)
        (if (result i32) (i32.eqz (call $setjmp (i32.const 64)))
          (then (call $longjmp (i32.const 64) (i32.const 1)) (i32.const 0)) (else (i32.const 1))))""")

    class Thing:
        pass

    thing = Thing()
    gone = weakref.ref(thing)
    gc.disable()
    try:
        assert e.f(thing) == 1
        del thing
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("count", [*range(246, 262), 1000, 20_000])
def test_a_function_with_many_locals_may_call_setjmp(count: int) -> None:
    """Arguments from 256 on have a prefix, of which no range of handlers may begin in the middle."""
    e, _ = make(f"""
      (func (export "f") (param i32) (result i32) {"(local i64) " * count} (local $r i32)
        (local.set $r (call $setjmp (i32.const 64)))
        (if (i32.eqz (local.get $r)) (then (call $longjmp (i32.const 64) (local.get 0))))
        (local.get $r))""")
    assert e.f(9) == 9
