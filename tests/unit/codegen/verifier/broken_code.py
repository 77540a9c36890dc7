"""Code objects that the verifier must refuse: what is wrong with each, the rule that it breaks, and how to make it."""

from __future__ import annotations

import opcode
from collections.abc import Callable
from types import CodeType

from fuzz.raw_code import VERSION, assemble, cache_units, encode_table
from pywasmjit.codegen.verifier import facts

END = (("CONST", None), ("RETURN_VALUE",))
NEW = VERSION >= (3, 13)
"""Calls put the empty slot above the callable, conditions must be exact."""


def raw(name: str, arg: int = 0) -> tuple[str, int, int]:
    return ("RAW", opcode.opmap[name], arg)


BACK = cache_units("JUMP_BACKWARD")
CALL_CACHES = [raw("CACHE")] * 4

BROKEN: dict[str, tuple[str, Callable[[], CodeType]]] = {
    "an opcode that compilers have no use for": ("opcode", lambda: assemble(("DELETE_FAST", 0), *END)),
    "an opcode that needs a frame of another sort": ("opcode", lambda: assemble(("YIELD_VALUE", 0), *END)),
    "an opcode that nobody knows": ("opcode", lambda: assemble(("RAW", 255, 0), *END)),
    "a cache unit executed": ("opcode", lambda: assemble(("RAW", 0, 0), *END)),
    "a second RESUME": ("opcode", lambda: assemble(("RESUME", 0), *END)),
    "a prefix before an opcode without argument": (
        "opcode",
        lambda: assemble(raw("EXTENDED_ARG", 1), ("NOP",), *END),
    ),
    "four prefixes": ("opcode", lambda: assemble(*[raw("EXTENDED_ARG", 0)] * 4, ("LOAD_FAST", 0), ("RETURN_VALUE",))),
    "a constant out of range": ("const-index", lambda: assemble(("CONST", 0), ("LOAD_CONST", 1), ("RETURN_VALUE",))),
    "a constant far out of range": ("const-index", lambda: assemble(("LOAD_CONST", 70_000), ("RETURN_VALUE",))),
    "a name out of range": ("name-index", lambda: assemble(("LOAD_GLOBAL", 2), ("RETURN_VALUE",), names=("x",))),
    "an attribute out of range": (
        "name-index",
        lambda: assemble(("LOAD_FAST", 0), ("LOAD_ATTR", 2), ("RETURN_VALUE",), names=("x",)),
    ),
    "a local out of range": ("local-index", lambda: assemble(("LOAD_FAST", 3), ("RETURN_VALUE",))),
    "a local out of range when nothing is unset": (
        "local-index",
        lambda: assemble(("LOAD_FAST", 2), ("RETURN_VALUE",), locals=("a", "b")),
    ),
    "a store out of range": ("local-index", lambda: assemble(("LOAD_FAST", 0), ("STORE_FAST", 3), *END)),
    "a store far out of range": ("local-index", lambda: assemble(("LOAD_FAST", 0), ("STORE_FAST", 259), *END)),
    "a free variable out of range": (
        "free-index",
        lambda: assemble(("LOAD_DEREF", 4), ("RETURN_VALUE",), freevars=("x",)),
    ),
    "a local taken for a free variable": (
        "free-index",
        lambda: assemble(("LOAD_DEREF", 0), ("RETURN_VALUE",), freevars=("x",)),
    ),
    "a free variable that was never copied": (
        "free-index",
        lambda: assemble(("LOAD_DEREF", 3), ("RETURN_VALUE",), co_freevars=("x",)),
    ),
    "a free variable stored but never copied": (
        "free-index",
        lambda: assemble(("LOAD_FAST", 0), ("STORE_DEREF", 3), *END, co_freevars=("x",)),
    ),
    "a free variable that is not copied nor used": ("free-index", lambda: assemble(*END, co_freevars=("x",))),
    "more free variables copied than there are": (
        "free-index",
        lambda: assemble(("COPY_FREE_VARS", 2), ("RESUME", 0), *END, resume=False, co_freevars=("x",)),
    ),
    "free variables copied too late": (
        "free-index",
        lambda: assemble(("COPY_FREE_VARS", 1), ("LOAD_DEREF", 3), ("RETURN_VALUE",), co_freevars=("x",)),
    ),
    "a pop from the empty stack": ("stack-underflow", lambda: assemble(("POP_TOP",), *END)),
    "an operator with one operand": (
        "stack-underflow",
        lambda: assemble(("LOAD_FAST", 0), ("BINARY_OP", 0), ("RETURN_VALUE",)),
    ),
    "a return of nothing": ("stack-underflow", lambda: assemble(("RETURN_VALUE",))),
    "a copy from below the stack": (
        "stack-underflow",
        lambda: assemble(("LOAD_FAST", 0), ("COPY", 2), ("RETURN_VALUE",)),
    ),
    "a swap with what is below the stack": (
        "stack-underflow",
        lambda: assemble(("LOAD_FAST", 0), ("SWAP", 2), ("RETURN_VALUE",)),
    ),
    "a call with too few arguments on the stack": (
        "stack-underflow",
        lambda: assemble(("LOAD_FAST", 0), ("CALL", 3), ("RETURN_VALUE",)),
    ),
    "more values than co_stacksize": (
        "stack-overflow",
        lambda: assemble(("LOAD_FAST", 0), ("LOAD_FAST", 1), ("BINARY_OP", 0), ("RETURN_VALUE",), stack=1),
    ),
    "a constant more than co_stacksize": (
        "stack-overflow",
        lambda: assemble(("LOAD_FAST", 0), ("CONST", 1), ("BINARY_OP", 0), ("RETURN_VALUE",), stack=1),
    ),
    "a sequence longer than co_stacksize": (
        "stack-overflow",
        lambda: assemble(("LOAD_FAST", 0), ("UNPACK_SEQUENCE", 3), ("RETURN_VALUE",), stack=2),
    ),
    "no room for a handler's exception": (
        "stack-overflow",
        lambda: assemble(
            ("LOAD_FAST", 0), "t:", ("NOP",), "e:", ("RETURN_VALUE",), "h:", ("RERAISE", 0),
            stack=1, handlers=[("t", "e", "h", 1, False)],
        ),
    ),
    "different depths where ways meet": (
        "join-depth",
        lambda: assemble(
            ("LOAD_FAST", 0), ("TRUTH",), ("UNLESS", "x"), ("LOAD_FAST", 0), "x:", ("NOP",), *END
        ),
    ),
    "a loop that grows the stack": (
        "join-depth",
        lambda: assemble(("NOP",), "loop:", ("LOAD_FAST", 0), ("JUMP_BACKWARD", "loop")),
    ),
    "a jump into a cache": (
        "jump-target",
        lambda: assemble(
            ("LOAD_FAST", 0), ("TRUTH",), ("UNLESS", 3), ("LOAD_FAST", 0), ("LOAD_FAST", 1), ("BINARY_OP", 0),
            ("POP_TOP",), *END,
        ),
    ),
    "a jump back into a cache": (
        "jump-target",
        lambda: assemble(("LOAD_GLOBAL", 0), ("POP_TOP",), ("JUMP_BACKWARD", 4 + BACK), names=("x",)),
    ),
    "a jump behind a prefix": (
        "jump-target",
        lambda: assemble(
            ("LOAD_FAST", 0), ("TRUTH",), ("UNLESS", 1), raw("EXTENDED_ARG", 1), raw("LOAD_CONST", 0),
            ("RETURN_VALUE",), co_consts=(None,) * 300,
        ),
    ),
    "a jump back behind a prefix": (
        "jump-target",
        lambda: assemble(
            raw("EXTENDED_ARG", 1), raw("LOAD_CONST", 0), ("POP_TOP",),
            ("JUMP_BACKWARD", 3 + BACK), co_consts=(None,) * 300,
        ),
    ),
    "a jump behind the code": ("jump-target", lambda: assemble(("JUMP_FORWARD", 50))),
    "a jump to the end of the code": ("jump-target", lambda: assemble(("JUMP_FORWARD", 0))),
    "a jump before the code": ("jump-target", lambda: assemble(("NOP",), ("JUMP_BACKWARD", 200))),
    "a jump to RESUME": ("jump-target", lambda: assemble(("NOP",), ("JUMP_BACKWARD", 3 + BACK))),
    "falling off the end": ("end", lambda: assemble(("LOAD_FAST", 0), ("POP_TOP",))),
    "falling off the end behind a condition": (
        "jump-target",
        lambda: assemble(("LOAD_FAST", 0), ("TRUTH",), ("IF", 0)),
    ),
    "nothing but RESUME": ("end", lambda: assemble()),
    "no RESUME": ("header", lambda: assemble(*END, resume=False)),
    "RESUME of a generator": ("header", lambda: assemble(("RESUME", 1), *END, resume=False)),
    "code that nothing reaches": ("unreachable", lambda: assemble(*END, ("LOAD_FAST", 0), ("RETURN_VALUE",))),
    "a handler that relies on more than there is": (
        "handler-depth",
        lambda: assemble("t:", ("NOP",), "e:", *END, "h:", ("RERAISE", 0), handlers=[("t", "e", "h", 1, False)]),
    ),
    "an instruction that pops what a handler relies on": (
        "handler-depth",
        lambda: assemble(
            ("LOAD_FAST", 0), ("LOAD_FAST", 0), "t:", ("LOAD_FAST", 1), ("BINARY_OP", 0), ("BINARY_OP", 0), "e:",
            ("RETURN_VALUE",), "h:", ("RERAISE", 0), handlers=[("t", "e", "h", 2, False)],
        ),
    ),
    "a handler in the middle of an instruction": (
        "jump-target",
        lambda: assemble(
            ("NOP",), ("LOAD_FAST", 0), ("LOAD_FAST", 0), ("BINARY_OP", 0), ("RETURN_VALUE",),
            co_exceptiontable=encode_table([(1, 1, 5, 0)]),
        ),
    ),
    "a range that ends in the middle of an instruction": (
        "table",
        lambda: assemble(
            ("LOAD_FAST", 0), ("LOAD_FAST", 1), ("BINARY_OP", 0), ("RETURN_VALUE",), ("RERAISE", 0),
            co_exceptiontable=encode_table([(2, 2, 6, 0)]),
        ),
    ),
    "overlapping ranges": (
        "table",
        lambda: assemble(("NOP",), ("NOP",), *END, co_exceptiontable=encode_table([(1, 2, 3, 0), (2, 1, 3, 0)])),
    ),
    "ranges out of order": (
        "table",
        lambda: assemble(("NOP",), ("NOP",), *END, co_exceptiontable=encode_table([(2, 1, 3, 0), (1, 1, 3, 0)])),
    ),
    "a range behind the code": ("table", lambda: assemble(*END, co_exceptiontable=encode_table([(1, 9, 1, 0)]))),
    "a handler behind the code": ("table", lambda: assemble(*END, co_exceptiontable=encode_table([(1, 1, 9, 0)]))),
    "an exception table cut short": ("table", lambda: assemble(*END, co_exceptiontable=b"\x81\x01\x02")),
    "an exception table without marks": ("table", lambda: assemble(*END, co_exceptiontable=b"\x01\x01\x02\x00")),
    "an exception table of an endless number": (
        "table",
        lambda: assemble(*END, co_exceptiontable=b"\xff" + b"\x7f" * 99),
    ),
    "a location table cut short": ("table", lambda: assemble(*END, co_linetable=b"\xf0\x01\x02")),
    "a location table of endless numbers": ("table", lambda: assemble(*END, co_linetable=b"\xe8" + b"\x7f" * 50)),
    "a location table for more code than there is": ("table", lambda: assemble(*END, co_linetable=b"\xff\xff")),
    "a local that was never set": ("unset-local", lambda: assemble(("LOAD_FAST", 2), ("RETURN_VALUE",))),
    "a local set on one way only": (
        "unset-local",
        lambda: assemble(
            ("LOAD_FAST", 0), ("TRUTH",), ("UNLESS", "x"), ("LOAD_FAST", 0), ("STORE_FAST", 2),
            "x:", ("LOAD_FAST", 2), ("RETURN_VALUE",),
        ),
    ),
    "a local set after the fault": (
        "unset-local",
        lambda: assemble(
            "t:", ("LOAD_FAST", 0), ("STORE_FAST", 2), "e:", *END, "h:", ("POP_TOP",), ("LOAD_FAST", 2),
            ("RETURN_VALUE",), handlers=[("t", "e", "h", 0, False)],
        ),
    ),
    "a local unset on a way that comes from behind": (
        "unset-local",
        lambda: assemble(
            ("LOAD_FAST", 0), ("TRUTH",), ("UNLESS", "late"), ("LOAD_FAST", 0), ("STORE_FAST", 2), "x:",
            ("LOAD_FAST", 2), ("RETURN_VALUE",), "late:", ("JUMP_BACKWARD", "x"),
        ),
    ),
    "an unset local in code reached from behind only": (
        "unset-local",
        lambda: assemble(
            ("JUMP_FORWARD", "late"), "x:", ("LOAD_FAST", 2), ("RETURN_VALUE",), "late:", ("JUMP_BACKWARD", "x")
        ),
    ),
    "an empty slot taken by an operator": (
        "null",
        lambda: assemble(("LOAD_FAST", 0), ("PUSH_NULL",), ("BINARY_OP", 0), ("RETURN_VALUE",)),
    ),
    "an empty slot returned": ("null", lambda: assemble(("PUSH_NULL",), ("RETURN_VALUE",))),
    "an empty slot popped": ("null", lambda: assemble(("PUSH_NULL",), ("POP_TOP",), *END)),
    "an empty slot stored": ("null", lambda: assemble(("PUSH_NULL",), ("STORE_FAST", 0), *END)),
    "an empty slot tested": ("null", lambda: assemble(("PUSH_NULL",), ("TRUTH",), ("IF", "x"), ("NOP",), "x:", *END)),
    "an empty slot copied": ("null", lambda: assemble(("PUSH_NULL",), ("COPY", 1), ("RETURN_VALUE",))),
    "an empty slot in a tuple": ("null", lambda: assemble(("PUSH_NULL",), ("BUILD_TUPLE", 1), ("RETURN_VALUE",))),
    "a call with one argument too few": (
        "call",
        lambda: assemble(("CALLEE", max), ("LOAD_FAST", 0), ("LOAD_FAST", 1), ("CALL", 1), ("RETURN_VALUE",)),
    ),
    "a call with one argument too many": (
        "call",
        lambda: assemble(
            ("LOAD_FAST", 0), ("LOAD_FAST", 0), ("CALLEE", max), ("LOAD_FAST", 0), ("CALL", 2), ("RETURN_VALUE",)
        ),
    ),
    "a call without an empty slot": (
        "call",
        lambda: assemble(("LOAD_FAST", 0), ("LOAD_FAST", 0), ("LOAD_FAST", 1), ("CALL", 1), ("RETURN_VALUE",)),
    ),
    "the empty slot on the wrong side of the callable": (
        "call",
        lambda: assemble(
            *([("PUSH_NULL",), ("LOAD_FAST", 0)] if NEW else [("LOAD_FAST", 0), ("PUSH_NULL",)]),
            ("LOAD_FAST", 1), ("CALL", 1), ("RETURN_VALUE",),
        ),
    ),
    "an empty slot on one way only": (
        "join-kinds",
        lambda: assemble(
            ("LOAD_FAST", 0), ("TRUTH",), ("UNLESS", "x"), ("PUSH_NULL",), ("JUMP_FORWARD", "y"), "x:",
            ("LOAD_FAST", 0), "y:", ("NOP",), *END,
        ),
    ),
    "an iteration over what is no iterator": (
        "iterator",
        lambda: assemble(("LOAD_FAST", 0), "l:", ("FOR_ITER", "x"), ("POP_TOP",), ("JUMP_BACKWARD", "l"), "x:", *END),
    ),
    "a value raised again": ("exception", lambda: assemble(("LOAD_FAST", 0), ("RERAISE", 0))),
    "a place of a fault that is none": (
        "exception",
        lambda: assemble(
            ("LOAD_FAST", 0), "t:", ("NOP",), "e:", ("RETURN_VALUE",), "h:", ("RERAISE", 1),
            handlers=[("t", "e", "h", 1, False)],
        ),
    ),
    "a value as the current exception": ("exception", lambda: assemble(("LOAD_FAST", 0), ("PUSH_EXC_INFO",), *END)),
    "a value as the saved exception": ("exception", lambda: assemble(("LOAD_FAST", 0), ("POP_EXCEPT",), *END)),
    "a return with the saved exception left behind": (
        "return",
        lambda: assemble(
            "t:", ("NOP",), "e:", *END, "h:", ("PUSH_EXC_INFO",), ("RETURN_VALUE",),
            handlers=[("t", "e", "h", 0, False)],
        ),
    ),
    "an operator that is none": (
        "argument",
        lambda: assemble(("LOAD_FAST", 0), ("LOAD_FAST", 1), ("BINARY_OP", 99), ("RETURN_VALUE",)),
    ),
    "a comparison that is none": (
        "argument",
        lambda: assemble(("LOAD_FAST", 0), ("LOAD_FAST", 1), ("COMPARE_OP", 255), ("RETURN_VALUE",)),
    ),
    "a swap with itself": ("argument", lambda: assemble(("LOAD_FAST", 0), ("SWAP", 1), ("RETURN_VALUE",))),
    "a slice of four": (
        "argument",
        lambda: assemble(*[("LOAD_FAST", 0)] * 4, ("BUILD_SLICE", 4), ("RETURN_VALUE",)),
    ),
    "a raise of three": ("argument", lambda: assemble(*[("LOAD_FAST", 0)] * 3, ("RAISE_VARARGS", 3))),
    "a generator": ("header", lambda: assemble(*END, co_flags=3 | 0x20)),
    "a coroutine": ("header", lambda: assemble(*END, co_flags=3 | 0x80)),
    "a list of arguments": ("header", lambda: assemble(*END, co_flags=3 | 4, locals=("a", "b", "c"), arguments=2)),
    "a code of a module": ("header", lambda: assemble(*END, co_flags=0)),
    "arguments by keyword only": ("header", lambda: assemble(*END, co_kwonlyargcount=1)),
    "cells of its own": ("header", lambda: assemble(*END, co_cellvars=("z",))),
    "a frame beyond all measure": ("header", lambda: assemble(*END, stack=1 << 26)),
}  # fmt: skip

