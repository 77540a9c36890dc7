"""What hostile modules and careless embedders do to a running engine: it stays whole, and says so in its own words."""

from __future__ import annotations

import gc
import linecache
import os
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import pywasmjit as wj
from pywasmjit.runtime.depth import entries
from tests.wat import assemble, exports, instance

# --------------------------------------------------------------------------- the end of the stack


@contextmanager
def recursion_limit(frames: int) -> Iterator[None]:
    """Leave room for so many Python frames."""
    before, depth, frame = sys.getrecursionlimit(), 0, sys._getframe()
    while frame.f_back is not None:
        depth, frame = depth + 1, frame.f_back
    try:
        sys.setrecursionlimit(depth + frames)
        yield
    finally:
        sys.setrecursionlimit(before)


WHOLE = """(module (memory 1 100) (table 1 400 funcref) (type $v (func (result i32)))
  (func $x (result i32) (i32.const 42)) (elem declare func $x)
  (func (export "grow_memory") (drop (memory.grow (i32.const 1))))
  (func (export "grow_table") (drop (table.grow (ref.func $x) (i32.const 1))))
  (func (export "set") (table.set (i32.const 0) (ref.func $x)))
  (func (export "compile") (drop (call $lazy)))
  (func $lazy (result i32) (i32.add (i32.load (i32.const 8)) (i32.const 3)))
  (func (export "last") (result i32)
    (i32.load8_u (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1))))
  (func (export "call") (param i32) (result i32) (call_indirect (type $v) (local.get 0)))
  (func (export "size") (result i32) (table.size)))"""


def check_whole(e: Any) -> None:
    """All of the memory can be read, each element be called and none beyond."""
    assert e.last() == 0
    size = e.size()
    assert [e.call(n) for n in range(size)] == [42] * size
    with pytest.raises(wj.Trap, match="undefined element"):
        e.call(size)


@pytest.mark.parametrize("action", ["grow_memory", "grow_table", "set", "compile"])
def test_an_action_cut_short_by_the_end_of_the_stack_is_done_or_not_done(action: str) -> None:
    failures = 0
    for room in range(3, 45):
        e = exports(WHOLE)
        e.set(), e.call(0), e.last()  # compiled, views and lists of callables made
        try:
            with recursion_limit(room):
                e[action]()
        except (wj.StackExhausted, RecursionError):
            failures += 1
        check_whole(e)
        e.grow_memory(), e.grow_table(), e.compile()
        check_whole(e)
    assert failures


def test_a_guest_that_hits_the_end_of_the_stack_in_a_host_function_is_exhausted() -> None:
    calls: list[int] = []
    e = exports(
        """(module (import "e" "log" (func $log (param i32)))
        (func $f (export "f") (call $log (i32.const 1)) (call $f)))""",
        {"e": {"log": calls.append}},
    )
    with pytest.raises(wj.StackExhausted):
        e.f()
    assert len(calls) > 1000


def test_a_host_function_that_recurses_for_ever_has_its_own_error() -> None:
    def endless() -> None:
        endless()

    e = exports('(module (import "e" "f" (func $f)) (func (export "f") (call $f)))', {"e": {"f": endless}})
    with pytest.raises(RecursionError):
        e.f()


@pytest.mark.parametrize("stack_kib", [0, 256, 1024])
def test_threads_with_small_stacks_are_exhausted_cleanly(stack_kib: int) -> None:
    seen: list[object] = []
    e = exports('(module (func $f (export "f") (param i64) (local i64 i64) (call $f (local.get 0))))')

    def run() -> None:
        for _ in range(3):
            try:
                e.f(1)
            except wj.StackExhausted as error:
                seen.append(len(error.frames))

    before = threading.stack_size(stack_kib << 10)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert seen in ([99, 100, 100], [100, 100, 100])  # the first time in the stub, which is no function


def test_frames_of_very_many_locals_are_bounded_together_and_freed() -> None:
    locals_ = " ".join(["i64"] * 1000)
    e = exports(f"""(module (func $f (export "f") (param i32) (result i32) {f"(local {locals_})" * 49}
        (if (result i32) (local.get 0)
          (then (call $f (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 7)))))""")
    errors = []
    for _ in range(3):
        with pytest.raises(wj.StackExhausted, match="many locals") as caught:
            e.f(3000)
        errors.append(caught.value)  # the frames of its traceback hold nothing
    assert e.f(100) == 7


def test_re_entry_through_the_host_ends_at_its_limit_and_leaves_no_trace() -> None:
    def again() -> int:
        return int(e.f())

    e: Any = exports(
        '(module (import "e" "f" (func $f (result i32))) (func (export "f") (result i32) (call $f)))',
        {"e": {"f": lambda: again()}},
    )
    for _ in range(3):
        with pytest.raises(wj.StackExhausted):
            e.f()
    assert entries[threading.get_ident()] == [0]


