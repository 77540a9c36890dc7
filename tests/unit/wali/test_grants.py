"""Paths in a sandbox: what is granted is seen at its place, and nothing leads out."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Iterator
from errno import EACCES, EBUSY, EEXIST, EINVAL, EISDIR, ELOOP, ENOENT, ENOTDIR, EROFS, EXDEV
from pathlib import Path

import pytest
from guest import Guest

from pywasmjit.guest.kernel.portable import PortableKernel
from pywasmjit.guest.kernel.raw import RawKernel
from pywasmjit.guest.policy.policy import Policy, ro

O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC = 0, 1, 2, 0o100, 0o200, 0o1000
O_DIRECTORY, O_NOFOLLOW, O_PATH, O_TMPFILE = 0o200000, 0o400000, 0o10000000, 0o20200000
FDCWD = -100


@pytest.fixture(params=["raw", "no openat2", "portable"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every test by the kernel's openat2, by walking alone, and by Python's `os` alone."""
    if request.param == "portable":
        monkeypatch.setattr("pywasmjit.guest.process.choose", PortableKernel)
    elif request.param == "no openat2":
        monkeypatch.setattr(RawKernel, "_has_openat2", lambda self: False)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """Return a directory with `box` and `conf`, to be granted, and secrets around them."""
    (tmp_path / "box" / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "conf").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "file").write_text("secret")
    (tmp_path / "box" / "file").write_text("box file")
    (tmp_path / "box" / "sub" / "inner").write_text("inner")
    (tmp_path / "conf" / "settings").write_text("settings")
    (tmp_path / "conf" / "dir").mkdir()
    box = tmp_path / "box"
    (box / "out").symlink_to("../secret")
    (box / "outdir").symlink_to("../secrets")
    (box / "host").symlink_to(tmp_path / "secret")
    (box / "proc").symlink_to("/proc/self/root" + str(tmp_path / "secret"))
    (box / "root").symlink_to("/box/file")
    (box / "conf").symlink_to("/etc/conf/settings")
    (box / "up").symlink_to("sub/../../box/./file")
    (box / "new").symlink_to("/box/sub/made")
    (box / "newout").symlink_to("../made")
    (tmp_path / "conf" / "tobox").symlink_to("/box/file")
    return tmp_path


@pytest.fixture
def guest(host: Path) -> Iterator[Guest]:
    """Return a guest that sees box at /box, conf at /etc/conf for reading, and works in /box."""
    policy = Policy.sandbox({"/box": host / "box", "/etc/conf": ro(host / "conf")})
    with Guest(policy, cwd="/box") as made:
        yield made


def read(guest: Guest, path: str, flags: int = O_RDONLY) -> str | int:
    """Return what a path's file holds, or the negated errno."""
    fd = guest.open(path, flags, 0)
    if fd < 0:
        return fd
    count = guest.read(fd, 60000, 100)
    guest.process.files.close(fd)
    return guest.memory.read(60000, count).decode() if count >= 0 else count


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("file", "box file"),
        ("/box/file", "box file"),
        ("//box//./sub/..//file", "box file"),
        ("root", "box file"),
        ("up", "box file"),
        ("../etc/conf/settings", "settings"),
        ("conf", "settings"),
        ("/etc/conf/tobox", "box file"),
        ("/../../box/file", "box file"),
        ("sub/inner", "inner"),
        ("missing", -ENOENT),
        ("/box", -EISDIR),
        ("/etc/conf/dir/..", -EISDIR),
        ("file/", -ENOTDIR),
        ("out", -EACCES),
        ("outdir/file", -EACCES),
        ("host", -EACCES),
        ("proc", -EACCES),
        ("../secret", -EACCES),
        ("/secret", -EACCES),
        ("/", -EACCES),
        ("/etc", -EACCES),
        ("/etc/passwd", -EACCES),
        ("/etc/conf/../passwd", -EACCES),
        ("/box/../box/../secret", -EACCES),
        ("/box/../../../../../../../../etc/passwd", -EACCES),
    ],
)
def test_open(guest: Guest, path: str, expected: str | int) -> None:
    assert read(guest, path) == expected


def test_links_in_a_circle(guest: Guest, host: Path) -> None:
    (host / "box" / "a").symlink_to("b")
    (host / "box" / "b").symlink_to("/box/a")
    assert guest.open("a", 0, 0) == -ELOOP
    assert guest.open("a/x", 0, 0) == -ELOOP
    assert guest.stat("a", 2000) == -ELOOP
    assert guest.lstat("a", 2000) == 0


