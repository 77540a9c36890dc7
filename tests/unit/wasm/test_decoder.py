"""Bytes to modules and instructions: every section, every immediate, everything malformed."""

from __future__ import annotations

import struct
from array import array

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st
from instruction_samples import sample_of
from module_builder import (
    END,
    EXTERNREF,
    F32,
    F64,
    FUNCREF,
    I32,
    I64,
    PREAMBLE,
    V128,
    body,
    functype,
    leb,
    module,
    name,
    section,
    sleb,
    vec,
)

from pywasmjit.errors import MalformedError, ResourceLimit, UnsupportedFeature, ValidationError
from pywasmjit.wasm import binary_types, instructions, types
from pywasmjit.wasm.binary_types import TypeReader
from pywasmjit.wasm.decoder import decode
from pywasmjit.wasm.features import Features
from pywasmjit.wasm.instructions import decode_expr, read_instruction
from pywasmjit.wasm.module import (
    Body,
    CustomSection,
    DataSegment,
    Export,
    Import,
    ModuleSyntax,
    TableDef,
)
from pywasmjit.wasm.opcodes import BY_NAME, FEATURES, IMPLEMENTED, OPS, Op
from pywasmjit.wasm.types import FuncType, GlobalType, MemoryType, RefType, TableType

I32_CONST_0 = b"\x41\x00"


def assemble(text: str) -> ModuleSyntax:
    return decode(bytes(wasmtime.wat2wasm(text)))


def listing(module: ModuleSyntax, own_index: int = 0) -> list[tuple[str, object]]:
    """Return the instructions of a body without their offsets."""
    found = module.bodies[own_index]
    return [(op.mnemonic, immediate) for _, op, immediate in decode_expr(module, found.start, found.end)]


class TestPreamble:
    @pytest.mark.parametrize("length", range(8))
    def test_a_part_of_it_is_an_unexpected_end(self, length: int) -> None:
        with pytest.raises(MalformedError, match="unexpected end"):
            decode(PREAMBLE[:length])

    def test_wrong_magic(self) -> None:
        with pytest.raises(MalformedError, match="magic header not detected") as caught:
            decode(b"\0asn\1\0\0\0")
        assert caught.value.offset == 0

    @pytest.mark.parametrize("version", [0, 2, 0x0001000D])
    def test_wrong_version(self, version: int) -> None:
        with pytest.raises(MalformedError, match="unknown binary version"):
            decode(b"\0asm" + struct.pack("<I", version))

    def test_an_empty_module(self) -> None:
        empty = decode(PREAMBLE)
        assert empty.data == PREAMBLE
        assert (empty.types, empty.imports, len(empty.functions), len(empty.bodies)) == ((), (), 0, 0)
        assert empty.start is None

    def test_bytes_like_objects_are_accepted(self) -> None:
        assert decode(bytearray(module(body(END)))).bodies[0].locals == ()
        assert decode(memoryview(module(body(END)))).bodies[0].locals == ()


