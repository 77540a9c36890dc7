"""The kernel's walls: alone, with the gate wide open, nothing reaches beyond the grants; what is granted works on."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from errno import EACCES
from pathlib import Path
from typing import IO

import pytest
import test_calls as calls
import test_metadata as metadata
import test_processes as processes
import test_sockets as sockets
import wasmtime
from refused_cases import WORDS
from running import Outcome, Run
from test_calls import HERE, renew
from toolchain import native_program, wasm_program

import pywasmjit as wj
from pywasmjit.guest.kernel import landlock
from pywasmjit.guest.policy.walls import COMPLETE

ROOT = HERE.parents[1]
ENGINE = [sys.executable, "-P", "-m", "pywasmjit", "run"]  # or Python would look at the working directory
ALONE = [sys.executable, str(HERE / "walls_alone.py")]

pytestmark = pytest.mark.skipif(landlock.version() < COMPLETE, reason="this kernel has not all of the walls")

EXEC = ["--walls", "require", "-q", "--allow", "exec", "--allow", "process"]
ENV = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
LOOKS = {"stat", "lstat", "newfstatat", "statx", "statfs"}
"""Imports that the walls let look at what no grant holds, whatever is granted; statfs opens what it looks at."""
LEFT = {
    *(*LOOKS, "access", "faccessat", "faccessat2", "readlink", "readlinkat", "chdir", "sendmsg"),
    *("chmod", "fchmodat", "chown", "lchown", "fchownat", "utimensat", "utimes", "utime", "futimesat"),
}
"""The same once a directory is granted for writing, with those that change; chdir is the engine's own affair."""
BY_PATH = {"connect to a path", "sendto a path"}
"""Unix sockets by path: the walls know of them only where no directory is writable."""


in_this_process = Run.wasm


