"""Damage to code objects: instructions, tables, sizes and pools."""

from __future__ import annotations

import opcode
from collections.abc import Callable
from random import Random
from types import CodeType
from typing import Any

from fuzz.raw_code import cache_units, encode_table
from pywasmjit.codegen.verifier import facts

_NAMES = {
    number: name
    for name, number in opcode.opmap.items()
    if number < 256 and not name.startswith("INSTRUMENTED") and name != "ENTER_EXECUTOR"
}
_CACHES = [cache_units(_NAMES[number]) if number in _NAMES else 0 for number in range(256)]
_ALLOWED = [
    number
    for name, number in facts.OPCODES.items()
    if facts.ROWS[number][0] != facts.ILLEGAL or name in ("CALL", "RESUME", "COPY_FREE_VARS")
]


class Draft:
    """A code object being damaged: its instructions, and the other fields to replace."""

    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.fields: dict[str, Any] = {}
        data = code.co_code
        self.instructions: list[bytearray] = []
        place = 0
        while place < len(data):
            size = 2 + 2 * _CACHES[data[place]]
            self.instructions.append(bytearray(data[place : place + size]))
            place += size

    def get(self, name: str) -> Any:
        """Return a field as damaged so far."""
        return self.fields.get(name, getattr(self.code, name))

    def build(self) -> CodeType | None:
        """Return the code object; None if CPython refuses it.

        None also if making it is dangerous already: the constructor walks over the
        instructions, writes into their caches, and takes specialised and instrumented
        opcodes for what they come from, believing tables that are not there.
        """
        data = b"".join(self.instructions)
        place = 0
        while place < len(data):
            if data[place] not in _NAMES:
                return None
            place += 2 + 2 * _CACHES[data[place]]
        if place != len(data):
            return None
        try:
            return self.code.replace(co_code=data, **self.fields)
        except (ValueError, TypeError, OverflowError, MemoryError):
            return None


def _any(draft: Draft, rng: Random) -> int:
    return rng.randrange(len(draft.instructions)) if draft.instructions else 0


def _new(opcode_: int, arg: int) -> bytearray:
    return bytearray([opcode_, arg]) + bytes(2 * _CACHES[opcode_])


def _small(rng: Random, near: int) -> int:
    return rng.choice((near - 1, near + 1, near + 2, near - 2, 0, 1, 2, 3, rng.randrange(256))) & 255


def change_opcode(draft: Draft, rng: Random) -> None:
    at = _any(draft, rng)
    draft.instructions[at] = _new(rng.choice(_ALLOWED), draft.instructions[at][1])


def change_opcode_of_same_size(draft: Draft, rng: Random) -> None:
    instruction = draft.instructions[_any(draft, rng)]
    instruction[0] = rng.choice([number for number in _ALLOWED if 2 + 2 * _CACHES[number] == len(instruction)])


def change_argument(draft: Draft, rng: Random) -> None:
    instruction = draft.instructions[_any(draft, rng)]
    instruction[1] = _small(rng, instruction[1])


def flip_byte(draft: Draft, rng: Random) -> None:
    instruction = draft.instructions[_any(draft, rng)]
    instruction[rng.randrange(len(instruction))] = rng.randrange(256)


def delete_instruction(draft: Draft, rng: Random) -> None:
    del draft.instructions[_any(draft, rng)]


def repeat_instruction(draft: Draft, rng: Random) -> None:
    at = _any(draft, rng)
    draft.instructions.insert(at, draft.instructions[at][:])


def insert_instruction(draft: Draft, rng: Random) -> None:
    draft.instructions.insert(_any(draft, rng), _new(rng.choice(_ALLOWED), rng.choice((0, 1, 2, 3))))


def swap_instructions(draft: Draft, rng: Random) -> None:
    at = _any(draft, rng)
    other = min(at + rng.choice((1, 1, 2)), len(draft.instructions) - 1)
    code = draft.instructions
    code[at], code[other] = code[other], code[at]


def copy_instruction(draft: Draft, rng: Random) -> None:
    draft.instructions[_any(draft, rng)] = draft.instructions[_any(draft, rng)][:]


def _entries(table: bytes) -> list[list[int]]:
    numbers, number = [], 0
    for byte in table:
        number = number << 6 | byte & 63
        if not byte & 64:
            numbers.append(number)
            number = 0
    return [numbers[n : n + 4] for n in range(0, len(numbers) - 3, 4)]


def change_entry(draft: Draft, rng: Random) -> None:
    entries = _entries(draft.get("co_exceptiontable"))
    if entries:
        entry = rng.choice(entries)
        which = rng.randrange(4)
        entry[which] = max(0, entry[which] + rng.choice((-3, -2, -1, -1, 1, 1, 2, 3)))
    draft.fields["co_exceptiontable"] = encode_table([tuple(entry) for entry in entries])  # type: ignore[misc]


