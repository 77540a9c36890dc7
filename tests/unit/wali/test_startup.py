"""From linking to the exit status, with modules written by hand."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from guest import Guest
from wasmtime import wat2wasm

import pywasmjit as wj
from pywasmjit.wali.environment import EnvironmentFile, encode
from pywasmjit.wasm.types import FuncType, GlobalType, ImportType


def module(body: str, imports: str = "") -> wj.Module:
    text = f"""
    (module
      (import "wali" "__proc_exit" (func $exit (param i32)))
      (import "wali" "SYS_write" (func $write (param i32 i32 i32) (result i64)))
      {imports}
      (memory (export "memory") 1 10)
      (data (i32.const 100) "hello\\n")
      (func (export "_start") {body}))
    """
    return wj.Module(wat2wasm(text))


def run(made: wj.Module, **options: object) -> tuple[int, bytes]:
    with TemporaryFile() as output:
        wali = wj.Wali(["program"], stdout=output, report=None, **options)  # type: ignore[arg-type]
        status = wali.start(wj.Instance(made, wali))
        output.seek(0)
        return status, output.read()


WRITE = "(drop (call $write (i32.const 1) (i32.const 100) (i32.const 6)))"


def test_write_and_exit() -> None:
    assert run(module(f"{WRITE} (call $exit (i32.const 7)) {WRITE}")) == (7, b"hello\n")


def test_return_from_start_is_success() -> None:
    assert run(module(WRITE)) == (0, b"hello\n")


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (255, 255), (256, 0), (259, 3), (-1, 255)])
def test_status_has_eight_bits(status: int, expected: int) -> None:
    assert run(module(f"(call $exit (i32.const {status}))"))[0] == expected


def test_traps_pass() -> None:
    with pytest.raises(wj.Trap, match="unreachable"):
        run(module("unreachable"))


def test_exit_imported_without_result() -> None:
    made = module("(call $e (i32.const 5))", '(import "wali" "SYS_exit" (func $e (param i32)))')
    assert run(made)[0] == 5


def test_exit_imported_twice_with_two_types() -> None:
    imports = """
      (import "wali" "SYS_exit" (func $a (param i32)))
      (import "wali" "SYS_exit" (func $b (param i32) (result i64)))"""
    assert run(module("(drop (call $b (i32.const 6)))", imports))[0] == 6


def test_unknown_calls_answer_enosys() -> None:
    imports = """
      (import "wali" "SYS_bogus" (func $a (param i32 i64 f32) (result i64)))
      (import "wali" "SYS_other" (func $b (result i32)))
      (import "wali" "SYS_none" (func $c))"""
    body = """
      (call $c)
      (call $exit (i32.sub
        (i32.wrap_i64 (call $a (i32.const 1) (i64.const 2) (f32.const 3)))
        (i32.mul (i32.const 2) (call $b))))"""
    assert run(module(body, imports))[0] == 38


def test_functions_that_do_not_exist_link_and_trap() -> None:
    made = module("(call $a (i32.const 0))", '(import "wali" "__unmapself" (func $a (param i32)))')
    with pytest.raises(wj.Trap, match="__unmapself is not available"):
        run(made)


def test_setjmp_returns_zero_and_longjmp_traps() -> None:
    imports = """
      (import "wali" "setjmp" (func $s (param i32) (result i32)))
      (import "wali" "longjmp" (func $l (param i32 i32)))"""
    assert run(module("(call $exit (call $s (i32.const 200)))", imports))[0] == 0
    with pytest.raises(wj.Trap, match="longjmp to a function that has returned"):
        run(module("(call $l (i32.const 200) (i32.const 1))", imports))


def test_a_wrong_type_does_not_link() -> None:
    made = module("", '(import "wali" "SYS_read" (func (param f32) (result i64)))')
    with pytest.raises(wj.LinkError, match="SYS_read"):
        run(made)


def test_other_imports_are_not_ours() -> None:
    wali = wj.Wali()
    assert wali.resolve_import(ImportType("env", "SYS_read", FuncType())) is NotImplemented
    assert wali.resolve_import(ImportType("wali", "SYS_read", GlobalType("i32"))) is NotImplemented
    wali.close()


def test_calls_during_instantiation_see_no_memory() -> None:
    text = """
    (module
      (import "wali" "SYS_write" (func $write (param i32 i32 i32) (result i64)))
      (memory (export "memory") 1)
      (global $result (export "result") (mut i64) (i64.const 0))
      (func $begin (global.set $result (call $write (i32.const 1) (i32.const 0) (i32.const 6))))
      (start $begin))
    """
    with wj.Wali(report=None) as wali:
        instance = wj.Instance(wj.Module(wat2wasm(text)), wali)
        assert instance.exports["result"].value == -14


def test_no_start_function() -> None:
    wali = wj.Wali()
    with pytest.raises(wj.LinkError, match="_start"):
        wali.start(wj.Instance(wj.Module(wat2wasm("(module)")), wali))


def test_arguments() -> None:
    arguments = [b"prog", b"", b"a b", b"\xff\xfe", "ü".encode()]
    with Guest(args=arguments) as guest:
        assert guest.__cl_get_argc() == 5
        assert [guest.__cl_get_argv_len(n) for n in range(6)] == [4, 0, 3, 2, 2, 0]
        for index, expected in enumerate([*arguments, b""]):
            assert guest.__cl_copy_argv(3000, index) == 0
            assert guest.memory.read(3000, len(expected) + 1) == expected + b"\0"
        assert guest.__cl_copy_argv(0xFFFF_FFFF, 0) == -14
        assert guest.__cl_copy_argv(0, 0) == -14


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="NUL"):
        wj.Wali(["a\0b"])


def test_environment_text() -> None:
    variables = {"A": "1", "EMPTY": "", "B": "x=y", "BAD": "a\nb", "": "z", "C=D": "e", "N": "a\0", "É": "ñ\udcff"}
    assert encode(variables) == b"A=1\nEMPTY=\nB=x=y\n" + "É=ñ".encode() + b"\xff\n"
    assert encode({}) == b""


def test_environment_file_exists_for_open_and_access_alone() -> None:
    with Guest(env={"A": "1", "B": "two"}) as guest:
        assert guest.__get_init_envfile(3000, 1000) == 1
        path = guest.memory.read_str(3000)
        assert guest.access(path, 4) == 0
        assert guest.access(path, 0) == 0
        assert guest.access(path, 2) < 0
        assert guest.stat(path, 4000) < 0
        assert guest.unlink(path) < 0
        assert guest.open(path, os.O_RDWR, 0) < 0
        fd = guest.open(path, os.O_RDONLY, 0)
        assert guest.fstat(fd, 4000) == 0
        assert guest.memory.unpack("<q", 4048) == (10,)
        at = guest.mmap(0, 10, 3, 2, fd, 0)
        assert guest.memory.read(at, 12) == b"A=1\nB=two\n\0\0"
        again = guest.open(path, os.O_RDONLY, 0)
        assert guest.read(again, 5000, 100) == 10
        assert guest.read(fd, 5000, 100) == 10
        guest.memory.write(at, b"X")
        assert guest.pread64(again, 5000, 1, 0) == 1
        assert guest.memory.read(5000, 1) == b"A"


def test_path_of_the_environment_that_does_not_fit() -> None:
    with Guest(env={"A": "1"}) as guest:
        guest.memory.write(3000, b"zzzz")
        assert guest.__get_init_envfile(3000, 5) == 1
        assert guest.memory.read(3000, 4) == b"\0zzz"
        assert guest.__get_init_envfile(3000, 0) == 1
        assert guest.__get_init_envfile(0xFFFF_0000, 100) == -14
    with Guest() as guest:
        assert guest.__get_init_envfile(3000, 1000) == 0


def test_environment_without_memory_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    file = EnvironmentFile({"A": "1"})
    fd = file.open()
    assert os.read(fd, 100) == b"A=1\n"
    os.close(fd)
    file.close()


def test_streams_are_files_or_numbers(tmp_path: Path) -> None:
    target = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)
    wali = wj.Wali(stdout=target, report=None)
    assert wali.start(wj.Instance(module(WRITE), wali)) == 0
    os.close(target)  # still ours
    assert (tmp_path / "out").read_bytes() == b"hello\n"


def test_nothing_is_left_open() -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(3):
        run(module(WRITE), env={"A": "1"}, policy=wj.Policy.sandbox({"/x": "/"}), cwd="/x")
        with pytest.raises(wj.Trap):
            run(module("unreachable"), policy=wj.Policy.sandbox({"/x": "/"}))
    assert sorted(os.listdir("/proc/self/fd")) == before
