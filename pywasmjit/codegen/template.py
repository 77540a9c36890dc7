"""Compiled code, free of any instance.

A template is marshal-able data: the code object, what its global names mean
(`references`), and the way from its lines back to the module's bytes
(`offsets`).  The line table doubles as the trap map: line n + 2 of a function's
code is its n-th instruction, and what an exception raised there means follows
from that instruction's row (`pywasmjit.runtime.traps`).
"""

from __future__ import annotations

from types import CodeType
from typing import Any, Final, TypeAlias

from pywasmjit.codegen.conventions import NO_CONVENTIONS, Conventions
from pywasmjit.records import record

Reference: TypeAlias = tuple[str, tuple[Any, ...]]
"""(kind, arguments); the kinds are those below."""

FUNCTION: Final = "function"  # (index,): engine-form callable
REFERENCE: Final = "reference"  # (index,): function reference, a value
VIEW: Final = "view"  # (memory, format, offset): strided view
GLOBAL: Final = "global"  # (index,): value of an immutable global
GLOBAL_BOX: Final = "global_box"  # (index,): one-element list that holds a mutable global
CALLEES: Final = "callees"  # (table, type index): list of callables, one an element
MEANING: Final = "meaning"  # (mnemonic,): function of numerics
MEMORY: Final = "memory"  # (memory, method): bound method of a memory
TABLE: Final = "table"  # (table, method): bound method of a table
SEGMENT: Final = "segment"  # (mnemonic, immediates): callable for init and drop instructions
RETURNS_TWICE: Final = "returns_twice"  # (index,): callable (activation, site, stack pointer, arguments...)
ALERTED: Final = "alerted"  # (): list that is true while threads should look up at loop edges
LOOK_UP: Final = "look_up"  # (): callable without arguments, for when it is
SUPPORT: Final = "support"  # (name,): helper of the run time, see runtime.support


def global_name(kind: str, *arguments: Any) -> str:
    """Return the global name of a live object: "function:3", "view:0,I,8"."""
    return f"{kind}:{','.join(map(str, arguments))}" if arguments else kind


FIRST_LINE: Final = 2
"""Line of a body's first instruction; line 1 is the function's header."""


BASELINE: Final = "baseline"
"""The tier of code that the baseline compiler makes."""


@record(frozen=True)
class Options:
    """What code depends on beside the module.

    conventions: as far as they are relevant to the module.  asserting: whether it checks the compiler's claims.
    """

    conventions: Conventions = NO_CONVENTIONS
    asserting: bool = False


@record(frozen=True)
class TemplateKey:
    """What a template is of, whoever asks for it, in which process, and after which others.

    digest: of the module's bytes.  Templates of one key do the same; which offsets have a view of their own may differ.
    """

    digest: bytes
    function: int
    tier: str
    options: Options


@record(frozen=True)
class CodeTemplate:
    """One function, compiled.

    index: in the module's function index space.  references: global name -> meaning.
    offsets: byte offset in the module of each instruction, in order.
    """

    index: int
    code: CodeType
    references: dict[str, Reference]
    offsets: tuple[int, ...]