def run(command: list[str | Path], cwd: Path, *reach: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with this engine in reach, and what lies in further directories."""
    line = [str(each) for each in command]
    env = ENV | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, *reach)))}
    return subprocess.run(
        line, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False, process_group=0
    )


def results(printed: str) -> dict[str, int]:
    """Read lines of the form name=number."""
    return {name: int(number) for name, _, number in (line.rpartition("=") for line in printed.splitlines())}


# -- the kernel alone -------------------------------------------------------------------------------------------------


@dataclass
class World:
    """A granted directory, one outside with everything that could be reached there, and who listens."""

    inside: Path
    outside: Path
    words: list[str]
    servers: list[socket.socket]

    def command(self, *start: str | Path) -> list[str | Path]:
        return [*start, self.inside, self.outside, *self.words]

    def heard(self) -> list[str]:
        """Return which servers somebody has called or sent something to."""
        found = []
        for server in self.servers:
            server.setblocking(False)
            try:
                server.accept() if server.type == socket.SOCK_STREAM else server.recv(10)
            except BlockingIOError:
                continue
            found.append(f"{server.family.name} {server.type.name}")
        return found

    def content(self) -> dict[str, object]:
        """Return what is outside, but for what the gate alone guards: owners, modes and times."""
        files = [path for path in self.outside.rglob("*") if not path.is_socket()]
        return {str(path): os.readlink(path) if path.is_symlink() else self._read(path) for path in files}

    def _read(self, path: Path) -> object:
        return path.read_bytes() if path.is_file() else "directory"


FILES = (
    *("secret", "plain", "trunc", "rename", "replaced", "link", "unlink"),
    *("chmod", "chmodat", "chown", "lchown", "chownat", "times", "utimes", "utime", "futimes"),
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for directory in (inside, outside):
        directory.mkdir()
        shutil.copy("/bin/true", directory / "program")
    for name in FILES:
        (outside / name).write_text(f"content of {name}")
    for name in ("empty", "sub"):
        (outside / name).mkdir()
    (outside / "to-secret").symlink_to("secret")
    (inside / "escape").symlink_to("../outside")
    for name in ("file", "given"):
        (inside / name).write_text("mine")
    with ExitStack() as stack:
        servers = [
            _server(stack, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            _server(stack, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            _server(stack, socket.AF_UNIX, socket.SOCK_STREAM, f"\0walls{os.getpid()}"),
            _server(stack, socket.AF_UNIX, socket.SOCK_STREAM, str(outside / "stream")),
            _server(stack, socket.AF_UNIX, socket.SOCK_DGRAM, str(outside / "datagram")),
        ]
        victim = subprocess.Popen(["sleep", "100"], process_group=0)
        stack.callback(victim.wait)
        stack.callback(victim.kill)
        ports = [str(server.getsockname()[1]) for server in servers[:2]]
        yield World(inside, outside, [*ports, f"walls{os.getpid()}", str(victim.pid)], servers)


def _server(stack: ExitStack, family: int, kind: int, name: object) -> socket.socket:
    server = stack.enter_context(socket.socket(family, kind))
    server.bind(name)
    if kind == socket.SOCK_STREAM:
        server.listen(10)
    return server


def test_natively_all_of_it_works(world: World) -> None:
    """Without walls every request is answered, so the others show something."""
    ended = run(world.command(native_program(HERE / "outside.c")), world.inside)
    found = results(ended.stdout)
    for_root = {
        *("sys_socket(AF_INET, 3, 1)", "sys_socket(17, 3, 0)"),
        'sys_linkat(secret, "", AT_FDCWD, IN("by-descriptor"), 0x1000)',
    }
    assert {name for name, result in found.items() if result < 0} <= (for_root if os.geteuid() else set())
    assert ended.returncode == 0
    assert not any("execve" in name for name in found)
    assert len(world.heard()) == 5


@pytest.mark.parametrize("writable", [False, True], ids=["nothing granted", "directory granted"])
def test_nothing_beyond_the_grants_is_reached(world: World, writable: bool) -> None:
    before = world.content()
    grants = ["--dir", str(world.inside)] if writable else []
    ended = run(world.command(*ALONE, *grants, wasm_program(HERE / "outside.c")), world.inside)
    assert (ended.returncode, ended.stderr) == (0, "")
    found = results(ended.stdout)
    assert len(found) == 79
    assert {name for name, result in found.items() if result >= 0} == (
        LEFT | BY_PATH if writable else LOOKS | {"sendmsg"}
    )
    assert world.content() == before
    assert sorted(world.heard()) == ["AF_UNIX SOCK_DGRAM", *(["AF_UNIX SOCK_STREAM"] if writable else [])]


def test_what_the_kernel_lets_through_the_gate_refuses(world: World) -> None:
    program = wasm_program(HERE / "outside.c")
    command = world.command(*ENGINE, "-q", "--walls", "off", "--dir", str(world.inside), program)
    ended = run(command, world.inside)
    assert (ended.returncode, ended.stderr) == (0, "")
    found = results(ended.stdout)
    assert {name for name in LEFT | BY_PATH if found[name] >= 0} == set()
    assert {name for name, result in found.items() if result >= 0} == set()
    assert world.heard() == []


RAW = """
import os, sys
from errno import EPERM, errorcode
from pywasmjit.guest.kernel import calling
from pywasmjit.guest.policy.policy import Policy
from pywasmjit.guest.policy.refused import NEVER, WITHOUT
from pywasmjit.guest.kernel.numbers import BY_MACHINE
from pywasmjit.guest.policy.walls import raise_walls
call, numbers, victim = calling.caller(), BY_MACHINE[os.uname().machine], int(sys.argv[1])
raise_walls(Policy.sandbox(), [], required=True)
refused = [*NEVER, *(each for calls in WITHOUT.values() for each in calls)]
tries = [(name, -1, -1) for name in refused if name in numbers]
tries += [(name, victim, 0) for name in ("kill", "tkill", "prlimit64")]
tries += [("tgkill", victim, victim, 0), ("rt_tgsigqueueinfo", victim, victim, 0, None), ("clone", 17, None)]
for each in tries:
    try:
        call(*each)
        print(each, "went through")
    except OSError as error:
        if error.errno != EPERM:
            print(each, errorcode[error.errno])
print(len(tries))
"""


EACH = """
import os, sys
from errno import EPERM
from refused_cases import CASES, NEVER, OTHER, PID, WORDS, grants
from pywasmjit.guest.kernel.numbers import BY_MACHINE
from pywasmjit.guest.kernel import host
from pywasmjit.guest.policy.policy import Policy
from pywasmjit.guest.policy.walls import raise_walls
import ctypes
machine, syscall = host.open_host()
name, directory, victim = sys.argv[1:]
words = WORDS[name]
granted = os.open(directory, os.O_PATH)
policy = Policy.sandbox(**grants(words, directory))
raise_walls(policy, [(granted, each.read_only) for each in policy.dirs], required=True)
tried = 0
for case in CASES:
    passes = case.is_let_through(words)
    if case.call in machine.numbers and not (case.call == "clone" and passes):
        values = [{PID: os.getpid(), OTHER: int(victim)}.get(each, each) for each in case.arguments]
        result = syscall(machine.numbers[case.call], *map(ctypes.c_longlong, values))
        refused = result < 0 and ctypes.get_errno() == EPERM
        tried += 1
        if refused is passes:
            print(case, "was let through" if passes is False else "was refused")
print(tried)
"""


@pytest.mark.parametrize("granted", WORDS)
def test_the_kernel_refuses_each_call_as_listed(world: World, granted: str) -> None:
    """And no more than that: what is let through fails in another way, or does no harm."""
    found = run([sys.executable, "-c", EACH, granted, world.inside, world.words[3]], world.inside, HERE)
    assert found.stderr == ""
    assert int(found.stdout) > 150


def test_calls_that_no_import_reaches_are_refused_to_the_process_itself(world: World) -> None:
    """Were a fault to let a guest make any system call, it could not make these."""
    found = run([sys.executable, "-c", RAW, world.words[3]], world.inside)
    assert found.stderr == ""
    assert int(found.stdout) > 220


# -- what is granted --------------------------------------------------------------------------------------------------


def behind_walls(this: Run, policy: wj.Policy | None = None) -> Outcome:
    """Do what `Run.wasm` does, in a process of the program's own."""
    if policy is not None and policy.everything:
        return in_this_process(this, policy)
    grants = [this.cwd.resolve()] if policy is None else [each.host for each in policy.dirs]
    options = [word for grant in grants for word in ("--dir", str(grant))]
    for address in ["127.0.0.1", "[::1]"] if policy is not None and policy.net else []:
        options += ["--allow", f"net={address}"]
    for name, value in this.env.items():
        options += ["--env", f"{name}={value}"]
    command = [*ENGINE, "-q", "--walls", "require", *options, "--argv0", this.source.stem, wasm_program(this.source)]

    def start(stdin: IO[bytes], stdout: IO[bytes], stderr: IO[bytes]) -> int:
        streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
        arguments = [*command, *this.args]
        ended = subprocess.run(arguments, **streams, cwd=this.cwd, timeout=60, check=False, process_group=0, env=ENV)
        return ended.returncode

    return this._observe(start)


def once(this: Run, ways: object = None) -> Iterator[tuple[str, Outcome]]:
    """Do what `test_calls.runs` does, in one way."""
    renew(this.cwd)
    yield "behind walls", behind_walls(this, wj.Policy.sandbox([str(this.cwd.parent)]))


COMPARISONS = [
    *(calls.test_read, calls.test_write, calls.test_readv_writev, calls.test_pread_pwrite, calls.test_lseek),
    *(calls.test_open_absolute_paths, calls.test_openat_newfstatat_fchdir, calls.test_access, calls.test_names),
    *(calls.test_working_directory_that_was_removed, calls.test_dup_fcntl_close, calls.test_mremap, calls.test_clocks),
    *(calls.test_ioctl, calls.test_identity_and_system, calls.test_poll_and_futex),
    *(metadata.test_modes, metadata.test_owners, metadata.test_times, metadata.test_lengths, metadata.test_links),
    *(metadata.test_symlinks, metadata.test_renames, metadata.test_names_at_directories),
    *(sockets.test_sockets_and_options, sockets.test_connections_and_datagrams, sockets.test_unix_sockets),
    *(sockets.test_messages, sockets.test_poll_and_select, sockets.test_epoll, sockets.test_pipes_counters_and_timers),
]


@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda each: each.__name__.removeprefix("test_"))
def test_what_is_granted_works_as_natively(
    comparison: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.umask(0o022)
    work = tmp_path / "work"
    if comparison.__module__ == sockets.__name__:
        work.mkdir()
    monkeypatch.setattr(Run, "wasm", behind_walls)
    monkeypatch.setattr(calls, "runs", once)
    comparison(work)


PROGRAMS = [
    *[("threads", how) for how in ("count", "last", "group", "main")],
    *[("handlers", what) for what in ("basics", "info", "jumps", "waits")],
    ("jumps", ""),
]


@pytest.mark.parametrize("options", [(), ("--timeout", "50s")], ids=["plain", "with a time limit"])
@pytest.mark.parametrize(("name", "how"), PROGRAMS)
def test_threads_and_handlers_work_as_natively(tmp_path: Path, name: str, how: str, options: tuple[str, ...]) -> None:
    """With a time limit there is a thread from the start; walls that are required stand before any."""
    source = HERE / f"{name}.c"
    expected = run([native_program(source), how], tmp_path)
    found = run([*ENGINE, "--walls", "require", *options, wasm_program(source), how], tmp_path)
    assert (found.returncode, found.stdout, found.stderr) == (expected.returncode, expected.stdout, expected.stderr)


@pytest.mark.parametrize("how", ["load", "copy", "threads", "default"])
def test_a_file_that_shrinks_under_its_mapping_brings_the_signal(tmp_path: Path, how: str) -> None:
    source = HERE / "truncated.c"
    outcomes = []
    for command in ([native_program(source)], [*ENGINE, "--walls", "require", "--dir", ".", wasm_program(source)]):
        (tmp_path / "file").write_bytes(b"")
        ended = run([*command, how, "file"], tmp_path)
        outcomes.append((ended.returncode, ended.stdout, ended.stderr))
    assert outcomes[1] == outcomes[0]


def test_child_processes_work_as_natively(tmp_path: Path) -> None:
    source = HERE / "children.c"
    expected = run([native_program(source)], tmp_path)
    found = run([*ENGINE, "--walls", "require", "--allow", "process", wasm_program(source)], tmp_path)
    assert (found.returncode, found.stdout) == (expected.returncode, expected.stdout)
    assert found.stderr.startswith("pywasmjit: trap: unreachable\n")


def test_granted_signals_reach_child_processes(tmp_path: Path) -> None:
    source = HERE / "killed.c"
    work = tmp_path / "work"
    processes.renew(work, native_program(source))
    expected = run(["./prog"], work)
    processes.renew(work, wasm_program(source))
    found = run([*ENGINE, *EXEC, "--dir", ".", "--allow", "signals", "./prog"], work)
    assert (found.returncode, found.stdout) == (expected.returncode, expected.stdout)


# -- what the engine says ---------------------------------------------------------------------------------------------


TRAPPING = """
(module (import "wali" "SYS_getpid" (func $getpid (result i64)))
  (func $inner (drop (call $getpid)) (unreachable))
  (func $outer (export "_start") (call $inner)))
"""


def test_a_trap_shows_its_backtrace(tmp_path: Path) -> None:
    trapping = tmp_path / "trapping.wasm"
    trapping.write_bytes(wasmtime.wat2wasm(TRAPPING))
    found = run([*ENGINE, "--walls", "require", trapping], tmp_path)
    assert (found.returncode, found.stderr.splitlines()[0]) == (134, "pywasmjit: trap: unreachable")
    assert "outer" in found.stderr.splitlines()[2]
    verbose = run([*ENGINE, "--walls", "require", "-v", trapping], tmp_path)
    assert verbose.returncode == 134
    assert "Traceback (most recent call last)" in verbose.stderr
    assert verbose.stderr.endswith(found.stderr)
    in_thread = run([*ENGINE, "--walls", "require", wasm_program(HERE / "threads.c"), "trap"], tmp_path)
    assert (in_thread.returncode, in_thread.stderr.splitlines()[0]) == (134, "pywasmjit: trap: unreachable")


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_comes_late_is_read_under_a_time_limit(kind: str) -> None:
    """Reads that wait look at what their descriptor is; nothing need be imported for that."""
    ends = os.pipe() if kind == "pipe" else tuple(each.detach() for each in socket.socketpair())
    command = [*ENGINE, "--walls", "require", "--timeout", "50s", wasm_program(HERE / "read.c")]
    with subprocess.Popen(command, stdin=ends[0], stdout=subprocess.PIPE, env=ENV, process_group=0) as process:
        os.close(ends[0])
        time.sleep(0.7)  # most often it waits by now
        os.write(ends[1], b"12345")
        os.close(ends[1])
        output, _ = process.communicate(timeout=60)
    assert output.startswith(b"sys_read(fd, buffer, 5)=5\nfirst=[12345]\n")


def test_a_time_limit_ends_the_program(tmp_path: Path) -> None:
    for how in ("spin", "read"):
        command = [*ENGINE, "--walls", "require", "--timeout", "2s", "--stats", wasm_program(HERE / "signalled.c")]
        found = run([*command, how, "1"], tmp_path)
        assert found.returncode == 124
        assert "pywasmjit: link " in found.stderr


def test_a_trace_goes_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "granted").mkdir()
    grants = ["--dir", ".", f"--strace={tmp_path / 'trace'}"]
    program = wasm_program(HERE / "access.c")
    found = run([*ENGINE, "--walls", "require", *grants, program, "x"], tmp_path / "granted")
    assert (found.returncode, found.stderr) == (0, "")
    lines = (tmp_path / "trace").read_text().splitlines()
    assert any('access("x", ' in line and "= -1 ENOENT (No such file or directory)" in line for line in lines)
    assert lines[-1].endswith("__proc_exit(0) = ?")


