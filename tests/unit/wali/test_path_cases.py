"""Two thousand paths in random trees: what stays inside is what the kernel says, what leads out is denied."""

from __future__ import annotations

import os
import random
from errno import EACCES
from pathlib import Path

import pytest
from guest import Guest
from path_cases import Way, make_tree, random_path, way_of

from pywasmjit.guest.kernel.portable import PortableKernel
from pywasmjit.guest.kernel.raw import RawKernel
from pywasmjit.guest.policy.policy import Policy

TREES, PATHS = 10, 200
NOFOLLOW = 0o400000


@pytest.fixture(params=["raw", "no openat2", "portable"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "portable":
        monkeypatch.setattr("pywasmjit.guest.process.choose", PortableKernel)
    elif request.param == "no openat2":
        monkeypatch.setattr(RawKernel, "_has_openat2", lambda self: False)


def host_answer(path: str, *, follow: bool) -> tuple[int, int, int] | int:
    """Return what stat says of a path, or minus the error."""
    try:
        found = os.stat(path, follow_symlinks=follow)
    except OSError as error:
        return -(error.errno or 0)
    return found.st_dev, found.st_ino, found.st_mode


def guest_answer(guest: Guest, path: str, *, follow: bool) -> tuple[int, int, int] | int:
    result = guest.stat(path, 2000) if follow else guest.lstat(path, 2000)
    if result:
        return result
    dev, ino = guest.memory.unpack("<QQ", 2000)
    return dev, ino, guest.memory.unpack("<I", 2024)[0]


def host_content(path: str, flags: int) -> bytes | int:
    try:
        fd = os.open(path, os.O_RDONLY | flags)
    except OSError as error:
        return -(error.errno or 0)
    try:
        return os.read(fd, 100)
    except OSError as error:
        return -(error.errno or 0)
    finally:
        os.close(fd)


def guest_content(guest: Guest, path: str, flags: int) -> bytes | int:
    fd = guest.open(path, flags, 0)
    if fd < 0:
        return fd
    count = guest.read(fd, 60000, 100)
    guest.process.files.close(fd)
    return guest.memory.read(60000, count) if count >= 0 else count


@pytest.mark.parametrize("seed", range(TREES))
def test_random_paths(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    box, names = make_tree(rng, tmp_path.resolve())
    monkeypatch.chdir(box)
    counts = dict.fromkeys(Way, 0)
    with Guest(Policy.sandbox([str(box)]), cwd=str(box)) as guest:
        for _ in range(PATHS):
            path = random_path(rng, names, box) or "."
            for follow in (True, False):
                goes = way_of(path, box, follow=follow)
                counts[goes] += 1
                seen = guest_answer(guest, path, follow=follow)
                content = guest_content(guest, path, 0 if follow else NOFOLLOW)
                assert not (isinstance(content, bytes) and content.startswith(b"outside")), path
                if goes is Way.INSIDE:
                    assert seen == host_answer(path, follow=follow), path
                    assert content == host_content(path, 0 if follow else os.O_NOFOLLOW), path
                elif goes is Way.OUTSIDE:
                    assert (seen, content) == (-EACCES, -EACCES), path
                else:
                    assert isinstance(seen, tuple), path
                    assert seen[2] == 0o040555, path
                    assert content == -EACCES, path
    assert min(counts.values()) > 0
