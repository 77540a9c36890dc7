"""The runner itself, on an engine that is known to be right and on ours: a script that should fail does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .convert import Converter
from .engine_wasmtime import Wasmtime, make_engine
from .engines import Engine, Pywasmjit, Unsupported
from .expectations import FileExpectation, differences, needs, read_expectations, write_expectations
from .runner import Outcome, Session, Status
from .script import flatten, read_script
from .scripts import missing_message, run_script, spec_folder

ENGINE = make_engine()
ENGINES = [pytest.param(lambda: Wasmtime(ENGINE), id="wasmtime"), pytest.param(Pywasmjit, id="pywasmjit")]


def script_file(folder: Path, text: str) -> Path:
    path = folder / "script.wast"
    path.write_bytes(text.encode("utf-8"))
    return path


# A function that owes a result.
INVALID_BINARY = r'"\00asm\01\00\00\00" "\01\05\01\60\00\01\7f" "\03\02\01\00" "\0a\04\01\02\00\0b"'


def run_text(
    folder: Path, text: str, left_out: frozenset[int] = frozenset(), engine: Engine | None = None
) -> list[Outcome]:
    path = script_file(folder, text)
    session = Session(engine or Wasmtime(ENGINE), Converter(path, folder), left_out)
    session.run(read_script(path))
    return session.outcomes


MODULE = """(module
  (func (export "id") (param i32) (result i32) (local.get 0))
  (func (export "trap") unreachable)
  (func $deep (export "deep") (call $deep))
  (global (export "g") i64 (i64.const 5)))"""


@pytest.mark.parametrize(
    "assertion",
    [
        '(assert_return (invoke "id" (i32.const -3)) (i32.const 0xfffffffd))',
        '(assert_return (get "g") (i64.const 5))',
        '(assert_trap (invoke "trap") "unreachable")',
        '(assert_exhaustion (invoke "deep") "call stack exhausted")',
        '(assert_invalid (module (func (result i32))) "type mismatch")',
        '(assert_malformed (module binary "") "unexpected end")',
        '(assert_unlinkable (module (import "a" "b" (func))) "unknown import")',
        '(assert_unlinkable (module (import "spectest" "print" (memory 1))) "incompatible import type")',
        '(assert_trap (module (func $f unreachable) (start $f)) "unreachable")',
    ],
)
@pytest.mark.parametrize("make", ENGINES)
def test_what_holds_passes(tmp_path: Path, assertion: str, make: Callable[[], Engine]) -> None:
    outcomes = run_text(tmp_path, MODULE + assertion, engine=make())
    assert [outcome.status for outcome in outcomes] == [Status.PASSED, Status.PASSED]


@pytest.mark.parametrize(
    "assertion",
    [
        '(assert_return (invoke "id" (i32.const 1)) (i32.const 2))',
        '(assert_return (invoke "id" (i32.const 1)))',
        '(assert_return (invoke "trap"))',
        '(assert_return (invoke "missing"))',
        '(assert_return (get "g") (i64.const 6))',
        '(assert_trap (invoke "id" (i32.const 1)) "unreachable")',
        '(assert_trap (invoke "deep") "unreachable")',
        '(assert_exhaustion (invoke "trap") "call stack exhausted")',
        '(assert_invalid (module (func)) "type mismatch")',
        '(assert_malformed (module binary "\\00asm\\01\\00\\00\\00") "unexpected end")',
        '(assert_unlinkable (module (import "spectest" "print" (func))) "unknown import")',
        '(assert_unlinkable (module (func $f unreachable) (start $f)) "unknown import")',
        '(assert_trap (module (func)) "unreachable")',
        '(assert_trap (module (import "a" "b" (func))) "unreachable")',
        "(module (func (result i32)))",
        '(invoke "trap")',
    ],
)
@pytest.mark.parametrize("make", ENGINES)
def test_what_does_not_hold_fails(tmp_path: Path, assertion: str, make: Callable[[], Engine]) -> None:
    outcomes = run_text(tmp_path, MODULE + assertion, engine=make())
    assert [outcome.status for outcome in outcomes] == [Status.PASSED, Status.FAILED]


@pytest.mark.parametrize(
    "assertion",
    [
        '(assert_trap (invoke "trap") "integer overflow")',
        f'(assert_malformed (module binary {INVALID_BINARY}) "")',
        '(assert_invalid (module binary "") "")',
    ],
)
def test_wrong_reasons_fail(tmp_path: Path, assertion: str) -> None:
    outcomes = run_text(tmp_path, MODULE + assertion, engine=Pywasmjit())
    assert [outcome.status for outcome in outcomes] == [Status.PASSED, Status.FAILED]


def test_what_needs_a_failed_module_is_a_consequence(tmp_path: Path) -> None:
    text = (
        '(module $M (func (result i32)))(register "m" $M)(module (import "m" "f" (func)))(assert_return (invoke "f"))'
    )
    outcomes = run_text(tmp_path, text)
    assert [outcome.status for outcome in outcomes] == [Status.FAILED] * 4
    assert [outcome.is_consequence for outcome in outcomes] == [False, True, True, True]


def test_instances_of_a_definition_are_apart(tmp_path: Path) -> None:
    text = """(module definition $D (global $g (mut i32) (i32.const 0))
        (func (export "up") (result i32) (global.set $g (i32.add (global.get $g) (i32.const 1))) (global.get $g)))
      (module instance $A $D) (module instance $B $D)
      (assert_return (invoke $A "up") (i32.const 1)) (assert_return (invoke $A "up") (i32.const 2))
      (assert_return (invoke "up") (i32.const 1))"""
    assert {outcome.status for outcome in run_text(tmp_path, text)} == {Status.PASSED}


def test_failures_inside_threads_are_found(tmp_path: Path) -> None:
    text = """(module $M (memory (export "m") 1 1 shared)) (module $N)
      (thread $T (shared (module $M)) (register "m" $M)
        (module (memory (import "m" "m") 1 1 shared) (func (export "f") (result i32) (i32.load (i32.const 0))))
        (assert_return (invoke "f") (i32.const 0)) (assert_return (invoke "f") (i32.const 1)) (invoke $N "f"))
      (wait $T)"""
    outcomes = run_text(tmp_path, text)
    assert len(outcomes) == len(flatten(read_script(tmp_path / "script.wast")))
    assert [o.got for o in outcomes if o.status is Status.FAILED] == ["0x0", "no module N"]


def test_lines_left_out_are_not_run(tmp_path: Path) -> None:
    outcomes = run_text(tmp_path, MODULE + '\n(assert_return (invoke "missing"))', frozenset({6}))
    assert [outcome.status for outcome in outcomes] == [Status.PASSED, Status.LEFT_OUT]


class WithoutMemory(Wasmtime):
    """An engine that lacks a feature."""

    def compile(self, data: bytes) -> Any:
        if b"\x05\x03\x01\x00\x01" in data:
            raise Unsupported("memory")
        return super().compile(data)


def test_a_missing_feature_is_what_all_depends_on(tmp_path: Path) -> None:
    text = """(module $M (memory 1) (func (export "f"))) (register "m") (assert_return (invoke $M "f"))
      (assert_unlinkable (module (import "m" "g" (func))) "unknown import")
      (assert_invalid (module (memory 1) (func (result i32))) "type mismatch")
      (module (func (export "f"))) (assert_return (invoke "f")) (assert_return (invoke $M "f"))"""
    path = script_file(tmp_path, text)
    session = Session(WithoutMemory(ENGINE), Converter(path, tmp_path))
    session.run(read_script(path))
    lacks, passes = Status.UNSUPPORTED, Status.PASSED
    assert [o.status for o in session.outcomes] == [lacks, lacks, lacks, lacks, lacks, passes, passes, lacks]
    assert needs(session.outcomes) == {"memory": 4}


# The list of what is expected not to pass

LIST = """# Words.

