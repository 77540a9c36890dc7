"""Layouts and constants, against the host's own where it is x86-64 Linux, and for hosts that are not."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys

import pytest
from guest import Guest

from pywasmjit.guest.abi import ioctl, stat, utsname
from pywasmjit.guest.abi.dirent import HEADER, pack_dirents, unpack_dirents
from pywasmjit.guest.kernel.calling import caller
from pywasmjit.guest.policy.policy import Policy
from pywasmjit.wali import errno as abi_errno

x86_64_linux = pytest.mark.skipif(
    sys.platform != "linux" or os.uname().machine != "x86_64", reason="compares with x86-64 Linux"
)


@x86_64_linux
def test_errno_is_the_hosts() -> None:
    for number, name in errno.errorcode.items():
        assert abi_errno.guest_errno(number) == number, name
    assert abi_errno.guest_errno(None) == abi_errno.guest_errno(12345) == errno.EIO


def test_errno_of_another_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errno, "errorcode", {11: "EDEADLK", 35: "EAGAIN", 45: "EOPNOTSUPP", 62: "ELOOP", 79: "EFTYPE"})
    abi_errno.guest_errno.cache_clear()
    try:
        found = [abi_errno.guest_errno(number) for number in (11, 35, 45, 62, 79, 80)]
    finally:
        abi_errno.guest_errno.cache_clear()
    assert found == [35, 11, 95, 40, 5, 5]


@x86_64_linux
@pytest.mark.parametrize("path", ["/", "/dev/null", "/etc/passwd", "/proc/self/stat"])
def test_stat_is_the_kernels(path: str) -> None:
    buffer = ctypes.create_string_buffer(144)
    caller()("newfstatat", -100, path.encode(), buffer, 0)
    with Guest(Policy.allow_all()) as guest:
        assert guest.stat(guest.text(path), 2000) == 0
        assert guest.memory.read(2000, stat.SIZE) == buffer.raw


def test_stat_fields_are_where_the_manual_says() -> None:
    found = os.stat(__file__)
    data = stat.pack_stat(found)
    assert struct.unpack_from("<QQQ", data, 0) == (found.st_dev, found.st_ino, found.st_nlink)
    assert struct.unpack_from("<III", data, 24) == (found.st_mode, found.st_uid, found.st_gid)
    assert struct.unpack_from("<qqq", data, 48) == (found.st_size, found.st_blksize, found.st_blocks)
    assert struct.unpack_from("<qq", data, 88) == divmod(found.st_mtime_ns, 10**9)


def test_utsname() -> None:
    data = utsname.pack_utsname(("Linux", "x" * 100, "6", "", "m", "d"))
    assert len(data) == utsname.SIZE == 390
    assert [data[at : at + 65].split(b"\0")[0] for at in range(0, 390, 65)] == [
        b"Linux", b"x" * 64, b"6", b"", b"m", b"d",
    ]  # fmt: skip


def test_dirent() -> None:
    assert HEADER.size == 19
    for name in (b"a", b"abcd", b"abcde", b"x" * 255):
        record = pack_dirents([(5, 9, 8, name)])
        assert len(record) % 8 == 0
        assert HEADER.unpack_from(record) == (5, 9, len(record), 8)
        assert record[19 : 20 + len(name)] == name + b"\0"
        assert list(unpack_dirents(record * 2)) == [(5, 9, 8, name)] * 2


def test_requests_that_hold_pointers_are_not_known() -> None:
    for refused in (0x8912, 0x8946, 0x5412, 0x541C):
        assert refused not in ioctl.REQUESTS
    assert ioctl.REQUESTS[0x5401] == ioctl.Request("TCGETS", 0, 36)
    assert ioctl.REQUESTS[0x80045430].out_bytes == 4
