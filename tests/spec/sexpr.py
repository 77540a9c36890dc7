"""S-expressions: the tree of a script, each node with its place in the source.

Annotations are dropped here; they stay in the text of the module around them, which is cut out of the source by the
node's range.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .lexer import ANNOTATION, CLOSE, OPEN, ScriptError, string_value, tokens


@dataclass(slots=True)
class Atom:
    """A word or a string; start, end: its half-open range in the source."""

    text: str
    """The source text: of a string with its quotation marks, of an identifier with its `$`."""
    start: int
    end: int

    @property
    def is_string(self) -> bool:
        return self.text.startswith('"')

    @property
    def is_identifier(self) -> bool:
        return self.text.startswith("$")

    @property
    def string(self) -> bytes:
        """The bytes of a string; ScriptError if it is none."""
        if not self.is_string:
            raise ScriptError(f"expected a string, found {self.text}", self.start)
        return string_value(self.text)

    @property
    def name(self) -> str:
        """The name behind the `$` of an identifier, `$"..."` included; ScriptError if it is none."""
        if not self.is_identifier:
            raise ScriptError(f"expected an identifier, found {self.text}", self.start)
        quoted = self.text.startswith('$"')
        raw = string_value(self.text[1:]) if quoted else self.text[1:].encode("latin-1")
        return raw.decode("utf-8", "surrogateescape")


@dataclass(slots=True)
class List:
    """A parenthesised list; start, end: its half-open range in the source, parentheses included."""

    items: list[Node] = field(default_factory=list)
    start: int = 0
    end: int = 0

    @property
    def head(self) -> str:
        """The word that the list begins with, "" if there is none."""
        first = self.items[0] if self.items else None
        return first.text if isinstance(first, Atom) and not first.is_string else ""

    def reader(self) -> Reader:
        """Return a reader of what follows the head."""
        return Reader(self, 1)


Node = Atom | List


def parse(source: str) -> list[Node]:
    """Return the top level of `source`: Latin-1 text of a script.  Raises ScriptError.

    Cost: linear; iterative, so nesting may be as deep as it likes.
    """
    top = List(start=0, end=len(source))
    stack = [(top, False)]
    for kind, start, end in tokens(source):
        if kind in (OPEN, ANNOTATION):
            stack.append((List(start=start), kind == ANNOTATION))
        elif kind == CLOSE:
            done, is_annotation = stack.pop()
            if not stack:
                raise ScriptError("closing parenthesis without an opening one", start)
            done.end = end
            if not is_annotation:
                stack[-1][0].items.append(done)
        else:
            stack[-1][0].items.append(Atom(source[start:end], start, end))
    if len(stack) > 1:
        raise ScriptError("opening parenthesis without a closing one", stack[-1][0].start)
    return top.items


class Reader:
    """A place among the items of a list, to read them one after the other."""

    def __init__(self, parent: List, position: int = 0) -> None:
        self._parent = parent
        self._position = position

    def peek(self) -> Node | None:
        """Return the next item, None at the end."""
        items = self._parent.items
        return items[self._position] if self._position < len(items) else None

    def next(self) -> Node:
        """Take the next item; ScriptError at the end."""
        item = self.peek()
        if item is None:
            raise ScriptError("list ends too early", self._parent.end)
        self._position += 1
        return item

    def identifier(self) -> str | None:
        """Take the next item's name if it is an identifier, else None."""
        item = self.peek()
        if isinstance(item, Atom) and item.is_identifier:
            self._position += 1
            return item.name
        return None

    def word(self, *texts: str) -> Atom | None:
        """Take the next item if it is one of these words, else None."""
        item = self.peek()
        if isinstance(item, Atom) and item.text in texts:
            self._position += 1
            return item
        return None

    def string(self) -> bytes:
        """Take the next item, a string; ScriptError if it is none."""
        item = self.next()
        if not isinstance(item, Atom):
            raise ScriptError("expected a string, found a list", item.start)
        return item.string

    def list(self, *heads: str) -> List:
        """Take the next item, a list with one of these heads (any if none are given); ScriptError if it is none."""
        item = self.next()
        if not isinstance(item, List) or (heads and item.head not in heads):
            raise ScriptError(f"expected a list of {' or '.join(heads) or 'any kind'}", item.start)
        return item

    def rest(self) -> Iterator[Node]:
        """Take the items that are left."""
        while self.peek() is not None:
            yield self.next()
