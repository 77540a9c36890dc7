"""What `pywasmjit inspect` reports."""

from __future__ import annotations

import json

import pytest
import wasmtime

from pywasmjit.errors import MalformedError
from pywasmjit.inspection import as_text, inspect_module

SAMPLE = """
(module $sample
  (import "env" "log" (func $log (param i32)))
  (memory (export "memory") 1 4)
  (global (export "counter") (mut i64) (i64.const 0))
  (func $small (export "small") (param i32) (result i32) (local.get 0))
  (func $large (call $log (i32.const 1)) (call $log (i32.const 2)) (call $log (i32.const 3)))
  (data (i32.const 8) "hello"))
"""


def features(text: str) -> list[str]:
    return [row["name"] for row in inspect_module(bytes(wasmtime.wat2wasm(text)))["features"]]


def test_report() -> None:
    data = bytes(wasmtime.wat2wasm(SAMPLE))
    report = inspect_module(data, "sample.wasm")
    assert report["file"] == "sample.wasm"
    assert report["size_bytes"] == len(data)
    assert report["name"] == "sample"
    assert report["abi"] is None
    assert report["imports"] == [{"module": "env", "name": "log", "kind": "func", "type": "(i32) -> ()"}]
    assert report["exports"] == [
        {"name": "memory", "kind": "memory", "index": 0, "type": "1 4"},
        {"name": "counter", "kind": "global", "index": 0, "type": "(mut i64)"},
        {"name": "small", "kind": "func", "index": 1, "type": "(i32) -> (i32)"},
    ]
    assert (report["functions"]["imported"], report["functions"]["own"], report["functions"]["named"]) == (1, 2, 3)
    assert [row["name"] for row in report["functions"]["largest"]] == ["large", "small"]
    assert report["data_bytes"] == 5
    assert report["start"] is None


def test_sections_cover_the_file() -> None:
    data = bytes(wasmtime.wat2wasm(SAMPLE))
    sections = inspect_module(data)["sections"]
    assert [row["name"] for row in sections] == [
        *("type", "import", "function", "memory", "global", "export", "code", "data", "custom")
    ]
    assert sections[-1]["custom"] == "name"
    assert sections[0]["offset"] == 10
    assert all(row["offset"] + row["size_bytes"] <= len(data) for row in sections)
    assert {row["name"]: row.get("count") for row in sections}["function"] == 2


def test_report_is_json() -> None:
    report = inspect_module(bytes(wasmtime.wat2wasm(SAMPLE)))
    assert json.loads(json.dumps(report)) == report


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(module (func (param i32) (result i32) local.get 0))", []),
        ("(module (func (param i32) local.get 0 i32.extend8_s drop))", ["sign-extension"]),
        ("(module (func (result i32 i32) i32.const 1 i32.const 2))", ["multi-value"]),
        ("(module (func i32.const 1 block (param i32) drop end))", ["multi-value"]),
        ('(module (global (export "g") (mut i32) (i32.const 0)))', ["mutable-global"]),
        ("(module (global i32 (i32.add (i32.const 1) (i32.const 2))))", ["extended-const"]),
        ("(module (memory 1 2 shared))", ["threads"]),
        ("(module (memory 1) (memory 1))", ["multi-memory"]),
        ('(module (memory 1) (data "passive"))', ["bulk-memory"]),
        ("(module (table 1 externref))", ["reference-types"]),
        ("(module (func v128.const i64x2 1 2 drop))", ["simd"]),
    ],
)
def test_features(text: str, expected: list[str]) -> None:
    assert features(text) == expected


@pytest.mark.parametrize(
    ("source", "abi"), [("wali", "wali"), ("wasi_snapshot_preview1", "wasi"), ("env", None), ("wasinothing", None)]
)
def test_system_is_found_from_imports(source: str, abi: str | None) -> None:
    module = wasmtime.wat2wasm(f'(module (import "{source}" "f" (func)))')
    assert inspect_module(bytes(module))["abi"] == abi


def test_exports_of_an_invalid_module_do_no_harm() -> None:
    exports_function_5 = b"\0asm\1\0\0\0\x07\x05\x01\x01f\x00\x05"
    assert inspect_module(exports_function_5)["exports"][0]["type"] == "None"


def test_text_escapes_what_could_steer_a_terminal() -> None:
    text = as_text(inspect_module(bytes(wasmtime.wat2wasm(r'(module (func (export "\1b[31m")))'))))
    assert "\x1b" not in text
    assert r"\x1b[31m" in text


def test_malformed_bytes_are_refused() -> None:
    with pytest.raises(MalformedError):
        inspect_module(b"not a module")