class TestSections:
    def test_types(self) -> None:
        contents = vec([functype(), functype(I32 + F64, I64), functype(FUNCREF, EXTERNREF + F32), functype()])
        found = decode(PREAMBLE + section(1, contents)).types
        assert found == (
            FuncType(),
            FuncType(("i32", "f64"), ("i64",)),
            FuncType((types.FUNCREF,), (types.EXTERNREF, "f32")),
            FuncType(),
        )
        assert found[0] is found[3]

    def test_equal_types_after_another_of_the_same_length_are_told_apart(self) -> None:
        contents = vec([functype(I32, b""), functype(b"", I32), functype(I64, b""), functype(I32, b"")])
        assert decode(PREAMBLE + section(1, contents)).types == (
            FuncType(("i32",)),
            FuncType((), ("i32",)),
            FuncType(("i64",)),
            FuncType(("i32",)),
        )

    def test_long_and_short_forms_of_a_nullable_reference_are_one_type(self) -> None:
        contents = vec([b"\x60" + leb(2) + b"\x63\x70" + FUNCREF + leb(0)])
        assert decode(PREAMBLE + section(1, contents)).types == (FuncType((types.FUNCREF, types.FUNCREF)),)

    def test_imports_of_every_kind(self) -> None:
        imports = [
            name("a") + name("f") + b"\x00" + leb(1),
            name("a") + name("t") + b"\x01" + FUNCREF + b"\x01\x02\x05",
            name("") + name("mémoire") + b"\x02\x03\x01\x02",
            name("a") + name("g") + b"\x03" + F32 + b"\x01",
        ]
        found = decode(PREAMBLE + section(1, vec([functype(), functype(I32)])) + section(2, vec(imports)))
        assert found.imports == (
            Import("a", "f", FuncType(("i32",)), "func", 1),
            Import("a", "t", TableType(types.FUNCREF, 2, 5), "table", None),
            Import("", "mémoire", MemoryType(1, 2, shared=True), "memory", None),
            Import("a", "g", GlobalType("f32", True), "global", None),
        )
        assert [found.imported_count(kind) for kind in ("func", "table", "memory", "global", "tag")] == [1, 1, 1, 1, 0]

    def test_index_spaces_have_imports_first(self) -> None:
        found = assemble(
            """(module (import "a" "f" (func (param i64))) (import "a" "g" (global f64)) (import "a" "m" (memory 3))
               (import "a" "t" (table 7 externref)) (memory 1) (table 2 funcref) (global (mut i32) (i32.const -5))
               (func (result i32) (i32.const 1)))"""
        )
        assert found.function_type(0) == FuncType(("i64",))
        assert found.function_type(1) == FuncType((), ("i32",))
        assert list(found.function_type_indices) == [0, 1]
        assert [found.memory_type(i).minimum for i in (0, 1)] == [3, 1]
        assert [found.table_type(i) for i in (0, 1)] == [TableType(types.EXTERNREF, 7), TableType(types.FUNCREF, 2)]
        assert [found.global_type(i) for i in (0, 1)] == [GlobalType("f64"), GlobalType("i32", True)]
        ((offset, op, value),) = found.globals[0].init
        assert (found.data[offset], op.mnemonic, value) == (0x41, "i32.const", 0xFFFFFFFB)

    def test_functions_are_kept_in_an_array(self) -> None:
        found = decode(module(body(END), body(END), types=[functype(), functype()], functions=[1, 0]))
        assert found.functions == array("I", [1, 0])

    def test_limits(self) -> None:
        memories = vec([b"\x00\x01", b"\x01\x01\x02", b"\x03\x00\x01", b"\x01\x80\x80\x04\xff\xff\xff\xff\x1f"])
        assert decode(PREAMBLE + section(5, memories)).memories == (
            MemoryType(1),
            MemoryType(1, 2),
            MemoryType(0, 1, shared=True),
            MemoryType(0x10000, 0x1FFFFFFFF),
        )

    def test_table_with_an_initial_value(self) -> None:
        found = decode(
            PREAMBLE + section(4, vec([b"\x40\x00" + FUNCREF + b"\x00\x03\xd0\x70\x0b", EXTERNREF + b"\0\1"]))
        )
        first, second = found.tables
        assert first.type == TableType(types.FUNCREF, 3)
        assert first.init is not None
        assert [(op.mnemonic, value) for _, op, value in first.init] == [("ref.null", types.FUNCREF)]
        assert second == TableDef(TableType(types.EXTERNREF, 1), None)

    def test_exports_and_start(self) -> None:
        exports = vec([name("a") + b"\0\0", name("") + b"\1\x02", name("é") + b"\2\3", name("d") + b"\3\4"])
        found = decode(module(body(END), before_code=section(7, exports) + section(8, leb(0))))
        assert found.exports == (
            Export("a", "func", 0),
            Export("", "table", 2),
            Export("é", "memory", 3),
            Export("d", "global", 4),
        )
        assert found.start == 0

    def test_element_segments_of_all_eight_kinds(self) -> None:
        zero, indices = I32_CONST_0 + END, vec([leb(0), leb(1)])
        exprs = vec([b"\xd2\x01\x0b", b"\xd0\x70\x0b"])
        segments = [
            b"\0" + zero + indices,
            b"\1\0" + indices,
            b"\2\7" + zero + b"\0" + indices,
            b"\3\0" + indices,
            b"\4" + zero + exprs,
            b"\5" + FUNCREF + exprs,
            b"\6\7" + zero + FUNCREF + exprs,
            b"\7" + FUNCREF + exprs,
        ]
        found = decode(PREAMBLE + section(9, vec(segments))).elements
        assert [segment.mode for segment in found] == ["active", "passive", "active", "declared"] * 2
        assert [segment.table for segment in found] == [0, 0, 7, 0] * 2
        assert [segment.offset is None for segment in found] == [False, True, False, True] * 2
        assert {segment.type for segment in found} == {types.FUNCREF}
        assert [list(segment.items) for segment in found[:4]] == [[0, 1]] * 4
        for segment in found[4:]:
            reference, null = segment.items
            assert reference == 1
            assert not isinstance(null, int)
            assert [(op.mnemonic, value) for _, op, value in null] == [("ref.null", types.FUNCREF)]

    def test_data_segments_of_all_kinds(self) -> None:
        zero = I32_CONST_0 + END
        segments = [b"\0" + zero + b"\3abc", b"\1\2de", b"\2\1" + zero + b"\0"]
        found = decode(PREAMBLE + section(12, leb(3)) + section(11, vec(segments)))
        assert found.data_count == 3
        assert [(s.mode, s.memory, s.offset is None, found.data[s.start : s.end]) for s in found.datas] == [
            ("active", 0, False, b"abc"),
            ("passive", 0, True, b"de"),
            ("active", 1, False, b""),
        ]
        assert isinstance(found.datas[0], DataSegment)

    def test_bodies_are_ranges_with_run_length_locals(self) -> None:
        data = module(body(I32_CONST_0 + b"\x1a" + END, [(3, I64), (40_000, F32), (1, EXTERNREF)]), body(END))
        found = decode(data)
        first, second = found.bodies
        assert first.locals == ((3, "i64"), (40_000, "f32"), (1, types.EXTERNREF))
        assert data[first.start : first.end] == I32_CONST_0 + b"\x1a" + END
        assert second == Body((), len(data) - 1, len(data))
        assert found.bodies[-1] == second
        assert found.bodies[0:2] == [first, second]
        assert len(found.local_types(0)) == 40_004

    def test_custom_sections_anywhere(self) -> None:
        first, last = section(0, name("x") + b"123"), section(0, name("x"))
        data = PREAMBLE + first + module(body(END), after_code=last)[8:]
        found = decode(data)
        assert [custom.name for custom in found.customs] == ["x", "x"]
        assert found.custom_sections("x") == [b"123", b""]
        assert found.custom_sections("y") == []
        assert found.customs[1] == CustomSection("x", len(data), len(data))

    def test_the_list_of_sections(self) -> None:
        data = PREAMBLE + section(0, name("x") + b"123") + module(body(END))[8:]
        listed = [(s.id, s.name, s.end - s.start) for s in decode(data).sections]
        assert listed == [(0, "x", 5), (1, "type", 4), (3, "function", 2), (10, "code", 4)]


