"""Text that comes from a module or a guest, as people may see it.

Whoever writes a module chooses its names, and whoever runs it reads them: in backtraces, tracebacks, errors, reports.
A name must not steer the terminal, look like a line of the engine's own, or fill the screen; and advice that is
pasted into a shell must not say more than it seems to.  Names as data stay as they are; here is what is shown instead.
"""

from __future__ import annotations

from typing import Final

LONGEST: Final = 160
"""Characters of a name that are shown."""

_PLAIN_IN_SHELLS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")


def printable(text: str) -> str:
    """Return `text` with every character escaped that could steer a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def cut(text: str, longest: int = LONGEST) -> str:
    """Return the beginning of a text that is longer than `longest` characters, with "..." for the rest."""
    return text if len(text) <= longest else text[:longest] + "..."


def shown(text: str, longest: int = LONGEST) -> str:
    """Return a name on one line, cut and escaped."""
    return printable(cut(text, longest))


def quoted(text: str, longest: int = LONGEST) -> str:
    """Return a name in quotes, as Python writes strings, cut: '...' stands behind the quotes."""
    return repr(text) if len(text) <= longest else repr(text[:longest]) + "..."


def for_shell(text: str, longest: int = 10 * LONGEST) -> str | None:
    """Return one word for a shell, whatever `text` holds; None for what is too long to be read by anybody."""
    if len(text) > longest:
        return None
    if text and _PLAIN_IN_SHELLS.issuperset(text):
        return text
    if text.isprintable():
        return "'" + text.replace("'", "'\"'\"'") + "'"
    data = text.encode("utf-8", "surrogateescape")
    return "$'" + "".join(chr(c) if 0x20 <= c < 0x7F and c not in b"\\'" else f"\\{c:03o}" for c in data) + "'"
