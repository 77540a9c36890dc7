"""The instruction table: complete, consistent, and numbered as the rest of the world numbers it."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest
import wasmtime
from instruction_samples import sample_of

from pywasmjit.wasm import instructions
from pywasmjit.wasm.features import Features
from pywasmjit.wasm.opcodes import BY_CODE, BY_NAME, FEATURES, IMMEDIATES, IMPLEMENTED, OPS, Effect, Op
from pywasmjit.wasm.rules import RULES
from pywasmjit.wasm.types import ValType


def ids(op: Op) -> str:
    return op.mnemonic


def test_every_opcode_has_one_row_and_one_name() -> None:
    assert len(OPS) == len(BY_CODE) == len(BY_NAME) == 575
    assert [op.code for op in OPS] == sorted(op.code for op in OPS)


def test_how_many_opcodes_each_feature_has() -> None:
    counts = {feature: sum(op.feature == feature for op in OPS) for feature in FEATURES}
    assert {feature: count for feature, count in counts.items() if count} == {
        "mvp": 172,
        "sign-extension": 5,
        "saturating-conversion": 8,
        "bulk-memory": 7,
        "reference-types": 9,
        "threads": 67,
        "simd": 236,
        "relaxed-simd": 20,
        "tail-call": 2,
        "function-references": 5,
        "gc": 32,
        "exceptions": 3,
        "legacy-exceptions": 5,
        "wide-arithmetic": 4,
    }


def test_what_this_version_runs_is_listed() -> None:
    assert set(FEATURES) - IMPLEMENTED == {
        "simd",
        "relaxed-simd",
        "tail-call",
        "function-references",
        "gc",
        "exceptions",
        "memory64",
        "legacy-exceptions",
        "wide-arithmetic",
        "custom-page-sizes",
    }


def test_features_are_fields_of_the_feature_set() -> None:
    assert Features.all().enabled() == frozenset(FEATURES)
    assert Features.default().enabled() == frozenset(FEATURES) - {
        "legacy-exceptions",
        "wide-arithmetic",
        "custom-page-sizes",
    }
    assert Features.default().usable() == IMPLEMENTED
    assert "threads" not in Features(threads=False).enabled()


@pytest.mark.parametrize("op", OPS, ids=ids)
def test_row_is_consistent(op: Op) -> None:
    assert op.feature in FEATURES
    assert set(op.immediates) <= set(IMMEDIATES)
    assert set(op.immediates) <= set(instructions.READERS)
    assert (op.params is None) == (op.results is None)
    has_memarg = "memarg" in op.immediates
    assert has_memarg == (op.width > 0)
    if has_memarg:
        assert op.width & (op.width - 1) == 0
        assert op.params is not None
        assert op.params[0] == "i32"
        assert op.effect & Effect.TRAPS
        assert op.effect & (Effect.READS_MEMORY | Effect.WRITES_MEMORY)


def test_hand_written_rules_are_those_which_the_table_leaves_open() -> None:
    assert set(RULES) == {op.mnemonic for op in OPS if op.params is None and op.feature in IMPLEMENTED}


def test_a_row_survives_pickling_as_the_same_object() -> None:
    op = BY_NAME["i64.atomic.rmw32.cmpxchg_u"]
    assert pickle.loads(pickle.dumps(op)) is op


def test_types_of_some_rows() -> None:
    def signature(name: str) -> tuple[tuple[ValType, ...] | None, tuple[ValType, ...] | None]:
        return BY_NAME[name].params, BY_NAME[name].results

    assert signature("i32.div_s") == (("i32", "i32"), ("i32",))
    assert signature("f64.convert_i64_u") == (("i64",), ("f64",))
    assert signature("memory.atomic.wait64") == (("i32", "i64", "i64"), ("i32",))
    assert signature("i64.mul_wide_u") == (("i64", "i64"), ("i64", "i64"))
    assert signature("block") == (None, None)


def text_of(op: Op) -> str:
    """Return the instruction of `sample_of` as an assembler wants it."""
    fixed = {
        "select_t": "select (result f32)",
        "ref.null": "ref.null func",
        "ref.test": "ref.test (ref func)",
        "ref.test_null": "ref.test (ref null func)",
        "ref.cast": "ref.cast (ref func)",
        "ref.cast_null": "ref.cast (ref null func)",
        "br_on_cast": "br_on_cast 2 (ref null func) (ref func)",
        "br_on_cast_fail": "br_on_cast_fail 2 (ref null func) (ref func)",
        "call_indirect": "call_indirect 5 (type 5)",
        "return_call_indirect": "return_call_indirect 5 (type 5)",
        "try_table": "try_table (result i32) (catch 3 1) (catch_all_ref 0) end",
        "block": "block (result i32) end",
        "loop": "loop (result i32) end",
        "if": "if (result i32) end",
        "else": "if else end",
        "end": "block end",
        "struct.get": "struct.get 5 3",
    }
    texts = {
        "memarg": "offset=300",
        "labels": "1 0 2 4",
        "s32": "-129",
        "s64": "1099511627776",
        "f32": "1.5",
        "f64": "-2.5",
        "v128": "i8x16 " + " ".join(map(str, range(16))),
        "lanes": " ".join(map(str, range(16))),
        "lane": "1",
        "field": "3",
        "u32": "128",
        "zero": "",
    }
    return fixed.get(op.mnemonic) or " ".join((op.mnemonic, *(texts.get(kind, "5") for kind in op.immediates)))


TOO_OLD_FOR_THE_ASSEMBLER = {"try", "catch", "rethrow", "delegate", "catch_all"}


@pytest.mark.parametrize("op", [op for op in OPS if op.mnemonic not in TOO_OLD_FOR_THE_ASSEMBLER], ids=ids)
def test_opcode_and_immediates_are_what_an_assembler_writes(op: Op) -> None:
    code = bytes(wasmtime.wat2wasm(f"(module (type (func)) (func (type 0) {text_of(op)}))"))
    if op.mnemonic in ("else", "end"):
        assert bytes([op.code]) in code
    else:
        assert sample_of(op).code in code


def test_importing_the_table_is_cheap() -> None:
    """Parsing excluded (the second import finds compiled files), 575 rows take some milliseconds at most."""
    program = "import time, dataclasses, enum, pywasmjit.errors, pywasmjit.wasm.types; t = time.process_time()\n"
    program += "import pywasmjit.wasm.opcodes; print(time.process_time() - t)"
    times = [float(subprocess.check_output([sys.executable, "-c", program])) for _ in range(2)]
    assert min(times) < 0.05