[core]
a.wast     gc 3, multi-memory 0
a.wast:7   left out: a contradiction
bb.wast:9  fails: a defect
"""


def test_lists_are_read_and_written() -> None:
    expectations = read_expectations(LIST)
    assert expectations == {
        "core/a.wast": FileExpectation({"gc": 3, "multi-memory": 0}, {7: "a contradiction"}),
        "core/bb.wast": FileExpectation(fails={9: "a defect"}),
    }
    assert write_expectations(LIST, expectations) == LIST


@pytest.mark.parametrize(
    "line", ["a.wast", "a.wast gc", "a.wast:3 fails", "a.wast:3 sometimes: no", "a.wast gc 1 simd 2"]
)
def test_nonsense_in_a_list_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"expected_failures\.txt:2: cannot read"):
        read_expectations(f"[core]\n{line}\n")


def test_lists_are_strict_in_both_directions(tmp_path: Path) -> None:
    outcomes = run_text(tmp_path, MODULE + '\n(invoke "trap")')
    assert differences(outcomes, FileExpectation(fails={6: "a defect"})) == []
    surplus = FileExpectation({"gc": 1}, {8: "nothing there"}, {1: "does not fail", 6: "a defect"})
    assert differences(outcomes, surplus) == [
        "1: listed as failing, but does not fail",
        "8: listed as left out, but no command",
        "assertions that need gc: 1 listed, None found (None: not at all)",
    ]
    assert [problem.partition(": expected")[0] for problem in differences(outcomes, FileExpectation())] == [
        "6: actions (invoke 'trap')"
    ]


# The scripts themselves, on that engine: whatever fails is the runner's fault


@pytest.mark.skipif(missing_message(spec_folder()) is not None, reason=str(missing_message(spec_folder())))
@pytest.mark.parametrize(
    "path",
    [
        "core/annotations.wast",
        "core/comments.wast",
        "core/const.wast",
        "core/float_literals.wast",
        "core/imports.wast",
        "core/inline-module.wast",
        "core/instance.wast",
        "core/linking.wast",
        "core/names.wast",
        "core/ref_null.wast",
        "core/table_set.wast",
        "threads/nested.wast",
        "threads/thread.wast",
        "threads/wait_notify.wast",
    ],
)
def test_known_good_engine_passes(path: str) -> None:
    run = run_script(spec_folder(), path, lambda proposal: Wasmtime(ENGINE), FileExpectation())
    assert [str(outcome) for outcome in run.outcomes if outcome.status is Status.FAILED] == []
    assert run.count(Status.PASSED) + run.count(Status.TEXT_ONLY) == sum(
        o.command.column.is_assertion for o in run.outcomes
    )