# -- executed programs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["wasm", "native"])
def test_granted_programs_are_executed(tmp_path: Path, kind: str) -> None:
    """Scripts lead to the program as well; a second engine starts behind the walls of the first."""
    source = HERE / "execute.c"
    work = tmp_path / "work"
    paths = ["s1", "s3", "argument", "directory", "garbage", "not-executable", "missing", "."]
    processes.renew(work, native_program(source))
    expected = run([native_program(source), "paths", *paths], work)
    processes.renew(work, native_program(source) if kind == "native" else wasm_program(source))
    found = run([*ENGINE, *EXEC, "--dir", work, wasm_program(source), "paths", *paths], work)
    assert found.stdout == expected.stdout
    assert (found.returncode, found.stderr) == (0, "")
    assert "s3 exited 37" in found.stdout.splitlines()


def test_an_executed_native_program_has_no_more_rights(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for directory in (inside, outside):
        directory.mkdir()
        (directory / "file").write_text(f"content of {directory.name}\n")
    script = inside / "script"
    script.write_text(f"#!/bin/sh\ncat {inside}/file; cat {outside}/file; echo > {outside}/made; cat /dev/null; exit 7")
    script.chmod(0o755)
    grants = ["--dir", str(inside), "--dir", f"{Path('/bin').resolve()}::/bin:ro"]
    command = [wasm_program(HERE / "become.c"), script, "PATH=/bin"]
    found = run([*ENGINE, *EXEC, *grants, *command], inside)
    assert (found.returncode, found.stdout) == (7, "content of inside\n")
    assert found.stderr.count("ermission denied") == 2
    assert not (outside / "made").exists()
    free = run([*ENGINE, *EXEC, "--walls", "off", *grants, *command], inside)
    assert free.stdout == "content of inside\ncontent of outside\n"


# -- when there are walls ---------------------------------------------------------------------------------------------

STATUS = """
import os, sys
import pywasmjit as wj
wali = wj.Wali(["p"], **eval(sys.argv[2]))
try:
    instance = wj.Instance(wj.Module.from_file(sys.argv[1]), wali)
except OSError as error:
    sys.exit(str(error))
kept = {name: value.strip() for name, _, value in (line.partition(":") for line in os.popen_status())}
print(kept["NoNewPrivs"], kept["Seccomp"])
"""


def status_after_linking(tmp_path: Path, options: str) -> str:
    """Return whether the process has given up privileges, and its mode of seccomp."""
    reading = "open('/proc/self/status')"
    code = "status = " + reading + STATUS.replace("os.popen_status()", "status")
    found = run([sys.executable, "-c", code, wasm_program(HERE / "exit.c"), options], tmp_path)
    return found.stdout.strip() or found.stderr.strip()


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"owns_process": True}, "1 2"),
        ({"owns_process": True, "walls": "require"}, "1 2"),
        ({"owns_process": True, "walls": "off"}, "0 0"),
        ({"owns_process": True, "policy": "wj.Policy.allow_all()"}, "0 0"),
        ({"owns_process": True, "walls": "require", "policy": "wj.Policy.allow_all()"}, "0 0"),
        ({}, "0 0"),
    ],
    ids=str,
)
def test_walls_stand_where_the_process_is_a_sandboxed_guests(
    tmp_path: Path, options: dict[str, object], status: str
) -> None:
    """From the first import on: before any function of the module can run."""
    written = repr(options).replace("'wj.Policy.allow_all()'", "wj.Policy.allow_all()")
    assert status_after_linking(tmp_path, written) == status


