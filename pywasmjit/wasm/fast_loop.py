"""The validator's inner loop, generated from the table of instructions.

A Python call for each instruction would cost more than all the rest of
validation.  So the loop is one function, put together from the pieces below:
one for each shape of typing rule that is frequent in real code.  The tables
say which opcode has which shape and which types; pieces are leaves of a tree of
comparisons, the heaviest nearest to the root.

A piece handles its instruction only where that is plainly right, and then
continues with the next.  In all other cases (many types, unreachable code, long
integers, every error) it leaves the stack as it was and falls through to
`step`, which knows all the rules.  So the loop decides nothing that `step`
would decide otherwise, and a test runs both.

The function is compiled on first use, which takes 3 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from heapq import heapify, heappop, heappush
from typing import Any, Final, NamedTuple

from pywasmjit.wasm.binary_types import I32
from pywasmjit.wasm.context import Context
from pywasmjit.wasm.opcodes import OPS, Op
from pywasmjit.wasm.operands import BARRIER, BLOCK, IF, LOOP, POLYMORPHIC, SIMPLE_FRAMES, Operands
from pywasmjit.wasm.rules import step
from pywasmjit.wasm.types import FUNCREF

Loop = Callable[[Operands, int, int], int]


class Piece(NamedTuple):
    """Source of one leaf of the loop, and how many of 1000 instructions of compiled C and C++ come to it."""

    weight: int
    source: str


# In a piece, `at` is where the instruction starts, `pos` the position behind its first byte.
# INDEX and SKIP stand for the statements below.

INDEX: Final = """\
index = data[pos]
pos += 1
if index > 127:
    high = data[pos]
    pos += 1
    index += (high << 7) - 128 if high < 128 else 1 << 40"""
"""Read a u32 of one or two bytes; a longer one becomes a number that is no index."""

SKIP: Final = """\
if data[pos] > 127:
    pos += 1
    while data[pos] > 127:
        pos += 1
pos += 1"""
"""Skip a LEB128."""

LABEL: Final = """\
INDEX
if index < len(frames):
    types = frames[~index][1]
    if not types or (stack[-1] is types[0] and len(types) == 1):"""
"""Read a label and see that what a branch to it carries is on the stack; the next line is 8 deep."""

PIECES: Final[dict[str, Piece]] = {
    "local.get": Piece(
        260,
        """\
INDEX
if index < local_count:
    push(local_types[index])
    continue""",
    ),
    "local.set": Piece(
        45,
        """\
INDEX
type = pop()
if index < local_count and local_types[index] is type:
    continue
push(type)""",
    ),
    "local.tee": Piece(
        44,
        """\
INDEX
if index < local_count and local_types[index] is stack[-1]:
    continue""",
    ),
    "s32": Piece(
        131,
        """\
SKIP
if pos - at < 6:
    push("i32")
    continue""",
    ),
    "s64": Piece(
        30,
        """\
SKIP
if pos - at < 11:
    push("i64")
    continue""",
    ),
    "f32": Piece(1, "push('f32')\npos += 4\ncontinue"),
    "f64": Piece(4, "push('f64')\npos += 8\ncontinue"),
    "unary": Piece(
        40,
        """\
if stack[-1] is operand[byte]:
    stack[-1] = result[byte]
    continue""",
    ),
    "binary": Piece(
        130,
        """\
type = pop()
if type is operand[byte] and type is stack[-1]:
    stack[-1] = result[byte]
    continue
push(type)""",
    ),
    "load": Piece(
        60,
        """\
if data[pos] <= alignment[byte] and stack[-1] is I32:
    pos += 1
    SKIP
    if pos - at < 7:
        stack[-1] = result[byte]
        continue""",
    ),
    "store": Piece(
        35,
        """\
if data[pos] <= alignment[byte]:
    type = pop()
    if type is operand[byte] and stack[-1] is I32:
        pos += 1
        SKIP
        if pos - at < 7:
            pop()
            continue
    push(type)""",
    ),
    "end": Piece(
        60,
        """\
types = frames[-1][0]
if not types:
    base = stack[-1]
    if base is BARRIER or base is POLYMORPHIC:
        pop()
        del frames[-1], heights[-1]
        if frames:
            continue
        return pos
elif len(types) == 1:
    type = pop()
    if type is types[0]:
        base = stack[-1]
        if base is BARRIER or base is POLYMORPHIC:
            stack[-1] = type
            del frames[-1], heights[-1]
            if frames:
                continue
            return pos
    push(type)""",
    ),
    "block": Piece(
        25,
        """\