if VERSION == (3, 11):
    BROKEN |= {
        "a call that was not prepared": (
            "opcode",
            lambda: assemble(("CALLEE", max), ("LOAD_FAST", 0), raw("CALL", 1), *CALL_CACHES, ("RETURN_VALUE",)),
        ),
        "a prepared call that does not come": (
            "call",
            lambda: assemble(("CALLEE", max), ("LOAD_FAST", 0), ("PRECALL", 1), ("NOP",), ("RETURN_VALUE",)),
        ),
        "a prepared call with another count": (
            "call",
            lambda: assemble(
                ("CALLEE", max), ("LOAD_FAST", 0), ("PRECALL", 1), raw("CALL", 0), *CALL_CACHES, ("RETURN_VALUE",)
            ),
        ),
        "a prepared call behind a prefix": (
            "call",
            lambda: assemble(
                ("CALLEE", max), ("LOAD_FAST", 0), ("PRECALL", 1), raw("EXTENDED_ARG", 0), raw("CALL", 1),
                *CALL_CACHES, ("RETURN_VALUE",),
            ),
        ),
        "an instruction cut short": ("end", lambda: assemble(("LOAD_FAST", 0), ("LOAD_FAST", 0), raw("BINARY_OP", 0))),
    }  # fmt: skip
