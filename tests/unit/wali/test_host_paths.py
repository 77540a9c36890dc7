"""Paths with everything allowed: the host's, but for the engine's memory and descriptors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from errno import EACCES, EISDIR, ENOENT
from pathlib import Path

import pytest
from guest import Guest

from pywasmjit.guest.files.procfs import refuse_engine_files
from pywasmjit.guest.kernel.portable import PortableKernel
from pywasmjit.guest.memory.guest_memory import GuestMemory
from pywasmjit.guest.policy.policy import Policy


@pytest.fixture
def guest() -> Iterator[Guest]:
    with Guest(Policy.allow_all()) as made:
        yield made


def test_memory_of_processes_stays_shut(guest: Guest, tmp_path: Path) -> None:
    pid = os.getpid()
    (tmp_path / "link").symlink_to("/proc/self/mem")
    (tmp_path / "dir").symlink_to("/proc/self/task")
    paths = [
        "/proc/self/mem",
        f"/proc/{pid}/mem",
        "/proc/thread-self/mem",
        f"/proc/self/task/{pid}/mem",
        "/proc/../proc/./self//mem",
        f"{tmp_path}/link",
        f"{tmp_path}/dir/{pid}/mem",
        "/proc/self/root/proc/self/mem",
        "/proc/self/cwd/../../../../../../../proc/self/mem",
        "/proc/self/map_files",
    ]
    for path in paths:
        for flags in (0, 1, 2, 0o10000000):
            assert guest.open(path, flags, 0) in (-EACCES, -ENOENT, -EISDIR), path
    directory = guest.open("/proc/self", 0o200000, 0)
    assert guest.openat(directory, "mem", 2, 0) == -EACCES
    assert guest.openat(directory, "task/../mem", 2, 0) == -EACCES
    assert guest.chdir("/proc/self") == 0
    assert guest.open("mem", 2, 0) == -EACCES
    assert guest.open("maps", 0, 0) > directory


def test_paths_of_descriptors_are_the_guests(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("content of a")
    engine = os.open("/etc/passwd", os.O_RDONLY)
    (tmp_path / "other").symlink_to("/dev/fd/3")
    (tmp_path / "engine").symlink_to(f"/proc/self/fd/{engine}")
    try:
        fd = guest.open(f"{tmp_path}/a", 0, 0)
        assert fd == 3
        for path in ("/dev/fd/3", "/proc/self/fd/3", f"/proc/{os.getpid()}/fd/3", "//dev//fd/3", f"{tmp_path}/other"):
            again = guest.open(path, 0, 0)
            assert guest.read(again, 5000, 100) == 12, path
            assert guest.memory.read(5000, 12) == b"content of a"
            guest.process.files.close(again)
            assert guest.stat(path, 2000) == 0, path
        for path in (f"/dev/fd/{engine}", f"/proc/self/fd/{engine}", f"{tmp_path}/engine", "/dev/fd/99999999"):
            assert guest.open(path, 0, 0) == -ENOENT, path
        directory = guest.open("/proc/self/fd", 0o200000, 0)
        assert guest.openat(directory, str(engine), 0, 0) == -ENOENT
    finally:
        os.close(engine)


def test_other_magic_links_lead_where_the_kernel_says(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert guest.open(f"/proc/self/root{tmp_path}/file", 0, 0) == 3
    assert guest.open("/proc/self/exe", 0, 0) == 4
    (tmp_path / "exe").symlink_to("/proc/self/exe")
    assert guest.open(f"{tmp_path}/exe", 0, 0) == 5


def test_working_directory_is_not_the_hosts(guest: Guest, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_text("x")
    before = os.getcwd()
    assert guest.getcwd(3000, 4000) == len(before) + 1
    assert guest.chdir(str(tmp_path)) == 0
    assert guest.chdir("sub") == 0
    assert guest.open("file", 0, 0) == 3
    length = guest.getcwd(3000, 4000)
    assert guest.memory.read(3000, length) == os.fsencode(tmp_path / "sub") + b"\0"
    assert os.getcwd() == before


@pytest.mark.parametrize("name", ["/proc/kcore", "/mnt/proc/kcore", "/proc/7/task/9/mem (deleted)"])
def test_memory_under_other_names_stays_shut(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Procfs(PortableKernel):
        def is_procfs(self, fd: int, found: os.stat_result) -> bool:
            return True

    monkeypatch.setattr("os.readlink", lambda path: name.encode())
    sizes = [0o100400, 0, 0, 1, 0, 0, (1 << 47) if "kcore" in name else 0, 0, 0, 0]
    with pytest.raises(PermissionError):
        refuse_engine_files(Procfs(GuestMemory()), 3, os.stat_result(sizes), sandbox=False)