# --------------------------------------------------------------------------- resources


def test_tables_of_an_instance_share_the_limit() -> None:
    text = (
        "(module (table $a 60 funcref) (table $b 30 funcref)"
        '(func (export "a") (param i32) (result i32) (table.grow $a (ref.null func) (local.get 0)))'
        '(func (export "b") (param i32) (result i32) (table.grow $b (ref.null func) (local.get 0))))'
    )
    with pytest.raises(wj.ResourceLimit, match="table = 89"):
        instance(text, limits=wj.Limits(table=89))
    e = instance(text, limits=wj.Limits(table=100)).exports
    assert (e.a(6), e.b(5), e.b(4), e.a(1)) == (60, -1, 30, -1)


def test_many_signatures_of_a_large_table_take_no_list_each() -> None:
    signatures = 12
    types = "".join(f"(type $t{n} (func {'(param i32)' * n} (result i32)))" for n in range(signatures))
    functions = "".join(
        f'(func (export "f{n}") (param i32) (result i32) {"(i32.const 1)" * n}'
        f" (call_indirect (type $t{n}) (local.get 0)))"
        for n in range(signatures)
    )
    inst = instance(f"""(module {types} (table (export "t") 1000000 funcref) {functions}
        (func $x (type $t11) (i32.const 5)) (func $y (type $t2) (i32.const 6)) (elem (i32.const 3) $x $y))""")
    e = inst.exports
    assert e.f11(3) == 5
    assert e.f2(4) == 6
    for n in range(signatures):
        call = e[f"f{n}"]
        for index, words in [(2, "uninitialized"), (3, "mismatch"), (4, "mismatch"), (1_000_000, "undefined")]:
            if (n, index) not in ((11, 3), (2, 4)):
                with pytest.raises(wj.Trap, match=words):
                    call(index)
    assert len(e.t._callees) <= 8
    e.t[2] = e.t[3]
    assert e.f11(2) == 5


def test_instances_that_are_dropped_leave_nothing_behind() -> None:
    data = assemble("""(module (memory 1) (table 2 funcref) (global (mut i32) (i32.const 1)) (elem (i32.const 0) $f)
        (func $f (export "f") (result i32) (i32.add (i32.add (global.get 0) (i32.load (i32.const 0)))
          (call_indirect (result i32) (i32.const 1)))))""")
    module = wj.Module(data)

    def once() -> None:
        with pytest.raises(wj.Trap):
            wj.Instance(module).exports.f()

    once()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(200):
        once()
    gc.collect()
    assert len(gc.get_objects()) - before < 100


def test_modules_that_are_dropped_take_their_source_lines_along() -> None:
    def lines() -> int:
        return sum(name.startswith("attack") for name in list(linecache.cache))

    for n in range(20):
        inst = instance(f'(module (func (export "f") (result i32) (i32.const {n})))', name=f"attack{n}")
        assert inst.exports.f() == n
        assert lines() == 1
        del inst
        gc.collect()


def test_a_module_loaded_again_shows_its_source_again() -> None:
    text = '(module (func (export "f") unreachable))'
    for _ in range(2):
        with pytest.raises(wj.Trap) as caught:
            exports(text).f()
        assert "unreachable" in "".join(traceback.format_exception(caught.value, chain=False))
        del caught
        gc.collect()


# --------------------------------------------------------------------------- threads