if VERSION == (3, 12):
    BROKEN["a fused opcode where nothing was to be fused"] = (
        "opcode",
        lambda: assemble(("RAW", next(iter(facts.FUSED)), 0), ("NOP",), *END),
    )
if NEW:
    BROKEN |= {
        "a condition that may be any value": (
            "bool",
            lambda: assemble(("LOAD_FAST", 0), ("IF", "x"), ("NOP",), "x:", *END),
        ),
        "a comparison of unknown result as a condition": (
            "bool",
            lambda: assemble(("LOAD_FAST", 0), ("LOAD_FAST", 1), ("COMPARE_OP", 2), ("IF", "x"), ("NOP",), "x:", *END),
        ),
        "a negation of any value": ("bool", lambda: assemble(("LOAD_FAST", 0), ("UNARY_NOT",), ("RETURN_VALUE",))),
        "a condition exact on one way only": (
            "bool",
            lambda: assemble(
                ("LOAD_FAST", 0), ("TRUTH",), ("UNLESS", "x"), ("LOAD_FAST", 0), ("TRUTH",), ("JUMP_FORWARD", "y"),
                "x:", ("LOAD_FAST", 0), "y:", ("IF", "z"), ("NOP",), "z:", *END,
            ),
        ),
        "a pair of locals out of range": (
            "local-index",
            lambda: assemble(("LOAD_FAST_LOAD_FAST", 0x0F), ("BINARY_OP", 0), ("RETURN_VALUE",)),
        ),
        "a pair of locals, the second unset": (
            "unset-local",
            lambda: assemble(("LOAD_FAST_LOAD_FAST", 0x02), ("BINARY_OP", 0), ("RETURN_VALUE",)),
        ),
        "an iteration that does not end as it should": (
            "jump-target",
            lambda: assemble(
                ("LOAD_FAST", 0), ("GET_ITER",), ("NOP",), "l:", ("FOR_ITER", "x"), ("POP_TOP",),
                ("JUMP_BACKWARD", "l"), "x:", ("NOP",), ("NOP",), *END,
            ),
        ),
    }  # fmt: skip
