"""The command line as its users see it: what it prints where, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import wasmtime

from pywasmjit.cli import guarded
from pywasmjit.display import printable

Build = Callable[..., str]

CALCULATOR = """
(module $calculator
  (memory 1)
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "half") (param f64) (result f64) (f64.mul (local.get 0) (f64.const 0.5)))
  (func (export "same") (param f32) (result f32) (local.get 0))
  (func (export "pair") (param i64) (result i64 i32) (local.get 0) (i32.const -7))
  (func $peek (export "peek") (param i32) (result i32) (i32.load (local.get 0)))
  (func $outer (export "outer") (result i32) (call $peek (i32.const -1)))
  (func $down (export "down") (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
      (else (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))))
  (func (export "spin") (loop $l (br $l)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
"""

# Programs for Linux: `_start` and the calls of the interface that each needs.
EXIT_300 = """
(module (import "wali" "SYS_exit_group" (func $exit (param i32) (result i64))) (memory (export "memory") 1)
  (func (export "_start") (drop (call $exit (i32.const 300)))))
"""
HELLO = """
(module (import "wali" "SYS_write" (func $write (param i32 i32 i32) (result i64)))
  (memory (export "memory") 1) (data (i32.const 16) "hello\\n")
  (func (export "_start") (drop (call $write (i32.const 1) (i32.const 16) (i32.const 6)))))
"""
FLOOD = """
(module (import "wali" "SYS_write" (func $write (param i32 i32 i32) (result i64)))
  (memory (export "memory") 1)
  (func (export "_start") (loop $l (drop (call $write (i32.const 1) (i32.const 16) (i32.const 4096))) (br $l))))
"""
ARGUMENTS = """
(module
  (import "wali" "__cl_get_argc" (func $argc (result i32)))
  (import "wali" "__cl_get_argv_len" (func $length (param i32) (result i32)))
  (import "wali" "__cl_copy_argv" (func $copy (param i32 i32) (result i32)))
  (import "wali" "SYS_write" (func $write (param i32 i32 i32) (result i64)))
  (memory (export "memory") 1)
  (func (export "_start") (local $n i32)
    (loop $l
      (drop (call $copy (i32.const 16) (local.get $n)))
      (i32.store8 (i32.add (i32.const 16) (call $length (local.get $n))) (i32.const 10))
      (drop (call $write (i32.const 1) (i32.const 16) (i32.add (i32.const 1) (call $length (local.get $n)))))
      (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (call $argc))))))
"""
OPEN_ROOT = """
(module (import "wali" "SYS_open" (func $open (param i32 i32 i32) (result i64)))
  (import "wali" "SYS_exit_group" (func $exit (param i32) (result i64)))
  (memory (export "memory") 1) (data (i32.const 16) "/etc/hostname\\00")
  (func (export "_start")
    (drop (call $exit (i64.lt_s (call $open (i32.const 16) (i32.const 0) (i32.const 0)) (i64.const 0))))))
"""


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Return a function that writes a module, given as text, and returns its file name."""

    def write(text: str, name: str = "module.wasm") -> str:
        path = tmp_path / name
        path.write_bytes(bytes(wasmtime.wat2wasm(text)))
        return str(path)

    return write


@pytest.fixture
def calculator(build: Build) -> str:
    return build(CALCULATOR, "calculator.wasm")


def start(*arguments: str, **options: object) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen([sys.executable, "-P", "-m", "pywasmjit", *arguments], **pipes)  # type: ignore[call-overload, no-any-return]


def run(*arguments: str, **options: object) -> tuple[int, str, str]:
    """Run the command line; return exit status (-N for death by signal N), standard output, standard error."""
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


# ---------------------------------------------------------------- help and usage


@pytest.mark.parametrize("command", [[], ["run"], ["inspect"]])
def test_help_has_examples(command: list[str]) -> None:
    status, out, err = run(*command, "--help")
    assert (status, err) == (0, "")
    assert "Examples:\n    pywasmjit " in out


def test_version() -> None:
    status, out, _ = run("--version")
    assert status == 0
    assert out.startswith("pywasmjit 0.")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["run"], "Missing argument 'FILE'"),
        (["run", "--nonsense", "x.wasm"], "No such option"),
        (["run", "--timeout", "soon", "x.wasm"], "not a duration: 'soon'"),
        (["run", "--timeout", "0s", "x.wasm"], "no time at all"),
        (["run", "--max-memory", "lots", "x.wasm"], "lots"),
        (["run", "--max-depth", "0", "x.wasm"], "--max-depth"),
        (["run", "--tier", "warp", "x.wasm"], "--tier"),
        (["run", "--preload", "x.wasm", "y.wasm"], "NAME=FILE"),
        (["validate"], "Missing argument 'FILE...'"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], complaint: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("pywasmjit: ")
    assert complaint in err


def test_no_command_shows_the_help() -> None:
    status, out, err = run()
    assert status in (0, 2)
    assert "Examples:" in out + err


