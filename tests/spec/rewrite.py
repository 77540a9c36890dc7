"""Equal texts of modules for what wat2wasm refuses although the specification allows it.

Two things are known: characters in strings that it takes for a trick (bidirectional controls), and the folded form of
the retired exception instructions, `(try (do ...) (catch $e ...))`.  Everything else is left to the letter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from .lexer import tokens
from .sexpr import Atom, List, Node, parse

Edit: TypeAlias = tuple[int, int, str]
"""Half-open range of the text, and what stands there instead."""


def rewrite(text: bytes) -> bytes:
    """Return an equal text, the same bytes if nothing is to be changed.  Raises ScriptError."""
    source = text.decode("latin-1")
    edits = [*_escapes(source), *_unfolded_tries(parse(source))]
    pieces = []
    position = 0
    for start, end, replacement in sorted(edits):
        pieces += [source[position:start], replacement]
        position = end
    pieces.append(source[position:])
    return "".join(pieces).encode("latin-1")


def _escapes(source: str) -> Iterator[Edit]:
    """Write the bytes above 0x7F in strings and quoted identifiers as escapes."""
    for _, start, end in tokens(source):
        literal = source[start:end]
        if '"' in literal and not literal.isascii():
            yield start, end, "".join(c if c.isascii() else f"\\{ord(c):02x}" for c in literal)


def _unfolded_tries(nodes: list[Node]) -> Iterator[Edit]:
    """Write `(try type (do a) (catch $e b))` as `try type a catch $e b end`."""
    pending = list(nodes)
    while pending:
        node = pending.pop()
        if isinstance(node, Atom):
            continue
        pending += node.items
        if node.head == "try":
            yield from _unfolded_try(node)


def _unfolded_try(node: List) -> Iterator[Edit]:
    clauses = [item for item in node.items if isinstance(item, List)]
    ends_by_delegate = any(clause.head == "delegate" for clause in clauses)
    yield node.start, node.start + 1, " "
    yield node.end - 1, node.end, " " if ends_by_delegate else " end "
    for clause in clauses:
        if clause.head in ("do", "catch", "catch_all", "delegate"):
            head_end = clause.items[0].end if clause.head == "do" else clause.start + 1
            yield clause.start, head_end, " "
            yield clause.end - 1, clause.end, " "