frame = blocks[data[pos]]
if frame is not None:
    pos += 1
    open_frame(frame)
    open_height(len(stack))
    push(BARRIER)
    continue""",
    ),
    "loop": Piece(
        6,
        """\
frame = loops[data[pos]]
if frame is not None:
    pos += 1
    open_frame(frame)
    open_height(len(stack))
    push(BARRIER)
    continue""",
    ),
    "if": Piece(
        23,
        """\
frame = ifs[data[pos]]
if frame is not None and stack[-1] is I32:
    pos += 1
    open_frame(frame)
    stack[-1] = BARRIER
    open_height(len(stack) - 1)
    continue""",
    ),
    "br": Piece(
        22,
        f"""\
{LABEL}
        stack[heights[-1] :] = unreachable
        continue""",
    ),
    "br_if": Piece(
        32,
        """\
INDEX
type = pop()
if type is I32 and index < len(frames):
    types = frames[~index][1]
    if not types or (stack[-1] is types[0] and len(types) == 1):
        continue
push(type)""",
    ),
    "return": Piece(
        4,
        """\
types = frames[0][1]
if not types or (stack[-1] is types[0] and len(types) == 1):
    stack[heights[-1] :] = unreachable
    continue""",
    ),
    "unreachable": Piece(3, "stack[heights[-1] :] = unreachable\ncontinue"),
    "call": Piece(
        47,
        """\
INDEX
if index < call_count:
    call = calls[index]
    if call is not None:
        params, count, types = call
        if count == 0:
            stack += types
            continue
        if stack[-count:] == params:
            stack[-count:] = types
            continue""",
    ),
    "call_indirect": Piece(
        3,
        """\
INDEX
if index < indirect_count and data[pos] == 0 and stack[-1] is I32:
    call = indirect[index]
    if call is not None:
        params, count, types = call
        if stack[-count - 1 : -1] == params:
            stack[-count - 1 :] = types
            pos += 1
            continue""",
    ),
    "nop": Piece(1, "continue"),
    "drop": Piece(
        5,
        """\
type = pop()
if type is not BARRIER and type is not POLYMORPHIC:
    continue
push(type)""",
    ),
    "select": Piece(
        5,
        """\
type = pop()
if type is I32:
    first = pop()
    if first.__class__ is str and first is stack[-1]:
        continue
    push(first)
push(type)""",
    ),
    "global.get": Piece(
        3,
        """\
INDEX
if index < global_count:
    push(global_types[index])
    continue""",
    ),
    "global.set": Piece(
        4,
        """\
INDEX
if index < global_count and stack[-1] is settable[index]:
    pop()
    continue""",
    ),
    "other": Piece(5, "pass"),
}

HEAD: Final = """\
def run(operands, pos, end):
    context = operands.context
    data = context.data
    stack, frames, heights = operands.stack, operands.frames, operands.heights
    push, pop, open_frame, open_height = stack.append, stack.pop, frames.append, heights.append
    local_types = operands.locals
    local_count = len(local_types)
    kinds, calls, indirect, global_types, settable = context.fast_tables or tables_of(context)
    call_count, indirect_count, global_count = len(calls), len(indirect), len(global_types)
    try:
        while pos < end:
            at = pos
            byte = data[pos]
            kind = kinds[byte]
            pos += 1
"""

TAIL: Final = """\
            pos = step(operands, at)
            if not frames:
                return pos
    except IndexError:
        return step(operands, at)
    return pos
