"""Child processes and executed programs: as the kernel does it natively, each run in a process of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from test_calls import HERE, make_files
from toolchain import native_program, wasm_program

import pywasmjit as wj

ROOT = HERE.parents[1]
ENGINE = [sys.executable, "-P", "-m", "pywasmjit", "run"]
PROG = "prog"
"""What the program itself is called in the working directory, in whichever form it runs."""


def script(first: bytes) -> bytes:
    return b"#!" + first


SCRIPTS = {
    "s1": script(b"./prog\nrest\n"),
    "s2": script(b" \t./prog \t an argument  \t\nx"),
    "s3": script(b"./s2"),
    "s4": script(b"./s3 \n"),
    "s5": script(b"./s4\n"),
    "s6": script(b"./s5\n"),
    "s7": script(b"./s6\n"),
    "none": script(b"\n"),
    "blank": script(b"  \t \n"),
    "lost": script(b"/no/such\n"),
    "directory": script(b"./sub\n"),
    "forbidden": script(b"./prog-not-executable\n"),
    "itself": script(b"./itself\n"),
    "long": script(b"x" * 300 + b"\n"),
    "argument": script(b"./prog " + b"y" * 300 + b"\n"),
    "shell": script(b'/bin/sh\necho shell "$0" "$@"; exit 12\n'),
    "nul": script(b"./prog\0more\n"),
    "exact": script(b"/bin/true".rjust(254)),
    "exact2": script(b"/bin/true".rjust(253) + b"\n"),
    "garbage": b"hello\n",
    "empty-program": b"",
    "elfish": b"\x7fELF garbage",
    "wasmish": b"\0as",
}


def renew(work: Path, program: Path) -> None:
    """Fill a directory anew, with `program` and scripts for it."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    make_files(work)
    shutil.copy(program, work / PROG)
    (work / PROG).chmod(0o755)
    for name, data in SCRIPTS.items():
        (work / name).write_bytes(data)
        (work / name).chmod(0o755)
    (work / "not-executable").write_bytes(SCRIPTS["s1"])
    shutil.copy(program, work / "prog-not-executable")
    (work / "prog-not-executable").chmod(0o644)
    (work / "to-script").symlink_to("s1")


def outcome(command: Sequence[str | Path], work: Path) -> tuple[int, str, list[str]]:
    env = {"PYTHONPATH": str(ROOT), "KEPT": "engine"}
    run = subprocess.run(command, capture_output=True, check=False, timeout=60, cwd=work, env=env, process_group=0)
    out, err = (os.fsdecode(each) for each in (run.stdout, run.stderr))
    return run.returncode, err, out.splitlines()


def both_ways(name: str, tmp_path: Path, *args: str) -> list[str]:
    """Run a program natively and as Wasm; compare; return what it printed."""
    source = HERE / f"{name}.c"
    work = tmp_path / "work"
    native, wasm = native_program(source), wasm_program(source)
    renew(work, native)
    expected = outcome(["./prog", *args], work)
    renew(work, wasm)
    found = outcome([*ENGINE, "-A", "-q", "./prog", *args], work)
    assert found == expected
    return expected[2]


# -- fork and wait ----------------------------------------------------------------------------------------------------


def test_children(tmp_path: Path) -> None:
    source = HERE / "children.c"
    expected = outcome([native_program(source)], tmp_path)
    found = outcome([*ENGINE, "-A", wasm_program(source)], tmp_path)
    assert found[::2] == expected[::2]
    assert found[1].startswith("pywasmjit: trap: unreachable\n")


def test_children_with_a_time_limit(tmp_path: Path) -> None:
    """Waiting is then done in slices."""
    source = HERE / "children.c"
    expected = outcome([native_program(source)], tmp_path)
    found = outcome([*ENGINE, "-A", "--timeout", "1m", wasm_program(source)], tmp_path)
    assert found[::2] == expected[::2]


def test_children_that_signals_end(tmp_path: Path) -> None:
    printed = both_ways("killed", tmp_path)
    assert {"paused killed 15", "child stopped 19", "child continued", "reaped=-10"} < set(printed)


def test_fork_and_execve_in_a_second_thread(tmp_path: Path) -> None:
    source = HERE / "threadfork.c"
    work = tmp_path / "work"
    renew(work, native_program(source))
    expected = outcome(["./prog", "5"], work)
    renew(work, wasm_program(source))
    status, errors, printed = outcome([*ENGINE, "-A", "-q", "./prog", "5"], work)
    assert (status, printed) == expected[::2]
    assert errors == "pywasmjit: trap: unreachable\n" * 5
    assert printed.count("group exited 21") == 5
    assert printed.count("./prog exited 23") == 5
    assert printed.count("alone=1") == 6


