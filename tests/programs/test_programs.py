"""Real programs on real input: the Wasm build does what the native build of the same source does."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from running import Run
from toolchain import wasm_program

import pywasmjit as wj

HERE = Path(__file__).parent
PYTHON = sys.executable


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a directory with texts of several kinds."""
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "poem.txt").write_text("two roads\n diverged\tin a yellow wood\n\nno newline at the end")
    (tmp_path / "bytes.bin").write_bytes(random.Random(1).randbytes(200_000))
    (tmp_path / "block").write_bytes(b"x" * 64)
    (tmp_path / "almost").write_bytes(b"y" * 55)
    (tmp_path / "over").write_bytes(b"z" * 56)
    (tmp_path / "numbers").write_text("".join(f"{n * 7919 % 1009 - 500}\n" for n in range(400)))
    (tmp_path / "ünïcode").write_text("naïve\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to("poem.txt")
    return tmp_path


def check(name: str, files: Path, *args: str | bytes, stdin: bytes = b"", **env: str) -> bytes:
    """Run a program natively and as Wasm, compare everything, and return what it printed."""
    run = Run(HERE / f"{name}.c", args, env, stdin, files)
    expected = run.native()
    assert run.wasm() == expected
    assert run.wasm(wj.Policy.allow_all()) == expected
    return expected.stdout


@pytest.mark.parametrize(
    "args",
    [
        ("poem.txt",),
        ("empty", "poem.txt", "bytes.bin"),
        ("./sub/../poem.txt", "link", "ünïcode"),
        ("missing", "poem.txt"),
        ("sub",),
        ("poem.txt/", "empty"),
        ("",),
        ("x" * 300,),
        ("sub/" * 2000,),
    ],
)
def test_word_count(files: Path, args: tuple[str, ...]) -> None:
    check("wc", files, *args)


def test_word_count_of_standard_input(files: Path) -> None:
    assert check("wc", files, stdin=b"one two\nthree\n") == b"       2        3       14 -\n"


def test_sha256_is_sha256(files: Path) -> None:
    names = ["empty", "poem.txt", "block", "almost", "over", "link"]
    printed = check("sha256", files, *names)
    expected = [f"{hashlib.sha256((files / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    assert printed.decode() == "".join(expected)


@pytest.mark.parametrize("args", [("bytes.bin",), ("missing", "block"), ("sub",), ("-",)])
def test_sha256(files: Path, args: tuple[str, ...]) -> None:
    check("sha256", files, *args, stdin=b"from a pipe")


@pytest.mark.parametrize(
    "args",
    [
        ("poem.txt",),
        ("-n", "numbers"),
        ("-nr", "numbers"),
        ("-u", "poem.txt", "link"),
        ("-run", "numbers", "numbers"),
        ("empty",),
        ("numbers", "missing"),
        ("-x",),
        ("bytes.bin",),
    ],
)
def test_sort(files: Path, args: tuple[str, ...]) -> None:
    check("sort", files, *args)


def test_sort_of_standard_input_and_files(files: Path) -> None:
    assert check("sort", files, "-", "empty", stdin=b"b\na\nc") == b"a\nb\nc\n"


WON = (
    b"take lamp\nlight lamp\ngo up\ngo east\ntake book\nread book\ngo down\ntake key\ngo up\ngo west\n"
    b"unlock door\ngo north\n"
)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(WON, id="won"),
        pytest.param(b"go up\ngo north\nquit\n", id="quit"),
        pytest.param(b"go up\ngo east\ngo down\ndance\nlook\n", id="eaten"),
        pytest.param(b"LOOK\nTake Lamp\r\ntake lamp\n" + b"x" * 500, id="long line, end of input"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_adventure(files: Path, script: bytes) -> None:
    check("adventure", files, stdin=script)


def test_adventure_can_be_won(files: Path) -> None:
    printed = check("adventure", files, "Alice", stdin=WON)
    assert printed.startswith(b"Welcome, Alice.\n")
    assert printed.endswith(b"You have won.\nturns=12\n")


@pytest.mark.parametrize(
    ("args", "env"),
    [
        ((), {}),
        (("a", "", "b c", "ü", b"\xff\xfe"), {"HOME": "/root", "EMPTY": "", "É": "ñ", "X=": "left out by nobody"}),
        (("-n", "HOME", "MISSING"), {"HOME": "/home"}),
        (("x" * 10000,), {"LONG": "y" * 20000}),
    ],
)
def test_arguments_and_environment(files: Path, args: tuple[str | bytes, ...], env: dict[str, str]) -> None:
    check("printenv", files, *args, **{name: value for name, value in env.items() if "=" not in name})


def test_variables_that_lines_cannot_carry_are_left_out(files: Path) -> None:
    run = Run(HERE / "printenv.c", (), {"GOOD": "1", "BAD": "a\nb", "": "x", "N=": "y"}, cwd=files)
    assert run.wasm().stdout == b"argc=1\nGOOD=1\n"


def command_line(*args: str | Path, cwd: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [PYTHON, "-P", "-m", "pywasmjit", "run", *map(str, args)]
    env = {**os.environ, "PYTHONPATH": str(Path(wj.__file__).parents[1])}
    return subprocess.run(command, cwd=cwd, env=env, input=stdin, capture_output=True, timeout=60, check=False)


def test_command_line_prints_what_sha256sum_prints(files: Path) -> None:
    program = wasm_program(HERE / "sha256.c")
    result = command_line("--dir", ".", program, "poem.txt", "bytes.bin", cwd=files)
    reference = subprocess.run(["sha256sum", "poem.txt", "bytes.bin"], cwd=files, capture_output=True, check=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, reference.stdout, b"")


def test_command_line_names_the_option_that_grants(files: Path) -> None:
    program = wasm_program(HERE / "wc.c")
    result = command_line(program, "poem.txt", "empty", cwd=files)
    assert result.returncode == 1
    assert result.stdout == b"       0        0        0 total\n"
    assert result.stderr.splitlines() == [
        b"pywasmjit: denied: access to 'poem.txt'; --dir . grants it",
        b"wc: poem.txt: error 13",
        b"wc: empty: error 13",
    ]


def test_command_line_passes_standard_input_and_status(files: Path) -> None:
    program = wasm_program(HERE / "adventure.c")
    result = command_line(program, cwd=files, stdin=b"go up\ngo east\ngo down\ndance\nlook\n")
    assert result.returncode == 3
    assert result.stdout.endswith(b"Something has eaten you.\nturns=5\n")