class TestMalformedSections:
    @pytest.mark.parametrize("number", [14, 15, 127, 128, 255])
    def test_unknown_number(self, number: int) -> None:
        with pytest.raises(MalformedError, match="malformed section id"):
            decode(PREAMBLE + section(number, b""))

    @pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 9, 10, 11])
    def test_twice(self, number: int) -> None:
        with pytest.raises(MalformedError, match="unexpected content after last section"):
            decode(PREAMBLE + section(number, leb(0)) * 2)

    def test_order(self) -> None:
        order = [1, 2, 3, 4, 5, 13, 6, 7, 9, 12, 10, 11]
        decode(PREAMBLE + b"".join(section(number, leb(0)) for number in order))
        for i in range(len(order) - 1):
            swapped = [*order[:i], order[i + 1], order[i], *order[i + 2 :]]
            with pytest.raises(MalformedError, match="unexpected content after last section"):
                decode(PREAMBLE + b"".join(section(number, leb(0)) for number in swapped))

    @pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 9, 10, 11])
    def test_bytes_behind_the_last_item(self, number: int) -> None:
        with pytest.raises(MalformedError, match="section size mismatch"):
            decode(PREAMBLE + section(number, leb(0) + b"\0"))

    @pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 9, 10, 11])
    @pytest.mark.parametrize("count", [1, 1000, 2**32 - 1])
    def test_count_that_the_section_cannot_hold(self, number: int, count: int) -> None:
        with pytest.raises(MalformedError, match="unexpected end of section or function"):
            decode(PREAMBLE + section(number, leb(count)) + b"\0" * 8)

    def test_section_longer_than_the_module(self) -> None:
        with pytest.raises(MalformedError, match="length out of bounds"):
            decode(PREAMBLE + b"\x01" + leb(2**32 - 1) + b"\0")

    @pytest.mark.parametrize(
        ("contents", "message"),
        [
            (b"\x01\x61\0\0", "malformed type"),
            (b"\x01\x60\1\x00\0", "malformed value type"),
            (b"\x01\x60\1\x40\0", "malformed value type"),
            (b"\x01\x60\1\x63\x60\0", "malformed heap type"),
            (b"\x01\x60\1\x63\xf0\x7f\0", "malformed heap type"),
        ],
    )
    def test_types(self, contents: bytes, message: str) -> None:
        with pytest.raises(MalformedError, match=message):
            decode(PREAMBLE + section(1, contents))

    @pytest.mark.parametrize(
        ("number", "contents", "message"),
        [
            (2, b"\1\0\0\5\0\0", "malformed import kind"),
            (2, b"\1\0\0\3\x7f\2", "malformed mutability"),
            (4, b"\1\x7f\0\0", "malformed reference type"),
            (4, b"\1\x70\x08\0", "malformed limits flags"),
            (4, b"\1\x40\1\x70\0\0\x0b", "zero byte expected"),
            (5, b"\1\x08\0\0", "malformed limits flags"),
            (5, b"\1\x81\0\0", "malformed limits flags"),
            (6, b"\1\x7f\2\x41\0\x0b", "malformed mutability"),
            (6, b"\1\x7f\0\x41\0\x0a", "unexpected end|illegal opcode|not supported"),
            (7, b"\1\0\5\0", "malformed export kind"),
            (9, b"\1\x08\x41\0\x0b\0", "malformed elements segment kind"),
            (9, b"\1\1\1\0", "malformed element kind"),
            (11, b"\1\3\0", "malformed data segment kind"),
            (11, b"\1\1\2a", "length out of bounds"),
        ],
    )
    def test_other_sections(self, number: int, contents: bytes, message: str) -> None:
        with pytest.raises((MalformedError, UnsupportedFeature), match=message):
            decode(PREAMBLE + section(number, contents))

    @pytest.mark.parametrize("bad", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xe2\x82"])
    def test_names_that_are_not_utf8(self, bad: bytes) -> None:
        encoded = leb(len(bad)) + bad
        for data in (
            section(0, encoded),
            section(2, b"\1" + encoded + b"\0\3\x7f\0"),
            section(2, b"\1\0" + encoded + b"\3\x7f\0"),
            section(7, b"\1" + encoded + b"\0\0"),
        ):
            with pytest.raises(MalformedError, match="malformed UTF-8 encoding"):
                decode(PREAMBLE + data)

    def test_functions_without_code_and_code_without_functions(self) -> None:
        for functions, bodies in ((2, 1), (1, 2), (1, 0), (0, 1)):
            data = PREAMBLE + section(1, vec([functype()])) + section(3, vec([leb(0)] * functions))
            data += section(10, vec([body(END)] * bodies))
            with pytest.raises(MalformedError, match="function and code section have inconsistent lengths"):
                decode(data)

    def test_data_count_that_is_wrong(self) -> None:
        with pytest.raises(MalformedError, match="data count and data section have inconsistent lengths"):
            decode(PREAMBLE + section(12, leb(1)))

    def test_unknown_types_are_invalid_not_malformed(self) -> None:
        for data in (section(3, b"\1\0"), section(2, b"\1\0\0\0\0")):
            with pytest.raises(ValidationError, match="unknown type 0"):
                decode(PREAMBLE + data)

    def test_body_without_a_byte(self) -> None:
        with pytest.raises(MalformedError, match="unexpected end of section or function"):
            decode(module(body(END) + b"", b"\0", types=[functype()], functions=[0, 0]))

    def test_body_longer_than_its_section(self) -> None:
        with pytest.raises(MalformedError, match="unexpected end of section or function"):
            decode(module(b"\x09\0\x0b"))

    @pytest.mark.parametrize("runs", [[(2**32 - 1, I32), (1, I32)], [(2**31, I32), (2**31, I64)]])
    def test_too_many_locals(self, runs: list[tuple[int, bytes]]) -> None:
        found = decode(module(body(END, runs)))
        with pytest.raises(MalformedError, match="too many locals"):
            found.bodies[0]


class TestIntegers:
    @given(st.integers(0, 2**32 - 1), st.integers(1, 5))
    def test_padded_u32_reads_as_its_value(self, value: int, length: int) -> None:
        found = decode(PREAMBLE + section(8, leb(value, length)))
        assert found.start == value

    @given(st.integers(-(2**31), 2**31 - 1), st.integers(1, 5))
    def test_padded_s32_constants(self, value: int, length: int) -> None:
        found = decode(module(body(b"\x41" + sleb(value, length) + b"\x1a" + END)))
        assert listing(found)[0] == ("i32.const", value % 2**32)

    @given(st.integers(-(2**63), 2**63 - 1), st.integers(1, 10))
    def test_padded_s64_constants(self, value: int, length: int) -> None:
        found = decode(module(body(b"\x42" + sleb(value, length) + b"\x1a" + END)))
        assert listing(found)[0] == ("i64.const", value % 2**64)

    def test_one_byte_too_many(self) -> None:
        with pytest.raises(MalformedError, match="integer representation too long"):
            decode(PREAMBLE + section(8, leb(1, 6)))
        for code, length in ((b"\x41", 6), (b"\x42", 11)):
            with pytest.raises(MalformedError, match="integer representation too long"):
                decode(PREAMBLE + section(6, b"\1\x7f\0" + code + sleb(-1, length) + END))

    def test_unused_bits_set(self) -> None:
        with pytest.raises(MalformedError, match="integer too large"):
            decode(PREAMBLE + section(8, b"\xff\xff\xff\xff\x1f"))
        for last in (b"\x0f", b"\x70", b"\x4f"):
            with pytest.raises(MalformedError, match="integer too large"):
                decode(PREAMBLE + section(6, b"\1\x7f\0\x41\xff\xff\xff\xff" + last + END))
        for last in (b"\x7e", b"\x01"):
            with pytest.raises(MalformedError, match="integer too large"):
                decode(PREAMBLE + section(6, b"\1\x7e\0\x42" + b"\xff" * 9 + last + END))

    def test_an_end_inside_of_an_integer(self) -> None:
        with pytest.raises(MalformedError, match="unexpected end of section or function"):
            decode(PREAMBLE + section(8, b"\x80"))
        with pytest.raises(MalformedError, match="unexpected end of section or function"):
            decode(PREAMBLE + section(8, b"\x80") + section(0, name("")))


def reader_of(data: bytes, features: frozenset[str] = frozenset(FEATURES)) -> TypeReader:
    return TypeReader(data, 0, len(data), features, ())


class TestInstructions:
    @pytest.mark.parametrize("op", OPS, ids=lambda op: op.mnemonic)
    def test_every_immediate(self, op: Op, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(instructions, "IMPLEMENTED", frozenset(FEATURES))
        monkeypatch.setattr(binary_types, "IMPLEMENTED", frozenset(FEATURES))
        sample = sample_of(op)
        reader = reader_of(sample.code)
        assert read_instruction(reader) == (0, op, sample.value)
        assert reader.position == len(sample.code)
        for length in range(len(sample.code)):
            with pytest.raises(MalformedError):
                read_instruction(reader_of(sample.code[:length]))

    @pytest.mark.parametrize("op", OPS, ids=lambda op: op.mnemonic)
    def test_unimplemented_features_are_named(self, op: Op) -> None:
        reader = reader_of(sample_of(op).code)
        if op.feature in IMPLEMENTED:
            assert read_instruction(reader)[1] is op
        else:
            with pytest.raises(UnsupportedFeature) as caught:
                read_instruction(reader)
            assert (caught.value.feature, caught.value.detail) == (op.feature, op.mnemonic)

    @pytest.mark.parametrize("op", [op for op in OPS if op.feature != "mvp"], ids=lambda op: op.mnemonic)
    def test_a_feature_that_is_off_does_not_exist(self, op: Op) -> None:
        with pytest.raises(MalformedError, match="illegal opcode"):
            read_instruction(reader_of(sample_of(op).code, frozenset(FEATURES) - {op.feature}))

    @pytest.mark.parametrize(
        "code", [b"\xff", b"\x16", b"\x27", b"\xc5", b"\xfc\x17", b"\xfe\x4f", b"\xfd\x94\x02", b"\xfc\x87\x80\x10"]
    )
    def test_unknown_opcodes(self, code: bytes) -> None:
        with pytest.raises(MalformedError, match="illegal opcode"):
            read_instruction(reader_of(code + b"\0" * 8))

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            (b"\x28\x80\x01\0", "malformed memop flags"),
            (b"\xfe\x03\x01", "zero byte expected"),
            (b"\x0e\xff\xff\xff\xff\x0f\0", "length out of bounds"),
            (b"\x1c\xff\xff\xff\xff\x0f\x7f", "length out of bounds"),
            (b"\xd0\x60", "malformed heap type"),
            (b"\x02\x60", "malformed value type"),
            (b"\x1c\1\x00", "malformed value type"),
        ],
    )
    def test_malformed_immediates(self, code: bytes, message: str) -> None:
        with pytest.raises(MalformedError, match=message):
            read_instruction(reader_of(code))

    def test_block_type_by_index(self) -> None:
        found = assemble("(module (type (func (param i32) (result i64 i64))) (func (block (type 0) unreachable)))")
        assert listing(found)[0] == ("block", FuncType(("i32",), ("i64", "i64")))

    def test_block_type_that_does_not_exist(self) -> None:
        with pytest.raises(ValidationError, match="unknown type 1"):
            read_instruction(reader_of(b"\x02\x01"))

    def test_memory_index_in_a_memarg(self) -> None:
        found = assemble("(module (memory 1) (memory 1) (func (drop (i32.load 1 offset=70000 (i32.const 0)))))")
        assert listing(found)[1] == ("i32.load", (2, 70000, 1))

    def test_decode_expr_agrees_with_reading_one_by_one(self) -> None:
        samples = [sample_of(op).code for op in OPS if op.feature in IMPLEMENTED]
        long_forms = [
            b"\x20" + leb(1, 5),
            b"\x41" + sleb(-1, 5),
            b"\x42" + sleb(5, 10),
            b"\x28\2" + leb(7, 5),
            b"\x10\x80\x01",
        ]
        code = b"".join((*samples, *long_forms))
        found = decode(module(body(code)))
        extent = found.bodies[0]
        reader = TypeReader(found.data, extent.start, extent.end, frozenset(FEATURES), found.types)
        expected = []
        while reader.position < extent.end:
            expected.append(read_instruction(reader))
        assert decode_expr(found, extent.start, extent.end) == expected
        assert [instruction[1].mnemonic for instruction in expected[: len(samples)]] == [
            op.mnemonic for op in OPS if op.feature in IMPLEMENTED
        ]

    def test_decode_expr_of_code_cut_by_the_end_of_the_module(self) -> None:
        data = module(body(b"\x20"))
        with pytest.raises(MalformedError, match="unexpected end of section or function"):
            decode_expr(decode(data), len(data) - 1, len(data))

    def test_signalling_nans_keep_their_bits(self) -> None:
        found = decode(module(body(b"\x43\1\0\xa0\x7f\x1a\x44\1\0\0\0\0\0\xf4\xff\x1a" + END)))
        assert listing(found)[0] == ("f32.const", 0x7FA00001)
        assert listing(found)[2] == ("f64.const", 0xFFF4000000000001)