def test_walls_that_cannot_be_are_an_error() -> None:
    with pytest.raises(ValueError, match="round a process of the guest's own"):
        wj.Wali(walls="require")
    with pytest.raises(ValueError, match="'on' is none of auto, require, off"):
        wj.Wali(walls="on")
    found = run([*ENGINE, "-A", "--walls", "require", wasm_program(HERE / "exit.c")], HERE)
    message = "pywasmjit: --allow-all leaves nothing that walls could hold back\n"
    assert (found.returncode, found.stderr) == (2, message)


OLDER_THREAD = """
import sys, threading, time
import pywasmjit as wj
from pywasmjit.runtime import watchdog
from pywasmjit.guest.policy.policy import Policy
from pywasmjit.guest.policy.walls import raise_walls

seen = []
look = watchdog.Watchdog._look

def look_at_a_file(self):
    try:
        open(sys.argv[1]).close()
        seen.append("read")
    except OSError as error:
        seen.append(error.errno)
    return look(self)

def spin():
    while True:
        pass

watchdog.Watchdog._look = look_at_a_file
with wj.deadline(50):
    while not seen:
        time.sleep(0.01)
    print(*set(seen))
    raise_walls(Policy.sandbox(), [], required=True)
    del seen[:]
    try:
        with wj.deadline(0.05):
            spin()
    except wj.TimedOut:
        print("in time", *set(seen))
"""