"""


def _indented(source: str, depth: int) -> str:
    return "".join(f"{' ' * depth}{line}\n" for line in source.splitlines())


def _expanded(source: str) -> str:
    """Put INDEX and SKIP into a piece, at the depth where they stand."""
    lines = []
    for line in source.splitlines():
        word = line.strip()
        statement = {"INDEX": INDEX, "SKIP": SKIP}.get(word)
        depth = len(line) - len(line.lstrip())
        lines.append(line if statement is None else _indented(statement, depth).rstrip("\n"))
    return "\n".join(lines)


Tree = Any
"""The name of a piece, or a pair of trees."""


def _tree() -> Tree:
    """Return the Huffman tree of the pieces: the heavier, the fewer comparisons."""
    heap = [(piece.weight, number, name) for number, (name, piece) in enumerate(PIECES.items())]
    heap = sorted(heap)
    number = len(heap)
    nodes: list[tuple[int, int, Tree]] = list(heap)
    heapify(nodes)
    while len(nodes) > 1:
        light, heavy = heappop(nodes), heappop(nodes)
        number += 1
        heappush(nodes, (light[0] + heavy[0], number, (heavy[2], light[2])))
    return nodes[0][2]


def _leaves(tree: Tree) -> list[str]:
    return [tree] if isinstance(tree, str) else _leaves(tree[0]) + _leaves(tree[1])


@cache
def _kinds() -> dict[str, int]:
    """Name of a piece -> its number: pieces are numbered from left to right in the tree."""
    return {name: number for number, name in enumerate(_leaves(_tree()))}


def _branches(tree: Tree, depth: int) -> str:
    """Return the comparisons and pieces of a tree as source."""
    if isinstance(tree, str):
        return _indented(_expanded(PIECES[tree].source), depth)
    first_of_right = _kinds()[_leaves(tree[1])[0]]
    indent = " " * depth
    left, right = _branches(tree[0], depth + 4), _branches(tree[1], depth + 4)
    return f"{indent}if kind < {first_of_right}:\n{left}{indent}else:\n{right}"


def loop_source() -> str:
    """Return the source of the loop."""
    return HEAD + _branches(_tree(), 12) + TAIL


# Tables by first byte.

_OPERAND: Final[list[Any]] = [None] * 256
_RESULT: Final[list[Any]] = [None] * 256
_ALIGNMENT: Final = [-1] * 256


def _piece_of(op: Op) -> str:
    """Return the name of the piece that handles `op`, from its name, immediates and type."""
    if op.mnemonic in PIECES:
        return op.mnemonic
    if op.immediates and op.immediates[0] in PIECES:
        return op.immediates[0]
    params, results = op.params, op.results
    if params is None or results is None or op.code > 255:
        return "other"
    if op.immediates == ("memarg",):
        return "load" if len(params) == 1 else "store"
    if not op.immediates and len(results) == 1 and params in ((*params[:1],), (*params[:1], *params[:1])):
        return ("other", "unary", "binary")[len(params)]
    return "other"


def _fill_tables() -> None:
    for op in OPS:
        if op.code < 256 and op.params:
            _OPERAND[op.code] = op.params[-1]
            _RESULT[op.code] = op.results[0] if op.results else None
            _ALIGNMENT[op.code] = op.width.bit_length() - 1


def kinds_table(features: frozenset[str], has_memory: bool) -> bytes:
    """Return the table first byte -> number of its piece.

    has_memory: whether memory 0 exists and has 32-bit addresses; else no load or store is plainly right.
    """
    kinds = _kinds()
    table = bytearray([kinds["other"]]) * 256
    for op in OPS:
        piece = _piece_of(op)
        if op.code < 256 and op.feature in features and (has_memory or piece not in ("load", "store")):
            table[op.code] = kinds[piece]
    return bytes(table)


def tables_of(context: Context) -> tuple[Any, ...]:
    """Make the tables of a module for the loop, and keep them in its context."""
    has_memory = bool(context.memories) and context.memories[0].address == I32
    plain_table = bool(context.tables) and context.tables[0].element == FUNCREF and context.tables[0].address == I32
    context.fast_tables = (
        kinds_table(context.features, has_memory),
        context.calls,
        context.call_types if plain_table else [],
        [type.content for type in context.globals],
        [type.content if type.mutable else None for type in context.globals],
    )
    return context.fast_tables


@cache
def compiled_loop() -> Loop:
    """Return the loop: (operands, first instruction, end of the body) -> position behind the last instruction."""
    _fill_tables()
    names: dict[str, Any] = {
        "step": step,
        "tables_of": tables_of,
        "I32": I32,
        "BARRIER": BARRIER,
        "POLYMORPHIC": POLYMORPHIC,
        "unreachable": (POLYMORPHIC,),
        "operand": _OPERAND,
        "result": _RESULT,
        "alignment": _ALIGNMENT,
        "blocks": SIMPLE_FRAMES[BLOCK],
        "loops": SIMPLE_FRAMES[LOOP],
        "ifs": SIMPLE_FRAMES[IF],
    }
    parameters = ", ".join(f"{name}={name}" for name in names)
    source = loop_source().replace("pos, end)", f"pos, end, {parameters})", 1)
    exec(compile(source, "<validator loop>", "exec"), names)
    loop: Loop = names["run"]
    return loop