def test_forty_links_are_followed_and_no_more(guest: Guest, host: Path) -> None:
    for number in range(41):
        (host / "box" / f"l{number}").symlink_to(f"l{number - 1}" if number else "file")
    assert read(guest, "l39") == "box file"
    assert guest.open("l40", 0, 0) == -ELOOP


def test_creation_through_links(guest: Guest, host: Path) -> None:
    assert guest.open("new", O_WRONLY | O_CREAT | O_EXCL, 0o644) == -EEXIST
    assert guest.open("new", O_WRONLY | O_CREAT, 0o644) >= 3
    assert (host / "box" / "sub" / "made").exists()
    assert guest.open("newout", O_WRONLY | O_CREAT, 0o644) == -EACCES
    assert not (host / "made").exists()


def test_no_follow(guest: Guest) -> None:
    assert guest.open("root", O_NOFOLLOW, 0) == -ELOOP
    assert guest.open("out", O_NOFOLLOW, 0) == -ELOOP
    assert guest.open("root", O_NOFOLLOW | O_DIRECTORY, 0) == -ENOTDIR
    fd = guest.open("out", O_NOFOLLOW | O_PATH, 0)
    assert guest.newfstatat(fd, "", 2000, 0x1000) == 0
    assert guest.memory.unpack("<I", 2024)[0] >> 12 == 0o12


@pytest.mark.parametrize(
    ("path", "flags", "expected"),
    [
        ("settings", O_RDONLY, 3),
        ("settings", O_WRONLY, -EROFS),
        ("settings", O_RDWR, -EROFS),
        ("settings", O_RDONLY | O_TRUNC, -EROFS),
        ("settings", O_RDONLY | O_CREAT, 3),
        ("settings", O_RDONLY | O_CREAT | O_EXCL, -EEXIST),
        ("settings", O_WRONLY | O_CREAT | O_EXCL, -EEXIST),
        ("settings/", O_WRONLY, -ENOTDIR),
        ("new", O_WRONLY, -ENOENT),
        ("new", O_RDONLY | O_CREAT, -EROFS),
        ("new", O_WRONLY | O_CREAT, -EROFS),
        ("new", O_WRONLY | O_CREAT | O_EXCL, -EROFS),
        ("dir/new", O_WRONLY | O_CREAT, -EROFS),
        ("no/new", O_WRONLY | O_CREAT, -ENOENT),
        ("dir", O_WRONLY, -EISDIR),
        ("dir", O_RDONLY | O_CREAT, -EISDIR),
        ("dir", O_RDWR | O_TMPFILE, -EROFS),
        (".", O_RDWR | O_TMPFILE, -EROFS),
        (".", O_RDONLY, 3),
        ("settings", O_PATH, 3),
        ("tobox", O_RDWR, 3),
        ("tobox", O_RDWR | O_NOFOLLOW, -ELOOP),
    ],
)
def test_read_only_grant(guest: Guest, host: Path, path: str, flags: int, expected: int) -> None:
    before = sorted(os.listdir(host / "conf"))
    assert guest.open(f"/etc/conf/{path}", flags, 0o644) == expected
    assert guest.chdir("/etc/conf") == 0
    fd = guest.open(path, flags, 0o644)
    assert fd == (4 if expected == 3 else expected)
    assert sorted(os.listdir(host / "conf")) == before
    assert (host / "conf" / "settings").read_text() == "settings"


def test_changes_of_names_in_a_read_only_grant(guest: Guest, host: Path) -> None:
    (host / "conf" / "link").symlink_to("settings")
    calls = {
        "unlink": (guest.unlink("/etc/conf/settings"), -EROFS),
        "rmdir": (guest.rmdir("/etc/conf/dir"), -EROFS),
        "mkdir": (guest.mkdir("/etc/conf/x", 0o755), -EROFS),
        "mkdir of what exists": (guest.mkdir("/etc/conf/dir", 0o755), -EEXIST),
        "rename": (guest.rename("/etc/conf/settings", "/etc/conf/x"), -EROFS),
        "rename out": (guest.rename("/etc/conf/settings", "/box/x"), -EXDEV),
        "rename in": (guest.rename("/box/file", "/etc/conf/x"), -EXDEV),
        "access": (guest.access("/etc/conf/settings", 4), 0),
        "access for writing": (guest.access("/etc/conf/settings", 2), -EROFS),
        "access of what is missing": (guest.access("/etc/conf/no", 2), -ENOENT),
        "truncate by descriptor": (guest.ftruncate(guest.open("/etc/conf/settings", 0, 0), 0), -EINVAL),
    }
    assert {name: found for name, (found, _) in calls.items()} == {name: wanted for name, (_, wanted) in calls.items()}
    assert sorted(os.listdir(host / "conf")) == ["dir", "link", "settings", "tobox"]