def test_many_forks_leave_nothing(tmp_path: Path) -> None:
    assert both_ways("children", tmp_path, "200") == ["good=200", "descriptor=3"]


def test_a_sandbox_needs_the_capability(tmp_path: Path) -> None:
    program = wasm_program(HERE / "children.c")
    status, errors, lines = outcome([*ENGINE, program, "3"], tmp_path)
    assert (status, lines[0]) == (0, "good=0")
    assert errors == "pywasmjit: denied: vfork; --allow process grants it\n"
    assert outcome([*ENGINE, "--allow", "process", program, "3"], tmp_path)[2][0] == "good=3"


def test_inside_a_larger_program_there_are_no_children(tmp_path: Path) -> None:
    reports: list[str] = []
    with open(os.devnull, "wb") as null:
        wali = wj.Wali(["children", "3"], {}, wj.Policy.allow_all(), stdout=null, report=reports.append)
        assert wali.start(wj.Instance(wj.Module.from_file(wasm_program(HERE / "children.c")), wali)) == 0
    assert reports == ["denied: fork; a process of its own (pywasmjit run) grants it"]


# -- execve -----------------------------------------------------------------------------------------------------------

PATHS = [
    *SCRIPTS, "not-executable", "prog-not-executable",
    "to-script", "sublink", "loop", "./s1", "s1/", "file", "file/x", "missing", "dangling",
    ".", "/", "/dev/null",
]  # fmt: skip


def test_execve_of_all_kinds_of_files(tmp_path: Path) -> None:
    printed = both_ways("execute", tmp_path, "paths", *PATHS)
    assert "told: [./prog] [an argument] [./s2] [./s3] [./s4] [./s5] [s6] [one]" in printed
    assert {"s7 exited 40", "garbage exited 8", "shell exited 12", "not-executable exited 13"} < set(printed)


def test_execve_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    assert both_ways("execute", tmp_path, "bad", "./prog")[-1] == "still=3"


def test_execve_without_arguments(tmp_path: Path) -> None:
    assert both_ways("execute", tmp_path, "bare", "./prog")[0] == "told: []"


def test_what_an_executed_program_finds(tmp_path: Path) -> None:
    """Arguments, environment, descriptors by their numbers, working directory, limits."""
    printed = both_ways("execute", tmp_path, "become", "../prog")
    assert printed[0] == "told: [name] [a b] [] [\udcff\udcfe]"
    assert "seven=[inside]" in printed
    assert "files=100" in printed


def test_a_native_program_finds_the_same(tmp_path: Path) -> None:
    native, wasm = native_program(HERE / "execute.c"), wasm_program(HERE / "execute.c")
    work = tmp_path / "work"
    renew(work, native)
    expected = outcome(["./prog", "become", "../prog"], work)
    renew(work, native)
    assert outcome([*ENGINE, "-A", wasm, "become", "../prog"], work) == expected
    found = Path("/bin/echo")
    assert outcome([*ENGINE, "-A", wasm, "paths", str(found)], work)[2] == ["one", f"{found} exited 0"]


def test_rights_are_handed_on(tmp_path: Path) -> None:
    """A sandboxed program stays one: same directories, read-only as before, same capabilities."""
    work = tmp_path / "work"
    renew(work, wasm_program(HERE / "execute.c"))
    command: list[str | Path] = [
        *ENGINE,
        "-q",
        "--dir",
        f"{work}::/here:ro",
        "--allow",
        "exec",
        "--argv0",
        "prog",
        work / PROG,
    ]
    status, errors, lines = outcome([*command, "become", "../prog"], work)
    assert (status, errors) == (37, "")
    assert lines[0].startswith("told: [name] [a b]")
    assert "/here/sub" in lines
    assert "seven=[inside]" in lines
    status, _, lines = outcome([*command, "paths", "s1"], work)
    assert lines == ["s1 killed 0"] or status == 0  # no capability for children: the program is told so


def test_a_grant_is_handed_on_open(tmp_path: Path) -> None:
    """What a program puts into the place of a granted directory is not granted to the program that it executes."""
    work = tmp_path / "work"
    renew(work, wasm_program(HERE / "swap.c"))
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_text("outside")
    grants = ["--dir", f"{work}::/w", "--dir", f"{work / 'sub'}::/sub"]
    command = [*ENGINE, "-q", *grants, "--allow", "exec", "./prog", "/w/prog", str(tmp_path / "secret")]
    status, errors, lines = outcome(command, work)
    assert (status, errors) == (0, "")
    assert lines == ['sys_open("/sub/file", O_RDONLY, 0)=-2', 'sys_open("/sub/inner", O_RDONLY, 0)=3']
    assert (work / "sub").is_symlink()


