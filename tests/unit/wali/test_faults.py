"""A file that shrinks under its mapping costs the guest its pages, not the host its life."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from errno import EFAULT
from pathlib import Path

from guest import Guest

from pywasmjit.guest.abi.signal import SIGBUS
from pywasmjit.guest.policy.policy import Policy

PAGE = 4096


def mapped(guest: Guest, path: Path, pages: int, shared: bool = True) -> tuple[int, int]:
    guest.process.signals.set_action(SIGBUS, (1, 0, 0, 0))  # without a program there is no handler to be called
    path.write_bytes(b"x" * pages * PAGE)
    fd = guest.open(str(path), os.O_RDWR, 0)
    return fd, guest.mmap(0, pages * PAGE, 3, 1 if shared else 2, fd, 0)


def test_every_kind_of_access(tmp_path: Path) -> None:
    with Guest(Policy.allow_all()) as guest:
        fd, at = mapped(guest, tmp_path / "a", 64)
        view = guest.memory.strided("Q", 0)
        assert guest.ftruncate(fd, PAGE) == 0
        assert view[at] == 0x7878_7878_7878_7878
        assert view[at + PAGE] == 0
        [told] = guest.process.signals.pending
        assert (told.number, told.info[8], int.from_bytes(told.info[16:24], "little")) == (SIGBUS, 2, at + PAGE)
        view[at + 2 * PAGE] = 5
        assert view[at + 2 * PAGE] == 5
        assert guest.memory.read(at + 3 * PAGE, 20 * PAGE) == bytes(20 * PAGE)
        guest.memory.fill(at + 30 * PAGE, 7, 10 * PAGE)
        assert guest.memory.read(at + 30 * PAGE, 10 * PAGE) == b"\7" * 10 * PAGE
        assert guest.read(fd, at + 50 * PAGE, 10) == -EFAULT  # the kernel itself finds no page there
        assert guest.process.kernel._guard.faults >= {at + PAGE, at + 2 * PAGE}


def test_a_new_mapping_at_the_same_place(tmp_path: Path) -> None:
    with Guest(Policy.allow_all()) as guest:
        for _ in range(3):
            fd, at = mapped(guest, tmp_path / "a", 2, shared=False)
            guest.ftruncate(fd, 0)
            assert guest.memory.read(at, 2 * PAGE) == bytes(2 * PAGE)
            guest.memory.write(at, b"y")
            assert guest.memory.read(at, 1) == b"y"
            assert guest.munmap(at, 2 * PAGE) == 0
            guest.process.files.close(fd)


def test_threads_on_one_page(tmp_path: Path) -> None:
    with Guest(Policy.allow_all()) as guest:
        fd, at = mapped(guest, tmp_path / "a", 100)
        view = guest.memory.strided("B", 0)
        guest.ftruncate(fd, 0)

        def touch(offset: int) -> None:
            for page in range(100):
                view[at + page * PAGE + offset] = offset + 1

        threads = [threading.Thread(target=touch, args=(n,)) for n in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        for page in range(100):
            assert guest.memory.read(at + page * PAGE, 5) == b"\1\2\3\4\0"


def test_the_memory_is_whole_after_the_end(tmp_path: Path) -> None:
    guest = Guest(Policy.allow_all())
    _, at = mapped(guest, tmp_path / "a", 4)
    guest.close()
    os.truncate(tmp_path / "a", 0)
    assert guest.memory.read(at, 4 * PAGE) == bytes(4 * PAGE)


def test_a_fault_elsewhere_still_kills() -> None:
    script = """
import mmap, os, sys
sys.path[:0] = sys.argv[1:]
from guest import Guest
from pywasmjit.guest.policy.policy import Policy
fd = os.memfd_create("x"); os.ftruncate(fd, 4096)
guest = Guest(Policy.allow_all())
assert guest.process.kernel.survives_truncation()
view = mmap.mmap(fd, 4096); os.ftruncate(fd, 0)
print(view[0])
"""
    path = [str(Path(__file__).parents[3]), str(Path(__file__).parent)]
    result = subprocess.run([sys.executable, "-c", script, *path], capture_output=True, timeout=60, check=False)
    assert result.returncode == -7, result.stderr