def test_the_watchdog_is_behind_the_walls_and_works(tmp_path: Path) -> None:
    """The thread that was there before is replaced, for Landlock would have left it free."""
    (tmp_path / "file").write_text("x")
    found = run([sys.executable, "-c", OLDER_THREAD, tmp_path / "file"], tmp_path)
    assert (found.stdout.splitlines(), found.stderr) == (["read", f"in time {EACCES}"], "")


def test_required_walls_cannot_be_where_other_threads_run(tmp_path: Path) -> None:
    other = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    code = other + STATUS.replace("os.popen_status()", "open('/proc/self/status')")
    command = [sys.executable, "-c", code, wasm_program(HERE / "exit.c")]
    found = run([*command, "{'owns_process': True, 'walls': 'require'}"], tmp_path)
    assert found.returncode == 1
    assert "walls are required, but 1 older threads stay outside of Landlock" in found.stderr


WITHOUT = """
import os, sys
from errno import ENOSYS
from pywasmjit.guest.kernel.numbers import BY_MACHINE
from pywasmjit.guest.kernel import calling
from pywasmjit.guest.kernel import seccomp
calling.caller()("prctl", 38, 1, 0, 0, 0)
machine = os.uname().machine
calls = sys.argv[1].split(",")
seccomp.install(seccomp.assemble([seccomp.Refusal(call, (), ENOSYS) for call in calls], BY_MACHINE[machine], machine))
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("calls", ["landlock_create_ruleset", "seccomp", "landlock_restrict_self"])
def test_where_the_kernel_has_no_walls_programs_run_without(tmp_path: Path, calls: str) -> None:
    (tmp_path / "file").write_text("content")
    start = [sys.executable, "-c", WITHOUT, calls, *ENGINE]
    program = ["--dir", ".", wasm_program(HERE / "access.c"), "file"]
    found = run([*start, *program], tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    required = run([*start, "--walls", "require", *program], tmp_path)
    assert (required.returncode, required.stdout) == (1, "")
    assert "walls are required, but " in required.stderr


OLDER_KERNELS = """
import os, sys
from pywasmjit.guest.kernel import landlock
from pywasmjit.guest.policy.policy import Policy
from pywasmjit.guest.policy.walls import raise_walls
inside, outside = sys.argv[1:]
for version in range(8):
    if os.fork():
        print(version, os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
        continue
    landlock.version = lambda: version
    raise_walls(Policy.sandbox([inside]), [(os.open(inside, os.O_PATH), False)])
    os.rename(inside + "/file", inside + "/sub/file")
    os.rename(inside + "/sub/file", inside + "/file")
    try:
        os.close(os.open(outside, os.O_WRONLY))
    except PermissionError:
        os._exit(13)
    os._exit(0)
"""


def test_what_is_granted_works_on_older_kernels(tmp_path: Path) -> None:
    """The first Landlock could not allow renaming into another directory, so it is not used."""
    inside = tmp_path / "inside"
    (inside / "sub").mkdir(parents=True)
    for file in (inside / "file", tmp_path / "outside"):
        file.write_text("x")
    found = run([sys.executable, "-c", OLDER_KERNELS, inside, tmp_path / "outside"], tmp_path)
    assert (found.stdout.split("\n"), found.stderr) == (["0 0", "1 0", *[f"{n} 13" for n in range(2, 8)], ""], "")


ENDING = """
import builtins, threading, time
from pywasmjit.guest.policy.policy import Policy
from pywasmjit.guest.policy.walls import raise_walls

class Slow:
    def __del__(self):
        time.sleep(0.05)

def run():
    while True:
        time.sleep(0.0001)

raise_walls(Policy.sandbox(), [], required=True)
for _ in range(4):
    threading.Thread(target=run, daemon=True).start()
builtins.slow = Slow()
"""


def test_threads_that_run_at_the_end_are_ended(tmp_path: Path) -> None:
    """Python ends them by a function of the C library's that loads another library, or aborts."""
    found = run([sys.executable, "-c", ENDING], tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
