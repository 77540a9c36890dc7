"""Atomic read-modify-writes between threads that CPython switches as often as it can: in line, and under a lock."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

import pywasmjit as wj
from pywasmjit.codegen.baseline.emitters import atomics
from pywasmjit.runtime.memories import Memory
from tests.wat import assemble, instance

THREADS = 4
WIDTHS = {"i32": (32, 8, 16), "i64": (64, 8, 16, 32)}


@pytest.fixture(params=["in line", "locked"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(atomics, "ATOMIC_INLINE", request.param == "in line")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield request.param
    sys.setswitchinterval(interval)


def names() -> list[tuple[str, int, str, str]]:
    """Return type, width in bits, and the infix and suffix of each width's mnemonics."""
    return [
        (type, width, "" if width == widths[0] else str(width), "" if width == widths[0] else "_u")
        for type, widths in WIDTHS.items()
        for width in widths
    ]


def program(rounds: int) -> str:
    """Return a module whose function `work` (the thread's number) does all operations at all widths `rounds` times.

    At 64 * k + 8 * i lies the cell of the i-th operation of the k-th width.
    add and sub: counts up and down.  or, and, xor: each sets, clears and toggles a bit of its own; what it finds there
    is added up in `wrong`.  cmpxchg: counts up.  xchg: hands values round, of which each thread holds one.
    """
    body, locals_ = [], []
    for k, (type, _, infix, suffix) in enumerate(names()):

        def op(name: str, at: int, *operands: str) -> str:
            return f"({type}.atomic.rmw{infix}.{name}{suffix} (i32.const {64 * k + 8 * at}) {' '.join(operands)})"  # noqa: B023

        one, own = f"({type}.const 1)", f"(local.get $own_{type})"
        others = f"({type}.xor {own} ({type}.const -1))"
        load = f"({type}.atomic.load{infix}{suffix} (i32.const {64 * k + 48}))"
        held, seen = f"$held{k}", f"$seen{k}"
        locals_.append(f"(local {held} {type}) (local {seen} {type})")
        body += [
            f"(drop {op('add', 0, one)}) (drop {op('sub', 1, one)})",
            f"(if ({type}.ne ({type}.and {op('or', 2, own)} {own}) ({type}.const 0)) (then (call $wrong)))",
            f"(if ({type}.eq ({type}.and {op('and', 2, others)} {own}) ({type}.const 0)) (then (call $wrong)))",
            f"(if ({type}.ne ({type}.and {op('xor', 3, own)} {own}) ({type}.const 0)) (then (call $wrong)))",
            f"(if ({type}.eq ({type}.and {op('xor', 3, own)} {own}) ({type}.const 0)) (then (call $wrong)))",
            f"(local.set {held} {op('xchg', 4, f'(local.get {held})')})",
            f"(loop $again (local.set {seen} {load})"
            f" (br_if $again ({type}.ne (local.get {seen})"
            f" {op('cmpxchg', 6, f'(local.get {seen})', f'({type}.add (local.get {seen}) {one})')})))",
        ]
    starts = " ".join(f"(local.set $held{k} (local.get $own_{type}))" for k, (type, *_) in enumerate(names()))
    ends = " ".join(
        f"(drop ({type}.atomic.rmw{infix}.add{suffix} (i32.const {64 * k + 40}) (local.get $held{k})))"
        for k, (type, _, infix, suffix) in enumerate(names())
    )
    return f"""(module (memory (export "m") 1 1 shared)
      (func $wrong (drop (i32.atomic.rmw.add (i32.const 4096) (i32.const 1))))
      (func (export "work") (param $number i32) (local $left i32) (local $own_i32 i32) (local $own_i64 i64)
        {" ".join(locals_)}
        (local.set $own_i32 (i32.shl (i32.const 1) (local.get $number)))
        (local.set $own_i64 (i64.extend_i32_u (local.get $own_i32))) {starts}
        (local.set $left (i32.const {rounds}))
        (loop $next {" ".join(body)}
          (br_if $next (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
        {ends}))"""


def run(rounds: int) -> Memory:
    """Run four threads to their end, and return the memory that they leave behind."""
    made = wj.Instance(wj.Module(assemble(program(rounds))))
    threads = [threading.Thread(target=made.exports.work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    memory: Memory = made.exports.m
    return memory


def wrongs(memory: Memory, rounds: int) -> list[str]:
    """Return what is not as it would be if no two operations had met."""
    total, found = THREADS * rounds, []
    for k, (type, width, *_) in enumerate(names()):
        mask = (1 << width) - 1
        added, taken, bits, toggled, passed, held, counted = (
            int.from_bytes(memory.read(64 * k + 8 * at, width // 8), "little") for at in range(7)
        )
        expected = (total & mask, -total & mask, 0, 0, (1 << THREADS) - 1, total & mask)
        if (added, taken, bits, toggled, (passed + held) & mask, counted) != expected:
            found.append(f"{type} {width}: {(added, taken, bits, toggled, passed, held, counted)}")
    return found + ["found"] * bool(memory.unpack("<I", 4096)[0])


def test_no_operation_of_any_width_is_lost(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = 2500 if kind == "in line" else 250
    locked: list[int] = []
    atomic = Memory.atomic
    monkeypatch.setattr(Memory, "atomic", lambda *arguments: locked.append(1) or atomic(*arguments))
    assert wrongs(run(rounds), rounds) == []
    assert bool(locked) == (kind == "locked")


def test_free_threaded_atomics_take_a_lock(monkeypatch: pytest.MonkeyPatch) -> None:
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