@pytest.mark.parametrize("repetition", range(3))
def test_threads_may_compile_and_grow_the_same_instance_at_once(repetition: int) -> None:
    functions = "".join(
        f'(func (export "f{n}") (param i32) (result i32) (i32.store offset={n} (i32.const 0) (local.get 0))'
        f" (i32.load8_u offset={n} (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1000))))"
        for n in range(60)
    )
    e = exports(f'(module (memory 1 200) (func (export "grow") (result i32) (memory.grow (i32.const 1))) {functions})')
    errors: list[BaseException] = []
    start = threading.Barrier(4)

    def run(grows: bool) -> None:
        start.wait()
        try:
            for n in range(60):
                e[f"f{n}"](n)
                if grows:
                    e.grow()
        except BaseException as error:
            errors.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=run, args=(n % 2 == 0,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert errors == []
    assert [e[f"f{n}"](0) for n in range(60)] == [0] * 60


def test_a_deadline_ends_the_wait_for_another_thread_that_compiles() -> None:
    module = wj.Module(assemble('(module (func (export "f") (result i32) (i32.const 1)))'))
    inst = wj.Instance(module)
    holding, done = threading.Event(), threading.Event()
    unit = module._unit

    def hold() -> None:
        with unit._lock:
            unit._compiling = threading.get_ident()
            holding.set()
            done.wait()
            unit._compiling = 0

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait()
    started = time.monotonic()
    try:
        with pytest.raises(wj.TimedOut), wj.deadline(0.05):
            inst.exports.f()
        assert time.monotonic() - started < 1
    finally:
        done.set()
        thread.join()
    assert inst.exports.f() == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_while_a_thread_compiles_can_compile() -> None:
    module = wj.Module(
        assemble(
            '(module (table 1 funcref) (func (export "f") (result i32) (table.grow (ref.null func) (i32.const 1))))'
        )
    )
    inst = wj.Instance(module)
    from pywasmjit.runtime import tables

    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with module._unit._lock, tables._changing:
            module._unit._compiling = threading.get_ident()
            holding.set()
            done.wait()
            module._unit._compiling = 0

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait()
    pid = os.fork()
    if not pid:
        try:
            os._exit(42 + inst.exports.f())
        finally:
            os._exit(1)
    status = None
    for _ in range(500):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            break
        time.sleep(0.01)
    else:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    done.set()
    thread.join()
    assert status is not None
    assert os.waitstatus_to_exitcode(status) == 43


def test_closing_a_memory_in_use_makes_it_empty() -> None:
    def close() -> None:
        inst.exports.m.close()

    inst = instance(
        """(module (import "e" "close" (func $close)) (memory (export "m") 1)
        (func (export "f") (result i32) (i32.store (i32.const 0) (i32.const 7)) (call $close) (i32.load (i32.const 0)))
        (func (export "size") (result i32) (memory.size))
        (func (export "grow") (result i32) (memory.grow (i32.const 1))))""",
        {"e": {"close": close}},
    )
    with pytest.raises(wj.Trap, match="out of bounds memory"):
        inst.exports.f()
    assert (inst.exports.size(), inst.exports.grow()) == (0, -1)


# --------------------------------------------------------------------------- debuggers, profilers, pickling

LOOP = """(module (memory 1) (func (export "f") (param $n i32) (result i32) (local $s i32)
  (loop $l (i32.store (i32.const 0) (local.get $s)) (local.set $s (i32.add (i32.load (i32.const 0)) (local.get $n)))
    (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
  (if (result i32) (i32.gt_s (local.get $s) (i32.const 1000))
    (then (i32.div_u (local.get $s) (local.get $n))) (else (local.get $s)))))"""


def watched(f: Callable[[int], int]) -> None:
    assert f(20) == 210
    with pytest.raises(wj.Trap, match="divide by zero"):
        f(50)


def test_results_are_the_same_under_a_tracing_function() -> None:
    lines = []

    def trace(frame: Any, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(("wasm-", "<call")):
            return None
        frame.f_trace_opcodes = True
        lines.append((event, frame.f_lineno, len(frame.f_locals)))
        return trace

    before = sys.gettrace()
    f = exports(LOOP).f
    sys.settrace(trace)
    try:
        watched(f)
    finally:
        sys.settrace(before)
    assert "line" in {event for event, _, _ in lines}
    watched(f)


def test_results_are_the_same_under_a_profiling_function() -> None:
    events = []
    f = exports(LOOP).f
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, argument: events.append(event))
    try:
        watched(f)
    finally:
        sys.setprofile(before)
    assert "call" in events


@pytest.mark.skipif(sys.version_info < (3, 12), reason="new in 3.12")
def test_results_are_the_same_under_monitoring() -> None:
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
    seen: list[object] = []
    tool = 4
    monitoring.use_tool_id(tool, "attack")
    kinds = monitoring.events
    chosen = kinds.LINE | kinds.INSTRUCTION | kinds.JUMP | kinds.BRANCH | kinds.CALL | kinds.PY_START | kinds.RAISE
    f = exports(LOOP).f
    try:
        for name in ("LINE", "INSTRUCTION", "JUMP", "BRANCH", "CALL", "PY_START", "RAISE"):
            monitoring.register_callback(tool, getattr(kinds, name), lambda *a: seen.append(a[0]))
        f(1)
        monitoring.set_events(tool, chosen)
        watched(f)
        monitoring.set_events(tool, 0)
        watched(f)
    finally:
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)
    assert seen


def test_live_objects_cannot_be_pickled_and_modules_can() -> None:
    inst = instance("""(module (memory (export "m") 1) (table (export "t") 1 funcref)
        (global (export "g") i32 (i32.const 1)) (func (export "f")))""")
    for live in (inst, inst.exports, *inst.exports.values()):
        with pytest.raises(TypeError):
            pickle.dumps(live)
    assert wj.Instance(pickle.loads(pickle.dumps(inst.module))).exports.f() is None


def test_collecting_garbage_at_any_time_changes_nothing() -> None:
    e = exports(LOOP)
    before = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        watched(e.f)
    finally:
        gc.set_threshold(*before)