VARIABLES = [
    *(
        "PYTHONPATH=.",
        "PYTHONHOME=.",
        "PYTHONSTARTUP=./json.py",
        "PYTHONVERBOSE=1",
        "PYTHONINSPECT=1",
        "PYTHONOPTIMIZE=2",
    ),
    *("PYTHONMALLOC=nonsense", "LD_PRELOAD=./planted.so", "LD_LIBRARY_PATH=.", "LD_AUDIT=./planted.so", "LD_DEBUG=all"),
    *("GLIBC_TUNABLES=glibc.rtld.nns=x", "LD_SHOW_AUXV=1", "LD_TRACE_LOADED_OBJECTS=1", "PATH=.", "HOME=/nowhere"),
]


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_guests_environment_is_not_the_engines(tmp_path: Path, variable: str) -> None:
    work = tmp_path / "work"
    renew(work, wasm_program(HERE / "become.c"))
    for name in ("json.py", "sitecustomize.py", "libc.so.6", "libpython3.so"):
        (work / name).write_text("raise SystemExit('planted')\n")
    status, errors, lines = outcome([*ENGINE, "-A", "./prog", "./prog", variable], work)
    assert (status, errors) == (0, "")
    assert lines == [variable]


@pytest.mark.parametrize("variable", ["PYTHONPATH=.", "LD_LIBRARY_PATH=/nowhere", "GLIBC_TUNABLES=", "LD_SHOW_AUXV="])
def test_native_programs_get_the_guests_environment_and_no_other(tmp_path: Path, variable: str) -> None:
    work = tmp_path / "work"
    renew(work, wasm_program(HERE / "become.c"))
    status, errors, lines = outcome([*ENGINE, "-A", "./prog", "/usr/bin/env", variable], work)
    assert (status, errors) == (0, "")
    assert lines[-1] == variable
    assert not any("KEPT" in line for line in lines)


# -- trace ------------------------------------------------------------------------------------------------------------


def traced(tmp_path: Path, *options: str) -> tuple[list[str], str]:
    work = tmp_path / "work"
    renew(work, wasm_program(HERE / "execute.c"))
    result = outcome([*ENGINE, "-A", *options, "./prog", "become", "../prog"], work)
    assert result[0] == 37
    return [re.sub(r"^\[\d+\] \d+\.\d{6} | <\d+\.\d{6}>$", "", line) for line in result[1].splitlines()], result[2][0]


def test_trace(tmp_path: Path) -> None:
    lines, told = traced(tmp_path, "--strace")
    assert told.startswith("told: [name]")
    assert 'open("file", O_RDONLY|O_CLOEXEC, 0) = 5' in lines
    assert "close(20) = 0" in lines
    assert "fcntl(0, F_GETFD, 0) = -1 EBADF (Bad file descriptor)" in lines
    assert 'read(7, "inside", 4096) = 6' in lines
    assert (
        'execve("../prog", ["name", "a b", "", "\\xff\\xfe"], ["A=1", "PYTHONPATH=/nowhere", "LD_PRELOAD=", "odd", '
        in ("\n".join(lines))
    )
    assert lines[-1] == "exit_group(37) = ?"


def test_trace_of_some_calls_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "trace"
    lines, _ = traced(tmp_path, f"--strace={file}", "--strace-only", "dup2,setrlimit")
    assert lines == []
    text = file.read_text()
    assert text.count("\n") == 7
    assert "] 0." in text.splitlines()[0]
    assert " dup2(3, 8) = 8 <" in text
    assert "setrlimit(RLIMIT_NOFILE, 0x" in text


def test_trace_of_a_call_that_does_not_exist(tmp_path: Path) -> None:
    program = wasm_program(HERE / "execute.c")
    assert outcome([*ENGINE, "--strace-only", "open,nonsense", program], tmp_path)[:2] == (
        2,
        "pywasmjit: there is no call 'nonsense'\n",
    )


@pytest.mark.parametrize("way", ["fork", "thread", "execve"])
def test_no_thread_gets_around_the_time_limit(tmp_path: Path, way: str) -> None:
    """The limit is the program's: who forks or executes another in a second thread takes it along."""
    work = tmp_path / "work"
    renew(work, wasm_program(HERE / "outlive.c"))
    grants = ["--dir", f"{work}::/", "--allow", "process", "--allow", "exec"]
    command = [*ENGINE, "--timeout", "1s", *grants, "--argv0", PROG, str(work / PROG), way]
    status, errors, lines = outcome(command, work)
    assert (status, len(lines)) == (124, 1)
    assert "timed out after" in errors
    child = int(lines[0].removeprefix("child="))
    for _ in range(200):
        if not os.path.exists(f"/proc/{child}"):
            break
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{child}")