def test_a_granted_directory_itself_stays(guest: Guest, host: Path) -> None:
    assert guest.rmdir("/etc/conf") == -EBUSY
    assert guest.rmdir("/box") == -EBUSY
    assert guest.unlink("/box") == -EISDIR
    assert guest.rename("/box", "/box/x") == -EBUSY
    assert guest.rename("/box/sub", "/box") == -EBUSY
    assert guest.mkdir("/box", 0o755) == -EEXIST
    assert guest.mkdir("/etc", 0o755) == -EEXIST
    assert guest.mkdir("/", 0o755) == -EEXIST
    assert guest.mkdir("/new", 0o755) == -EACCES
    assert guest.rmdir("/") == -EBUSY
    assert guest.rmdir("../box/sub/..") == -39
    assert (host / "box").is_dir()


def test_directories_in_name_only(guest: Guest) -> None:
    for path in ("/", "/etc", "/etc/", "/etc/conf/..", "/box/.."):
        assert guest.stat(path, 2000) == 0, path
        assert guest.memory.unpack("<I", 2024)[0] == 0o040555
        assert guest.access(path, 5) == 0
        assert guest.access(path, 2) == -EROFS
        assert guest.open(path, O_DIRECTORY, 0) == -EACCES
        assert guest.readlink(path, 3000, 10) == -EINVAL
    assert guest.chdir("/etc") == 0
    assert guest.getcwd(3000, 100) == 5
    assert read(guest, "conf/settings") == "settings"
    assert guest.stat("passwd", 2000) == -EACCES


def test_a_grant_inside_another(host: Path) -> None:
    policy = Policy.sandbox({"/": host / "box", "/sub": ro(host / "conf"), "/no/such/place": host / "secrets"})
    with Guest(policy) as guest:
        assert read(guest, "/file") == "box file"
        assert read(guest, "/sub/settings") == "settings"
        assert read(guest, "/sub/inner") == -ENOENT
        assert guest.open("/sub/x", O_WRONLY | O_CREAT, 0o644) == -EROFS
        root = guest.open("/", O_DIRECTORY, 0)
        assert guest.openat(root, "sub/inner", 0, 0) == -ENOENT
        assert guest.openat(root, "sub/settings", O_WRONLY, 0) == -EROFS
        assert guest.openat(root, "./sub/deep/../../sub/settings", O_WRONLY, 0) == -ENOENT
        assert read(guest, "/no/such/place/file") == "secret"
        assert read(guest, "/no/such/../such/place/file") == "secret"
        assert guest.rename("/file", "/sub/file") == -EXDEV
        assert guest.rmdir("/sub") == -EBUSY


def test_a_descriptor_of_a_directory(guest: Guest, host: Path) -> None:
    fd = guest.open("/box/sub", O_DIRECTORY, 0)
    assert guest.openat(fd, "inner", 0, 0) > fd
    assert guest.openat(fd, "../file", 0, 0) > fd
    assert guest.openat(fd, "../../secret", 0, 0) == -EACCES
    assert guest.openat(fd, "/etc/conf/settings", 0, 0) > fd
    assert guest.openat(guest.open("/box/file", 0, 0), "x", 0, 0) == -ENOTDIR
    assert guest.openat(0, "x", 0, 0) == -ENOTDIR
    assert guest.openat(99, "x", 0, 0) == -9
    assert guest.openat(99, "/box/file", 0, 0) > fd
    assert guest.fchdir(fd) == 0
    assert guest.getcwd(3000, 100) == len("/box/sub") + 1
    assert read(guest, "inner") == "inner"


