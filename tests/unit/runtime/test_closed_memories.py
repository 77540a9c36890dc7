"""A closed memory behaves like an empty one: for every instruction that touches memory, and for the host."""

from __future__ import annotations

from typing import Any

import pytest

import pywasmjit as wj
from pywasmjit.wasm.opcodes import OPS, Effect, Op
from tests.wat import assemble

BY_HAND = {"memory.init": "i32 i32 i32", "memory.copy": "i32 i32 i32"}
TOUCHING = [
    op
    for op in OPS
    if op.effect & (Effect.READS_MEMORY | Effect.WRITES_MEMORY)
    and {"memarg", "memory"} & set(op.immediates)
    and not op.mnemonic.startswith("v128")
]
OFFSETS = (0, 8, 0xFFFF_FFF8)


def operand_types(op: Op) -> list[str]:
    return BY_HAND[op.mnemonic].split() if op.params is None else [str(type) for type in op.params]


def call(op: Op, memory: int, offset: int) -> str:
    """Return the text of an instruction whose operands are the parameters, the result dropped."""
    operands = " ".join(f"(local.get {n})" for n in range(len(operand_types(op))))
    memories = f"{memory} {memory}" if op.mnemonic == "memory.copy" else str(memory)
    immediates = f"{memories} offset={offset}" if "memarg" in op.immediates else memories
    if op.mnemonic == "memory.init":
        immediates += " 0"
    text = f"({op.mnemonic} {immediates} {operands})"
    return f"(drop {text})" if op.results else text


def functions() -> list[tuple[str, Op, str]]:
    """Return name, opcode and text of one function for each instruction, memory and offset."""
    found = []
    for op in TOUCHING:
        parameters = f"(param {' '.join(types)})" if (types := operand_types(op)) else ""
        for memory in (0, 1):
            for offset in OFFSETS if "memarg" in op.immediates else (0,):
                name = f"{op.mnemonic} {memory} {offset}"
                found.append((name, op, f'(func (export "{name}") {parameters} {call(op, memory, offset)})'))
    return found


FUNCTIONS = functions()


@pytest.fixture(scope="module", params=["shared", "unshared"])
def module(request: pytest.FixtureRequest) -> tuple[wj.Module, bool]:
    shared = request.param == "shared"
    memory = f"(memory 0 4 {'shared' if shared else ''})"
    imports = f'(import "m" "a" {memory}) (import "m" "b" {memory}) (data "12345678")'
    return wj.Module(assemble(f"(module {imports} {' '.join(text for _, _, text in FUNCTIONS)})")), shared


def arguments(op: Op) -> list[list[Any]]:
    """Return operands to try: everything zero, which for bulk operations is a length of 0, and others."""
    types = operand_types(op)
    tried = [[0] * len(types), [8] * len(types), [-8, *[1] * (len(types) - 1)][: len(types)]]
    return [[float(n) if type[0] == "f" else n for n, type in zip(each, types, strict=True)] for each in tried]


def outcomes(instance: wj.Instance) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for name, op, _ in FUNCTIONS:
        found[name] = []
        for each in arguments(op):
            try:
                found[name].append(instance.exports[name](*each))
            except wj.Trap as trap:
                found[name].append(trap.code)
    return found


def memories(pages: int, shared: bool) -> dict[str, wj.Memory]:
    return {"a": wj.Memory(pages, 4, shared), "b": wj.Memory(pages, 4, shared)}


@pytest.mark.parametrize("compiled", ["before", "after"])
def test_every_instruction_finds_a_closed_memory_empty(module: tuple[wj.Module, bool], compiled: str) -> None:
    code, shared = module
    expected = outcomes(wj.Instance(code, {"m": memories(0, shared)}))
    given = memories(2, shared)
    instance = wj.Instance(code, {"m": given})
    if compiled == "before":
        outcomes(instance)
    for memory in given.values():
        memory.close()
    found = outcomes(instance)
    assert {name: (found[name], expected[name]) for name in found if found[name] != expected[name]} == {}
    accesses = [name for name, op, _ in FUNCTIONS if "memarg" in op.immediates and name.endswith(" 0")]
    assert len(accesses) > 150
    unaligned_only = {wj.TrapCode.MEMORY_OUT_OF_BOUNDS, wj.TrapCode.EXPECTED_SHARED_MEMORY}
    for name in accesses:
        assert set(found[name]) <= unaligned_only, name


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("end", ["closed", "empty"])
def test_the_host_finds_a_closed_memory_empty(end: str, shared: bool) -> None:
    memory = wj.Memory(1 if end == "closed" else 0, 1, shared)
    if end == "closed":
        memory.close()
    other = wj.Memory(1)
    assert memory.read(0, 0) == b""
    memory.write(0, b"")
    memory.write(0, bytearray())
    memory.fill(0, 7, 0)
    memory.copy(0, other, 5, 0)
    other.copy(5, memory, 0, 0)
    memory.init(0, b"abc", 1, 0)
    memory.pack("", 0)
    assert memory.unpack("", 0) == ()
    assert memory.read_str(0, 0) == ""
    memory[0:0] = b""
    memory[:] = b""
    memory[5:9] = b""
    assert (memory[:], memory[3:7], bytes(memory), len(memory)) == (b"", b"", b"", 0)
    assert not memory.view().readonly
    outside = [
        lambda: memory.read(0, 1),
        lambda: memory.read(1, 0),
        lambda: memory.write(0, b"x"),
        lambda: memory.fill(0, 7, 1),
        lambda: memory.copy(0, other, 5, 1),
        lambda: other.copy(5, memory, 0, 1),
        lambda: memory.init(0, b"abc", 1, 1),
        lambda: memory.pack("i", 0, 1),
        lambda: memory.unpack("i", 0),
        lambda: memory.read_str(0),
        lambda: memory.read_str(0, 1),
    ]
    for access in outside:
        with pytest.raises(wj.Trap) as caught:
            access()
        assert caught.value.code is wj.TrapCode.MEMORY_OUT_OF_BOUNDS
    with pytest.raises(IndexError):
        memory[0]
    with pytest.raises(IndexError):
        memory[0] = 1
    with pytest.raises(ValueError, match="cannot be resized"):
        memory[0:1] = b"x"


@pytest.mark.parametrize("fmt", "bBhHiIqQfd")
def test_views_of_a_closed_memory_are_out_of_bounds_everywhere(fmt: str) -> None:
    memory = wj.Memory(1)
    memory.close()
    for offset in (0, 1, 2**32 + 5):
        view = memory.strided(fmt, offset)
        assert len(view) == 0
        for address in (0, 1, 2**32 - 1):
            with pytest.raises(IndexError):
                view[address]
            with pytest.raises(IndexError):
                view[address] = 1