# ---------------------------------------------------------------- calling exports


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["add", "1", "2"], "3\n"),
        (["add", "-5", "0x10"], "11\n"),
        (["add", "4294967295", "1"], "0\n"),
        (["half", "0.5"], "0.25\n"),
        (["half", "-inf"], "-inf\n"),
        (["same", "0.1"], "0.1\n"),
        (["same", "nan:0x200000"], "nan:0x200000\n"),
        (["pair", "-9223372036854775808"], "-9223372036854775808\n-7\n"),
    ],
)
def test_invoke(calculator: str, arguments: list[str], printed: str) -> None:
    name, *values = arguments
    assert run("run", "--invoke", name, calculator, *values) == (0, printed, "")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["add", "1"], "takes 2 arguments, 1 given"),
        (["add", "1", "x"], "not a value of type i32: 'x'"),
        (["add", "1", "4294967296"], "not a value of type i32"),
        (["subtract", "1", "2"], "no exported function 'subtract'; there are: add(i32, i32) -> (i32)"),
    ],
)
def test_invoke_wrongly(calculator: str, arguments: list[str], complaint: str) -> None:
    name, *values = arguments
    status, out, err = run("run", "--invoke", name, calculator, *values)
    assert (status, out) == (2, "")
    assert complaint in err


def test_a_module_without_entry_needs_invoke(calculator: str) -> None:
    status, _, err = run("run", calculator)
    assert status == 1
    assert "--invoke" in err
    assert "add(i32, i32) -> (i32)" in err


def test_start_of_a_module_without_system(build: Build) -> None:
    assert run("run", build('(module (func (export "_start")))')) == (0, "", "")
    assert run("run", build('(module (func (export "main") (result i32) i32.const 263))'))[0] == 7


def test_preload_links_modules(build: Build, calculator: str) -> None:
    user = build("""(module (import "math" "add" (func $add (param i32 i32) (result i32)))
                      (func (export "three") (result i32) (call $add (i32.const 1) (i32.const 2))))""")
    assert run("run", "--preload", f"math={calculator}", "--invoke", "three", user) == (0, "3\n", "")


# ---------------------------------------------------------------- how runs end


def test_trap(calculator: str) -> None:
    status, out, err = run("run", "--invoke", "outer", calculator)
    assert (status, out) == (134, "")
    first, *frames = err.splitlines()
    assert first == "pywasmjit: trap: out of bounds memory access"
    assert ["peek" in frames[0], "outer" in frames[1], len(frames)] == [True, True, 2]
    assert "Traceback" not in err


def test_verbose_shows_the_python_traceback(calculator: str) -> None:
    status, _, err = run("run", "-v", "--invoke", "outer", calculator)
    assert status == 134
    assert "Traceback (most recent call last)" in err


def test_timeout(calculator: str) -> None:
    before = time.monotonic()
    status, out, err = run("run", "--timeout", "300ms", "--invoke", "spin", calculator)
    assert (status, out) == (124, "")
    assert err == "pywasmjit: timed out after 0.3 s\n"
    assert time.monotonic() - before < 10


def test_ten_thousand_frames(calculator: str) -> None:
    assert run("run", "--invoke", "down", calculator, "10000") == (0, "10000\n", "")


def test_endless_recursion_is_a_trap(calculator: str) -> None:
    status, out, err = run("run", "--invoke", "down", calculator, "-1")
    assert (status, out) == (134, "")
    assert err.startswith("pywasmjit: trap: call stack exhausted\n")
    assert len(err.splitlines()) < 200


def test_max_depth(calculator: str) -> None:
    options = ["run", "--max-depth", "2000", "--invoke", "down", calculator]
    assert run(*options, "1900")[:2] == (0, "1900\n")
    assert run(*options, "3000")[0] == 134


def test_max_memory(calculator: str) -> None:
    options = ["run", "--max-memory", "128KiB", "--invoke", "grow", calculator]
    assert run(*options, "1")[1] == "1\n"
    assert run(*options, "2")[1] == "-1\n"


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_ctrl_c_ends_by_the_signal(calculator: str) -> None:
    process = start("run", "--invoke", "spin", calculator)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert "Traceback" not in err


def test_program_exit_status_has_8_bits(build: Build) -> None:
    assert run("run", build(EXIT_300)) == (300 & 255, "", "")


def test_standard_output_is_the_program_s(build: Build) -> None:
    assert run("run", build(HELLO)) == (0, "hello\n", "")


def test_broken_pipe_ends_by_the_signal(build: Build) -> None:
    process = start("run", "--timeout", "20s", build(FLOOD))
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(timeout=30) == -signal.SIGPIPE


def test_options_end_at_the_file(build: Build) -> None:
    file = build(ARGUMENTS)
    status, out, _ = run("run", file, "--help", "--", "-v", "x y")
    assert (status, out) == (0, f"{file}\n--help\n--\n-v\nx y\n")


def test_argv0(build: Build) -> None:
    assert run("run", "--argv0", "ls", build(ARGUMENTS))[1] == "ls\n"


