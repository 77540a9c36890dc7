"""Tokens of the text format and of its scripts.

A source is decoded as Latin-1, so that an offset into the text is an offset into the file and a string literal may hold
any bytes.  The lexer is lenient: what is no token of the text format at all is passed on as a token of one character,
because whether the text of a module is well formed is not for this reader to say.

Spec: Text Format, Lexical Format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

OPEN: Final = "("
ANNOTATION: Final = "(@"
CLOSE: Final = ")"
STRING: Final = '"'
WORD: Final = "word"


class Token(NamedTuple):
    """One token: its kind, and the half-open range of the source that it takes."""

    kind: str
    start: int
    end: int


class ScriptError(Exception):
    """A script that cannot be read; offset: place in the file, in bytes."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message, offset)
        self.message = message
        self.offset = offset

    def __str__(self) -> str:
        return self.message


_TOKEN: Final = re.compile(
    r"""
    (?P<skip>    [ \t\r\n]+ | ;;[^\r\n]* )
  | (?P<comment> \(; )
  | (?P<note>    \(@ (?: [^ \t\r\n()";,\[\]{}]+ | "(?:[^"\\]|\\.)*" ) )
  | (?P<open>    \( )
  | (?P<close>   \) )
  | (?P<string>  "(?:[^"\\]|\\.)*" )
  | (?P<word>    \$"(?:[^"\\]|\\.)*" | [^ \t\r\n()";,\[\]{}]+ )
  | (?P<other>   [^"] )
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE: Final = re.compile(r"\(;|;\)")
_KINDS: Final = {
    "note": ANNOTATION,
    "open": OPEN,
    "close": CLOSE,
    "string": STRING,
    "word": WORD,
    "other": WORD,
}


def tokens(source: str) -> Iterator[Token]:
    """Yield the tokens of `source`, without white space and comments.

    source: Latin-1 text of a script.  An annotation's opening parenthesis and name are one token.
    Raises ScriptError at a comment or string without an end.
    """
    position = 0
    match = _TOKEN.match
    while position < len(source):
        found = match(source, position)
        if found is None:
            raise ScriptError("string without an end", position)
        group = found.lastgroup
        assert group is not None
        if group == "skip":
            position = found.end()
        elif group == "comment":
            position = _skip_comment(source, position)
        else:
            yield Token(_KINDS[group], position, found.end())
            position = found.end()


def _skip_comment(source: str, start: int) -> int:
    """Return the offset behind the block comment that opens at `start`; comments nest."""
    depth = 0
    position = start
    while True:
        edge = _COMMENT_EDGE.search(source, position)
        if edge is None:
            raise ScriptError("comment without an end", start)
        position = edge.end()
        depth += 1 if edge.group() == "(;" else -1
        if depth == 0:
            return position


_ESCAPE: Final = re.compile(r"\\(?:u\{([0-9a-fA-F_]+)\}|([0-9a-fA-F]{2})|(.))", re.DOTALL)
_SIMPLE: Final = {"t": "\t", "n": "\n", "r": "\r", '"': '"', "'": "'", "\\": "\\"}


def string_value(literal: str) -> bytes:
    """Return the bytes that a string literal stands for.

    literal: with its quotation marks, Latin-1 text of the file.  Raises ScriptError at an unknown escape.
    """

    def replace(found: re.Match[str]) -> str:
        scalar, byte, letter = found.groups()
        if scalar is not None:
            return chr(int(scalar.replace("_", ""), 16)).encode("utf-8").decode("latin-1")
        if byte is not None:
            return chr(int(byte, 16))
        try:
            return _SIMPLE[letter]
        except KeyError:
            raise ScriptError(f"unknown escape \\{letter}", found.start()) from None

    body = literal[1:-1]
    return (_ESCAPE.sub(replace, body) if "\\" in body else body).encode("latin-1")