class TestUnsupported:
    @pytest.mark.parametrize(
        ("data", "feature"),
        [
            (section(1, vec([functype(V128)])), "simd"),
            (section(1, b"\1\x5f\0"), "gc"),
            (section(1, b"\1\x4e\1\x60\0\0"), "gc"),
            (section(1, vec([functype(b"\x6e")])), "gc"),
            (section(1, vec([functype(b"\x69")])), "exceptions"),
            (section(1, b"\1\x60\1\x64\x70\0"), "function-references"),
            (section(1, b"\1\x60\1\x63\x00\0"), "function-references"),
            (section(5, b"\1\4\0"), "memory64"),
            (section(4, b"\1\x70\4\0"), "memory64"),
            (section(2, b"\1\0\0\4\0\0"), "exceptions"),
            (section(13, b"\1\0\0"), "exceptions"),
        ],
    )
    def test_feature_is_named(self, data: bytes, feature: str) -> None:
        with pytest.raises(UnsupportedFeature) as caught:
            decode(PREAMBLE + data)
        assert caught.value.feature == feature
        assert feature in str(caught.value)

    def test_page_sizes_are_named_once_they_are_switched_on(self) -> None:
        data = PREAMBLE + section(5, b"\1\x08\0\0")
        with pytest.raises(UnsupportedFeature, match="custom-page-sizes"):
            decode(data, Features.all())

    def test_features_that_are_off(self) -> None:
        with pytest.raises(ValidationError, match="'threads', which is off"):
            decode(PREAMBLE + section(5, b"\1\3\0\1"), Features(threads=False))
        with pytest.raises(ValidationError, match="'reference-types', which is off"):
            decode(PREAMBLE + section(1, vec([functype(FUNCREF)])), Features(reference_types=False))
        with pytest.raises(ValidationError, match="'multi-value', which is off"):
            decode(PREAMBLE + section(1, vec([functype(b"", I32 + I32)])), Features(multi_value=False))
        with pytest.raises(ValidationError, match="'mutable-global', which is off"):
            decode(PREAMBLE + section(2, b"\1\0\0\3\x7f\1"), Features(mutable_global=False))