def test_files_are_denied_by_default_and_the_grant_is_named(build: Build) -> None:
    status, out, err = run("run", build(OPEN_ROOT))
    assert (status, out) == (1, "")
    assert err.startswith("pywasmjit: denied: ")
    assert "--dir" in err
    assert run("run", "-q", build(OPEN_ROOT)) == (1, "", "")


@pytest.mark.parametrize("options", [["-A"], ["--dir", "/etc:ro"]])
def test_files_can_be_granted(build: Build, options: list[str]) -> None:
    if not Path("/etc/hostname").exists():
        pytest.skip("no /etc/hostname here")
    assert run("run", *options, build(OPEN_ROOT)) == (0, "", "")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--dir", "::/x"], "HOST[::GUEST][:ro]"),
        (["--allow", "moon"], "unknown capability 'moon'; known are net"),
    ],
)
def test_wrong_grants(build: Build, options: list[str], complaint: str) -> None:
    status, out, err = run("run", *options, build(HELLO))
    assert (status, out) == (2, "")
    assert complaint in err


def test_stats(calculator: str) -> None:
    status, out, err = run("run", "--stats", "--invoke", "add", calculator, "1", "2")
    assert (status, out) == (0, "3\n")
    assert [line.split()[1] for line in err.splitlines()][:3] == ["load", "link", "run"]
    assert err.endswith("pywasmjit: compiled 1 of 9 functions\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", [["--version"], ["inspect", "{}"], ["run", "--invoke", "add", "{}", "1", "2"]])
def test_output_that_cannot_be_written(command: list[str], calculator: str) -> None:
    with open("/dev/full", "w") as full:
        status, _, err = run(*(word.format(calculator) for word in command), stdout=full)
    assert (status, err) == (1, "pywasmjit: No space left on device\n")


# ---------------------------------------------------------------- unusable files


@pytest.mark.parametrize("command", ["run", "validate", "inspect"])
def test_missing_file(command: str) -> None:
    status, out, err = run(command, "nowhere.wasm")
    assert (status, out) == (1, "")
    assert err == "pywasmjit: nowhere.wasm: No such file or directory\n"


@pytest.mark.parametrize("command", ["run", "validate", "inspect"])
def test_malformed_file(command: str, tmp_path: Path) -> None:
    path = tmp_path / "text.wasm"
    path.write_text("hello, world\n")
    status, out, err = run(command, str(path))
    assert (status, out) == (1, "")
    assert err.startswith(f"pywasmjit: {path}: malformed module: ")
    assert len(err.splitlines()) == 1


def test_invalid_file(tmp_path: Path) -> None:
    path = tmp_path / "invalid.wasm"
    path.write_bytes(b"\0asm\1\0\0\0" + bytes.fromhex("01 05 01 60 00 01 7f  03 02 01 00  0a 04 01 02 00 0b"))
    for command in ("run", "validate"):
        status, out, err = run(command, str(path))
        assert (status, out) == (1, "")
        assert err.startswith(f"pywasmjit: {path}: invalid module: type mismatch")


def test_link_error(build: Build) -> None:
    status, out, err = run("run", build('(module (import "env" "x" (func)) (func (export "_start")))'))
    assert (status, out) == (1, "")
    assert "cannot link: unknown import: 'env'.'x'" in err


def test_wasi_is_refused_by_name(build: Build) -> None:
    text = '(module (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))) (func (export "_start")))'
    status, out, err = run("run", build(text))
    assert (status, out) == (1, "")
    assert "WASI" in err


def test_unsupported_feature_is_named(build: Build) -> None:
    status, out, err = run("run", build('(module (func (export "_start") v128.const i64x2 1 2 drop))'))
    assert (status, out) == (1, "")
    assert "the feature 'simd' is not supported yet" in err


# ---------------------------------------------------------------- validate and inspect


def test_validate(calculator: str, tmp_path: Path) -> None:
    assert run("validate", calculator) == (0, "", "")
    assert run("validate", "-v", calculator) == (0, f"{calculator}: valid\n", "")
    broken = tmp_path / "broken.wasm"
    broken.write_bytes(b"")
    status, _, err = run("validate", str(broken), calculator)
    assert status == 1
    assert len(err.splitlines()) == 1
    assert run("validate", "-q", str(broken)) == (1, "", "")


def test_inspect(calculator: str) -> None:
    status, out, err = run("inspect", calculator)
    assert (status, err) == (0, "")
    assert "named calculator" in out
    assert any(line.split() == ["add", "func", "(i32,", "i32)", "->", "(i32)"] for line in out.splitlines())


def test_inspect_json(calculator: str) -> None:
    status, out, err = run("inspect", "--json", calculator)
    assert (status, err) == (0, "")
    assert json.loads(out)["functions"]["own"] == 9


# ---------------------------------------------------------------- the border


def test_an_internal_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: 1 // 0, "x.wasm", verbose=False) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pywasmjit: internal error: ZeroDivisionError: ")
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain", "plain"), ("a\x1b[2Jb", r"a\x1b[2Jb"), ("\udcff", r"\udcff"), ("line\nline", r"line\nline"), ("é", "é")],
)
def test_names_cannot_steer_the_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown
