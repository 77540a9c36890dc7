"""Names in a read-only grant answer as on a file system that is mounted read-only.

`LINUX` was noted below a read-only bind mount of Linux 6; where the tests may mount, it is noted anew and compared.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from guest import Guest

from pywasmjit.guest.policy.policy import Policy

NAMES = (
    *("file", "file/", "dir", "dir/", "missing", "missing/", "dangling", "dangling/", "todir", "todir/"),
    *(".", "..", "dir/..", "file/x", "missing/x"),
)
LINUX = {
    "mkdir": "EEXIST EEXIST EEXIST EEXIST EROFS EROFS EEXIST EEXIST EEXIST EEXIST EEXIST EEXIST EEXIST ENOTDIR ENOENT",
    "symlink": "EEXIST EEXIST EEXIST EEXIST EROFS ENOENT EEXIST EEXIST "
    "EEXIST EEXIST EEXIST EEXIST EEXIST ENOTDIR ENOENT",
    "link": "EEXIST EEXIST EEXIST EEXIST EROFS ENOENT EEXIST EEXIST EEXIST EEXIST EEXIST EEXIST EEXIST ENOTDIR ENOENT",
    "mknod": "EEXIST EEXIST EEXIST EEXIST EROFS ENOENT EEXIST EEXIST EEXIST EEXIST EEXIST EEXIST EEXIST ENOTDIR ENOENT",
    "rename to": "EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EBUSY EBUSY EBUSY ENOTDIR ENOENT",
    "rename": "EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EBUSY EBUSY EBUSY ENOTDIR ENOENT",
    "unlink": "EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EISDIR EISDIR EISDIR ENOTDIR ENOENT",
    "rmdir": "EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EINVAL ENOTEMPTY ENOTEMPTY ENOTDIR ENOENT",
    "open creat": "EROFS EISDIR EISDIR EISDIR EROFS EISDIR EROFS EISDIR "
    "EISDIR EISDIR EISDIR EISDIR EISDIR ENOTDIR ENOENT",
    "open excl": "EEXIST EISDIR EEXIST EISDIR EROFS EISDIR EEXIST EISDIR "
    "EEXIST EISDIR EEXIST EEXIST EEXIST ENOTDIR ENOENT",
    "open w": "EROFS ENOTDIR EISDIR EISDIR ENOENT ENOENT ENOENT ENOENT "
    "EISDIR EISDIR EISDIR EISDIR EISDIR ENOTDIR ENOENT",
    "truncate": "EROFS ENOTDIR EISDIR EISDIR ENOENT ENOENT ENOENT ENOENT "
    "EISDIR EISDIR EISDIR EISDIR EISDIR ENOTDIR ENOENT",
    "chmod": "EROFS ENOTDIR EROFS EROFS ENOENT ENOENT ENOENT ENOENT EROFS EROFS EROFS EROFS EROFS ENOTDIR ENOENT",
    "utime": "EROFS ENOTDIR EROFS EROFS ENOENT ENOENT ENOENT ENOENT EROFS EROFS EROFS EROFS EROFS ENOTDIR ENOENT",
    "chown": "EROFS ENOTDIR EROFS EROFS ENOENT ENOENT ENOENT ENOENT EROFS EROFS EROFS EROFS EROFS ENOTDIR ENOENT",
    "lchown": "EROFS ENOTDIR EROFS EROFS ENOENT ENOENT EROFS ENOENT EROFS EROFS EROFS EROFS EROFS ENOTDIR ENOENT",
    "access w": "EROFS ENOTDIR EROFS EROFS ENOENT ENOENT ENOENT ENOENT EROFS EROFS EROFS EROFS EROFS ENOTDIR ENOENT",
    "readlink": "EINVAL ENOTDIR EINVAL EINVAL ENOENT ENOENT 0 ENOENT 0 EINVAL EINVAL EINVAL EINVAL ENOTDIR ENOENT",
    "stat": "0 ENOTDIR 0 0 ENOENT ENOENT ENOENT ENOENT 0 0 0 0 0 ENOTDIR ENOENT",
    "lstat": "0 ENOTDIR 0 0 ENOENT ENOENT 0 ENOENT 0 0 0 0 0 ENOTDIR ENOENT",
}
CREATE, EXCLUSIVE, WRITE, TRUNCATE, FIFO, CWD = 0o100, 0o200, 1, 0o1000, 0o010644, -100

NATIVE = """
import ctypes, errno, json, os, sys
os.chdir("in")
libc = ctypes.CDLL(None, use_errno=True)
def access(name):
    if libc.access(name.encode(), os.W_OK):
        raise OSError(ctypes.get_errno(), "")
operations = {
    "mkdir": os.mkdir, "symlink": lambda n: os.symlink("x", n), "link": lambda n: os.link("file", n),
    "mknod": lambda n: os.mknod(n, 0o10644), "rename to": lambda n: os.rename("file", n),
    "rename": lambda n: os.rename(n, "fresh"), "unlink": os.unlink, "rmdir": os.rmdir,
    "open creat": lambda n: os.open(n, os.O_CREAT | os.O_WRONLY),
    "open excl": lambda n: os.open(n, os.O_CREAT | os.O_EXCL | os.O_WRONLY),
    "open w": lambda n: os.open(n, os.O_WRONLY),
    "truncate": lambda n: os.truncate(n, 0), "chmod": lambda n: os.chmod(n, 0o600), "utime": os.utime,
    "chown": lambda n: os.chown(n, 0, 0), "lchown": lambda n: os.lchown(n, 0, 0), "access w": access,
    "readlink": os.readlink, "stat": os.stat, "lstat": os.lstat,
}
def outcome(operation, name):
    try:
        operation(name)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "0"
print(json.dumps({key: " ".join(outcome(each, name) for name in sys.argv[1:]) for key, each in operations.items()}))
"""


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "in" / "dir").mkdir(parents=True)
    (tmp_path / "in" / "file").write_text("x\n")
    (tmp_path / "in" / "dangling").symlink_to("nowhere")
    (tmp_path / "in" / "todir").symlink_to("dir")
    return tmp_path


@pytest.fixture
def guest(top: Path) -> Iterator[Guest]:
    with Guest(Policy.sandbox([f"{top}::/data:ro"]), cwd="/data/in") as made:
        yield made


def answer(guest: Guest, operation: str, name: str) -> int:
    times = guest.put(bytes(32))
    return {
        "mkdir": lambda: guest.mkdir(name, 0o755),
        "symlink": lambda: guest.symlink("x", name),
        "link": lambda: guest.link("file", name),
        "mknod": lambda: guest.mknod(name, FIFO, 0),
        "rename to": lambda: guest.rename("file", name),
        "rename": lambda: guest.rename(name, "fresh"),
        "unlink": lambda: guest.unlink(name),
        "rmdir": lambda: guest.rmdir(name),
        "open creat": lambda: guest.open(name, CREATE | WRITE, 0o644),
        "open excl": lambda: guest.open(name, CREATE | EXCLUSIVE | WRITE, 0o644),
        "open w": lambda: guest.open(name, WRITE, 0),
        "truncate": lambda: guest.truncate(name, 0),
        "chmod": lambda: guest.chmod(name, 0o600),
        "utime": lambda: guest.utimensat(CWD, name, times, 0),
        "chown": lambda: guest.chown(name, 0, 0),
        "lchown": lambda: guest.lchown(name, 0, 0),
        "access w": lambda: guest.access(name, os.W_OK),
        "readlink": lambda: min(0, guest.readlink(name, guest.put(bytes(64)), 64)),
        "stat": lambda: guest.stat(name, guest.put(bytes(144))),
        "lstat": lambda: guest.lstat(name, guest.put(bytes(144))),
    }[operation]()


@pytest.mark.parametrize("operation", LINUX)
def test_names_in_a_read_only_grant(operation: str, guest: Guest) -> None:
    found = {name: answer(guest, operation, name) for name in NAMES}
    words = {name: errno.errorcode[-result] if result < 0 else "0" for name, result in found.items()}
    assert words == dict(zip(NAMES, LINUX[operation].split(), strict=True))


def test_the_table_is_what_linux_answers(top: Path) -> None:
    mount = 'mount --bind . . && mount -o remount,bind,ro . && cd "$PWD" && exec "$@"'
    line = ["unshare", "-m", "sh", "-c", mount, "sh", sys.executable, "-c", NATIVE, *NAMES]
    try:
        done = subprocess.run(line, cwd=top, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no unshare")
    if done.returncode or os.geteuid():
        pytest.skip("not allowed to mount")
    assert json.loads(done.stdout) == LINUX