class TestNames:
    def names(self, contents: bytes) -> ModuleSyntax:
        data = PREAMBLE + section(1, vec([functype(I32)])) + section(2, b"\1" + name("env") + name("f") + b"\0\0")
        data += section(3, vec([leb(0)] * 2)) + section(7, b"\2" + name("y") + b"\0\2" + name("x") + b"\0\2")
        return decode(data + section(10, vec([body(END)] * 2)) + section(0, name("name") + contents))

    def test_module_functions_and_locals(self) -> None:
        functions = vec([leb(1) + name("add")])
        local_names = vec([leb(1) + vec([leb(0) + name("a"), leb(2) + name("b")]), leb(2) + vec([])])
        found = self.names(section(0, name("mod")) + section(1, functions) + section(2, local_names))
        assert found.module_name == "mod"
        assert (found.function_name(0), found.function_name(1)) == (None, "add")
        assert [found.local_name(1, i) for i in range(3)] == ["a", None, "b"]
        assert found.local_name(0, 0) is None

    def test_display_names_prefer_the_name_section_then_exports_then_imports(self) -> None:
        found = self.names(section(1, vec([leb(1) + name("add")])))
        assert [found.display_name(i) for i in range(4)] == ["env.f", "add", "y", "func[3]"]
        assert found.function_exports(2) == ["y", "x"]

    def test_other_name_maps(self) -> None:
        found = self.names(section(7, vec([leb(3) + name("g")])) + section(9, vec([leb(0) + name("d")])))
        assert found.names.maps["global"] == {3: "g"}
        assert found.names.maps["data"] == {0: "d"}

    @pytest.mark.parametrize(
        "fault",
        [b"\1\xff", b"\1\4\1\1\1\xff", b"\2\x05\xff\xff\xff\xff\x0f", b"\1\x85\x80\x80\x80\x80\x80", b"\1\3\2\1\1"],
    )
    def test_a_fault_keeps_what_stands_before_it(self, fault: bytes) -> None:
        found = self.names(section(0, name("mod")) + fault)
        assert found.module_name == "mod"
        assert found.function_name(1) is None
        assert found.local_name(1, 0) is None

    def test_a_fault_in_names_of_locals_is_no_error_either(self) -> None:
        found = self.names(section(2, b"\2\1\1\0\1a\2\1\0\1\xff"))
        assert found.local_name(1, 0) == "a"
        assert found.local_name(2, 0) is None


