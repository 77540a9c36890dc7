"""The engine on machines that are no x86-64: their kernels are played by `foreign`, the programs are the others' too.

`test_calls` and its like run on aarch64 what they run; here are the other machines, large pages, and processes of the
program's own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from foreign import ForeignLinux, foreign_host
from running import Run
from test_calls import HERE, renew, work
from test_processes import outcome
from test_processes import renew as renew_with_program
from toolchain import native_program, wasm_program

import pywasmjit as wj
from pywasmjit.guest.abi.epoll import EPOLL_EVENT
from pywasmjit.guest.kernel.events import Event
from pywasmjit.guest.kernel.raw import RawKernel

__all__ = ["work"]

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="other machines are played on x86-64")

PROGRAMS = (
    "flags file sub link",
    "openat sub inner deep ../file missing",
    "descriptors file",
    "fcntl file",
    "metadata chmod link 0640 fchmod file 0 0612 chown file 5 6 utimensat CWD file 0 1 2 3 4 truncate file 5",
    "links link file second look second mkdirat 10 new 0700 look sub/new mknod fifo 010644 0 look fifo",
    "names getcwd mkdir new rename file new/moved readlink up chdir sub getcwd",
    "looking file",
    "getdents64 . 512",
    "between file other",
    "epoll",
    "pollers",
    "events",
    "messages",
    "tcp",
    "clocks",
    "waiting file",
)


def run_there(name: str, work: Path, *args: str, machine: str, page: int = 4096) -> ForeignLinux:
    """Run a program natively, and as Wasm on a machine; compare; return the machine."""
    run = Run(HERE / f"{name}.c", args, {"A": "1"}, b"", work)
    renew(work)
    expected = run.native()
    assert expected.status >= 0
    with foreign_host(machine, page) as linux:
        for policy in (wj.Policy.allow_all(), wj.Policy.sandbox([str(work.parent)], net=["127.0.0.1", "[::1]"])):
            renew(work)
            found = run.wasm(policy)
            assert found.stdout.decode() == expected.stdout.decode(), policy
            assert found == expected, policy
    return linux


@pytest.mark.parametrize("machine", ["aarch64", "riscv64", "loongarch64"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs(work: Path, program: str, machine: str) -> None:
    name, *args = program.split()
    linux = run_there(name, work, *args, machine=machine)
    assert linux.made


def test_the_local_layout_of_events_does_not_do_there(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The played machine is no x86-64: a kernel that takes its layout for the machine's is found out."""
    renew(work)
    run = Run(HERE / "epoll.c", ["file"], cwd=work)
    expected = run.native()
    with foreign_host("aarch64"):
        assert run.wasm(wj.Policy.allow_all()) == expected
        monkeypatch.setattr(RawKernel, "epoll_ctl", with_local_events)
        try:
            found = run.wasm(wj.Policy.allow_all())
        except Exception:
            return
    assert found != expected


def with_local_events(kernel: RawKernel, epoll: int, operation: int, fd: int, event: Event | None) -> None:
    packed = None if event is None else EPOLL_EVENT.pack(*event)
    kernel._call("epoll_ctl", epoll, operation, fd, packed)


# -- large pages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [1 << 14, 1 << 16])
@pytest.mark.parametrize("program", ["mmap file", "mmap large", "mremap large"])
def test_mappings_where_pages_are_large(work: Path, program: str, page: int) -> None:
    """Files cannot be mapped at the guest's addresses then, and no call at a part of a page would be right."""
    name, *args = program.split()
    made = run_there(name, work, *args, machine="aarch64", page=page).made
    assert made & {"mmap", "mremap", "madvise", "msync"} == set()


# -- processes of the program's own -----------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", ["aarch64", "riscv64"])
@pytest.mark.parametrize("program", ["handlers basics", "handlers waits", "handlers timers", "signalfork", "killed"])
def test_processes(tmp_path: Path, program: str, machine: str) -> None:
    name, *args = program.split()
    source, directory = HERE / f"{name}.c", tmp_path / "work"
    renew_with_program(directory, native_program(source))
    expected = outcome(["./prog", *args], directory)
    renew_with_program(directory, wasm_program(source))
    engine = [sys.executable, str(HERE.parent / "foreign.py"), machine, "run", "-A", "-q", "./prog"]
    assert outcome([*engine, *args], directory) == expected