def add_entry(draft: Draft, rng: Random) -> None:
    entries = _entries(draft.get("co_exceptiontable"))
    units = sum(map(len, draft.instructions)) // 2
    if units > 2:
        starts = [sum(map(len, draft.instructions[:at])) // 2 for at in range(len(draft.instructions))]
        known = [entry[2] for entry in entries]
        start, target = rng.choice(starts), rng.choice(known + starts if known else starts)
        entries.append([start, rng.randrange(1, 9), target, rng.randrange(6)])
    draft.fields["co_exceptiontable"] = encode_table([tuple(entry) for entry in sorted(entries)])  # type: ignore[misc]


def add_handler(draft: Draft, rng: Random) -> None:
    """Append a handler that pops all that it is promised, and an entry that leads there and displaces others."""
    if len(draft.instructions) < 3:
        return
    places = [0]
    for instruction in draft.instructions:
        places.append(places[-1] + len(instruction) // 2)
    first = rng.randrange(1, len(places) - 2)
    start, end = places[first], places[min(first + rng.choice((1, 1, 1, 2, 5, 20)), len(places) - 1)]
    level, lasti = rng.randrange(4), rng.randrange(2)
    entries = [
        entry for entry in _entries(draft.get("co_exceptiontable")) if entry[0] + entry[1] <= start or entry[0] >= end
    ]
    entries.append([start, end - start, places[-1], level << 1 | lasti])
    handler = [("POP_TOP", 0)] * (level + lasti + 1) + [("LOAD_FAST", 0), ("RETURN_VALUE", 0)]
    draft.instructions += [_new(opcode.opmap[name], arg) for name, arg in handler]
    draft.fields["co_exceptiontable"] = encode_table([tuple(entry) for entry in sorted(entries)])  # type: ignore[misc]
    draft.fields["co_stacksize"] = draft.get("co_stacksize") + rng.randrange(3)


def drop_entry(draft: Draft, rng: Random) -> None:
    entries = _entries(draft.get("co_exceptiontable"))
    if entries:
        entries.pop(rng.randrange(len(entries)))
    draft.fields["co_exceptiontable"] = encode_table([tuple(entry) for entry in entries])  # type: ignore[misc]


def flip_table(draft: Draft, rng: Random) -> None:
    name = rng.choice(("co_exceptiontable", "co_exceptiontable", "co_linetable"))
    table = bytearray(draft.get(name))
    if table:
        table[rng.randrange(len(table))] = rng.randrange(256)
    draft.fields[name] = bytes(table)


def change_stack(draft: Draft, rng: Random) -> None:
    draft.fields["co_stacksize"] = max(0, draft.get("co_stacksize") + rng.choice((-3, -2, -1, -1, 1, 1000)))


def shorten_pool(draft: Draft, rng: Random) -> None:
    name = rng.choice(("co_consts", "co_names"))
    draft.fields[name] = draft.get(name)[: -rng.choice((1, 1, 2))]


def change_locals(draft: Draft, rng: Random) -> None:
    names = draft.get("co_varnames")
    names = (*names, f"extra{len(names)}") if rng.random() < 0.4 else names[:-1]
    draft.fields |= {"co_varnames": names, "co_nlocals": len(names)}


def change_arguments(draft: Draft, rng: Random) -> None:
    draft.fields["co_argcount"] = max(0, draft.get("co_argcount") + rng.choice((-1, 1)))


def change_flags(draft: Draft, rng: Random) -> None:
    draft.fields["co_flags"] = draft.get("co_flags") ^ 1 << rng.randrange(9)


def change_free_variables(draft: Draft, rng: Random) -> None:
    names = draft.get("co_freevars")
    draft.fields["co_freevars"] = (*names, f"free{len(names)}") if rng.random() < 0.5 else names[:-1]


_INSTRUCTIONS = (
    change_opcode, change_opcode_of_same_size, change_opcode_of_same_size, change_argument, change_argument,
    change_argument, flip_byte, delete_instruction, repeat_instruction, insert_instruction, swap_instructions,
    swap_instructions, copy_instruction,
)  # fmt: skip
_REST = (
    change_entry, change_entry, change_entry, add_entry, *[add_handler] * 6, drop_entry, flip_table, change_stack,
    change_stack, shorten_pool, change_locals, change_arguments, change_flags, change_free_variables,
)  # fmt: skip

Mutation = Callable[[Draft, Random], None]
MUTATIONS: tuple[Mutation, ...] = (*_INSTRUCTIONS, *_REST)


def mutant(code: CodeType, rng: Random) -> tuple[CodeType | None, str]:
    """Return a damaged copy of a code object, None if CPython refuses it, and what was done to it."""
    draft = Draft(code)
    done = []
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
        mutation = rng.choice(MUTATIONS)
        mutation(draft, rng)
        done.append(mutation.__name__)
    return draft.build(), ", ".join(done)