def test_the_working_directory_starts_where_the_host_is(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(host / "box" / "sub")
    places = {
        "as it is": ([str(host / "box")], str(host / "box" / "sub")),
        "elsewhere": ([f"{host}/box::/b"], "/b/sub"),
        "the longest": ([f"{host}::/h", f"{host}/box::/b"], "/b/sub"),
        "root": ([f"{host}::/"], "/box/sub"),
        "not granted": ([f"{host}/conf"], "/"),
    }
    for label, (dirs, expected) in places.items():
        with Guest(Policy.sandbox(dirs)) as guest:
            length = guest.getcwd(3000, 1000)
            assert guest.memory.read(3000, length - 1).decode() == expected, label


def test_working_directory_that_is_not_there(host: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Guest(Policy.sandbox([str(host)]), cwd=f"{host}/missing")
    with pytest.raises(FileNotFoundError):
        Guest(Policy.sandbox([f"{host}/missing"]))


def test_denials_name_the_option(host: Path) -> None:
    for path, message in {
        "/etc/passwd": "denied: access to '/etc/passwd'; --dir /etc grants it",
        "file": "denied: access to 'file'; --dir . grants it",
    }.items():
        with Guest() as guest:
            assert guest.open(path, 0, 0) == -EACCES
            assert guest.open("/other", 0, 0) == -EACCES
            assert guest.reports == [message]
    with Guest(Policy.sandbox({"/box": host / "box"})) as guest:
        assert guest.open("/box/host", 0, 0) == -EACCES
        assert guest.reports == [f"denied: access to '{host}/secret'; --dir {host} grants it"]


def test_denials_are_one_line_whatever_the_path(host: Path) -> None:
    with Guest() as guest:
        assert guest.open("/a\x1b]0;title\x07\n/file", 0, 0) == -EACCES
        assert all(report.isprintable() for report in guest.reports)
        assert len(guest.reports) == 1


def test_descriptors_of_the_engine_are_closed_at_the_end(host: Path) -> None:
    gc.collect()  # what is left of other tests does not close its descriptors meanwhile
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with Guest(Policy.sandbox([str(host)]), cwd=str(host)) as guest:
            guest.open(f"{host}/box/sub/../file", 0, 0)
            guest.open(f"{host}/box/missing/x", 0, 0)
            guest.chdir("box")
            guest.stat("up", 2000)
            guest.mkdir("sub/../sub", 0)
            guest.open("out", 0, 0)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_procfs_in_a_grant_shows_nothing_of_processes() -> None:
    pid = os.getpid()
    with Guest(Policy.sandbox(["/proc"])) as guest:
        for name in ("mem", "maps", "environ", "fd", "fd/0", "exe", "cwd", "root", "map_files", "task/1/../environ"):
            for process in ("self", str(pid), f"self/task/{pid}", "thread-self"):
                path = f"/proc/{process}/{name}"
                assert guest.open(path, 0, 0) < 0, path
                assert guest.open(path, O_PATH, 0) < 0, path
                assert guest.readlink(path, 2000, 100) < 0, path
                assert name in ("root", "cwd") or guest.stat(path, 2000) < 0, path
        directory = guest.open("/proc/self", O_DIRECTORY, 0)
        assert directory >= 3
        assert guest.openat(directory, "mem", 0, 0) == -EACCES
        assert guest.openat(directory, "environ", O_RDONLY, 0) == -EACCES
        assert guest.open("/proc/meminfo", 0, 0) > 0
        assert guest.open("/proc/self/status", 0, 0) > 0


def test_a_race_of_directory_and_link_never_leads_out(guest: Guest, host: Path) -> None:
    box = host / "box"
    (box / "real").mkdir()
    (box / "real" / "file").write_text("inside")
    (box / "trap").symlink_to("../secrets")
    stop = threading.Event()

    def swap() -> None:
        names = [str(box / name) for name in ("place", "real", "trap")]
        while not stop.is_set():
            os.rename(names[1], names[0])
            os.rename(names[0], names[1])
            os.rename(names[2], names[0])
            os.rename(names[0], names[2])

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        found = {read(guest, path) for _ in range(300) for path in ("place/file", "sub/../place/file")}
    finally:
        stop.set()
        thread.join()
    assert "secret" not in found
    assert found <= {"inside", -ENOENT, -EACCES}


@pytest.mark.parametrize("path", ["fresh", "sub/../fresh"])
def test_bits_of_a_mode_that_no_file_has_are_dropped(guest: Guest, host: Path, path: str) -> None:
    assert guest.open(path, O_WRONLY | O_CREAT, 0xFFFF_FFFF) == 3
    assert (host / "box" / "fresh").stat().st_mode & 0o6000 == 0