class TestLimits:
    def test_parameters_and_results(self) -> None:
        decode(PREAMBLE + section(1, vec([functype(I32 * 1000, I64 * 1000)])))
        for type in (functype(I32 * 1001), functype(b"", I32 * 1001)):
            with pytest.raises(ResourceLimit) as caught:
                decode(PREAMBLE + section(1, vec([type])))
            assert caught.value.value == 1000

    def test_body(self) -> None:
        with pytest.raises(ResourceLimit) as caught:
            decode(module(body(b"\1" * 7_654_321 + END)))
        assert (caught.value.name, caught.value.value) == ("body_bytes", 7_654_321)

    def test_memories(self) -> None:
        with pytest.raises(ResourceLimit) as caught:
            decode(PREAMBLE + section(5, vec([b"\0\0"] * 101)))
        assert (caught.value.name, caught.value.value) == ("memories", 100)

    def test_functions(self) -> None:
        with pytest.raises(ResourceLimit) as caught:
            decode(PREAMBLE + section(1, vec([functype()])) + section(3, leb(1_000_001) + b"\0" * 1_000_001))
        assert caught.value.name == "functions"


def test_heap_types_are_those_of_reference_types() -> None:
    for code, reference in binary_types.REFERENCES.items():
        assert binary_types.HEAP_TYPES[code][0] == reference.heap
        assert reference == RefType(reference.heap)
    assert BY_NAME["ref.null"].immediates == ("heaptype",)
