"""Calls that change files and the process in a sandbox: denied where nothing is granted, and nothing is touched."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from errno import EACCES, EBADF, EINVAL, ENOENT, EPERM, EROFS, EXDEV
from pathlib import Path
from struct import pack

import pytest
from guest import Guest
from test_grants import FDCWD, O_PATH, O_RDWR, guest, host, way

from pywasmjit.guest.policy.policy import Policy, ro

__all__ = ["guest", "host", "way"]

Call = Callable[[Guest, str], int]

TIMES = pack("<4q", 1, 2, 3, 4)
CHANGES: dict[str, Call] = {
    "chmod": lambda g, path: g.chmod(path, 0o600),
    "fchmodat": lambda g, path: g.fchmodat(FDCWD, path, 0o600, 0),
    "chown": lambda g, path: g.chown(path, 1, 1),
    "fchownat": lambda g, path: g.fchownat(FDCWD, path, 1, 1, 0),
    "truncate": lambda g, path: g.truncate(path, 0),
    "utimensat": lambda g, path: g.utimensat(FDCWD, path, g.put(TIMES), 0),
    "utimensat now": lambda g, path: g.utimensat(FDCWD, path, 0, 0),
    "futimesat": lambda g, path: g.futimesat(FDCWD, path, g.put(TIMES)),
    "utimes": lambda g, path: g.utimes(path, g.put(TIMES)),
    "utime": lambda g, path: g.utime(path, g.put(TIMES[:16])),
}
"""Calls that change what a path leads to, over links."""

CHANGES_LINKS: dict[str, Call] = {
    "lchown": lambda g, path: g.lchown(path, 1, 1),
    "fchownat": lambda g, path: g.fchownat(FDCWD, path, 1, 1, 0x100),
    "utimensat": lambda g, path: g.utimensat(FDCWD, path, g.put(TIMES), 0x100),
}
"""Calls that change a link itself."""

NAMES: dict[str, Call] = {
    "creat": lambda g, path: g.creat(path, 0o600),
    "mknod": lambda g, path: g.mknod(path, stat.S_IFREG | 0o600, 0),
    "mkfifo": lambda g, path: g.mknod(path, stat.S_IFIFO | 0o600, 0),
    "symlink": lambda g, path: g.symlink("text", path),
    "symlinkat": lambda g, path: g.symlinkat("text", FDCWD, path),
    "mkdirat": lambda g, path: g.mkdirat(FDCWD, path, 0o700),
}
"""Calls that make a name."""

LOOKS: dict[str, Call] = {
    "statx": lambda g, path: g.statx(FDCWD, path, 0, 0x7FF, 60000),
    "statfs": lambda g, path: g.statfs(path, 60000),
    "faccessat": lambda g, path: g.faccessat(FDCWD, path, 0, 0),
    "faccessat2": lambda g, path: g.faccessat2(FDCWD, path, 0, 0x200),
}

OUTSIDE = (
    "out",
    "host",
    "proc",
    "outdir/file",
    "../secret",
    "/box/../secret",
    "/etc/passwd",
    "sub/../../secret",
    "outdir/",
    "outdir/.",
    "outdir/..",
)
"""Paths from /box that lead out of all grants."""


def state(top: Path) -> dict[str, tuple[object, ...]]:
    """Describe all that could change under a directory."""
    found = {}
    for path in (top, *top.rglob("*")):
        s = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(s.st_mode) else None
        found[str(path)] = (s.st_mode, s.st_uid, s.st_gid, s.st_nlink, s.st_size, s.st_mtime_ns, s.st_ctime_ns, content)
    return found


@pytest.fixture
def untouched(host: Path) -> Iterator[None]:
    """Check that a test leaves everything as it was."""
    before = state(host)
    yield
    assert state(host) == before


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", CHANGES)
def test_changes_do_not_lead_out(guest: Guest, name: str) -> None:
    assert {path: CHANGES[name](guest, path) for path in OUTSIDE} == dict.fromkeys(OUTSIDE, -EACCES)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", LOOKS)
def test_looks_do_not_lead_out(guest: Guest, name: str) -> None:
    outside = [path for path in OUTSIDE if "outdir/.." not in path and not path.startswith("/box/..")]
    assert {path: LOOKS[name](guest, path) for path in outside} == dict.fromkeys(outside, -EACCES)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", NAMES)
def test_names_are_not_made_outside(guest: Guest, name: str) -> None:
    paths = ("outdir/new", "../new", "/new", "/tmp/new", "sub/../../new", "outdir/../new", "/etc/new")
    assert {path: NAMES[name](guest, path) for path in paths} == dict.fromkeys(paths, -EACCES)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", CHANGES)
def test_read_only_grants_are_read_only(guest: Guest, name: str) -> None:
    paths = ("/etc/conf/settings", "conf", "/etc/conf/../conf/settings", "/etc/conf/dir/../settings")
    assert {path: CHANGES[name](guest, path) for path in paths} == dict.fromkeys(paths, -EROFS)
    assert CHANGES[name](guest, "/etc/conf/missing") == -ENOENT


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", CHANGES_LINKS)
def test_links_in_read_only_grants_stay(guest: Guest, name: str) -> None:
    assert CHANGES_LINKS[name](guest, "/etc/conf/tobox") == -EROFS
    assert CHANGES_LINKS[name](guest, "outdir/file") == -EACCES


@pytest.mark.parametrize("name", CHANGES_LINKS)
def test_a_link_itself_can_be_changed(guest: Guest, host: Path, name: str) -> None:
    before = os.stat(host / "secret")
    assert CHANGES_LINKS[name](guest, "out") == 0
    after = os.stat(host / "secret")
    assert (after.st_uid, after.st_mtime_ns) == (before.st_uid, before.st_mtime_ns)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", NAMES)
def test_names_are_not_made_in_read_only_grants(guest: Guest, name: str) -> None:
    for path in ("/etc/conf/new", "/etc/conf/dir/new"):
        assert NAMES[name](guest, path) == -EROFS
    assert NAMES[name](guest, "/etc/conf/missing/new") == -ENOENT


@pytest.mark.usefixtures("untouched")
def test_nothing_is_granted(host: Path) -> None:
    """Without any directory every path is denied."""
    with Guest(Policy.sandbox()) as guest:
        calls = {**CHANGES, **CHANGES_LINKS, **NAMES, **LOOKS}
        for path in (str(host / "secret"), str(host / "box" / "file"), "secret", "/etc/passwd", "../../etc/passwd"):
            assert {name: call(guest, path) for name, call in calls.items()} == dict.fromkeys(calls, -EACCES)
        assert guest.link("/etc/passwd", "/tmp/x") == -EACCES
        assert guest.renameat2(FDCWD, "/tmp/x", FDCWD, "/tmp/y", 0) == -EACCES
        assert guest.unlinkat(FDCWD, "/tmp/x", 0) == -EACCES


# -- descriptors ------------------------------------------------------------------------------------------------------

DESCRIPTOR_CHANGES: dict[str, Callable[[Guest, int], int]] = {
    "fchmod": lambda g, fd: g.fchmod(fd, 0o600),
    "fchown": lambda g, fd: g.fchown(fd, 1, 1),
    "utimensat": lambda g, fd: g.utimensat(fd, 0, g.put(TIMES), 0),
    "futimesat": lambda g, fd: g.futimesat(fd, 0, g.put(TIMES)),
    "empty utimensat": lambda g, fd: g.utimensat(fd, "", g.put(TIMES), 0x1000),
    "empty fchownat": lambda g, fd: g.fchownat(fd, "", 1, 1, 0x1000),
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", DESCRIPTOR_CHANGES)
def test_descriptors_of_read_only_grants(guest: Guest, name: str) -> None:
    for path, flags in (("/etc/conf/settings", 0), ("/etc/conf", 0), ("/etc/conf/settings", O_PATH)):
        assert DESCRIPTOR_CHANGES[name](guest, guest.open(path, flags, 0)) == -EROFS


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", DESCRIPTOR_CHANGES)
def test_standard_streams_are_not_changed(host: Path, name: str) -> None:
    with open(host / "secret", "rb+") as file:
        streams = (file.fileno(),) * 3
        with Guest(Policy.sandbox([str(host / "box")]), streams=streams) as guest:
            assert [DESCRIPTOR_CHANGES[name](guest, fd) for fd in (0, 1, 2)] == [-EPERM] * 3
            assert DESCRIPTOR_CHANGES[name](guest, guest.dup(1)) == -EPERM


@pytest.mark.parametrize("name", DESCRIPTOR_CHANGES)
def test_descriptors_of_grants_can_be_changed(guest: Guest, host: Path, name: str) -> None:
    before = os.stat(host / "box" / "file")
    assert DESCRIPTOR_CHANGES[name](guest, guest.open("file", O_RDWR, 0)) == 0
    assert os.stat(host / "box" / "file") != before


# -- names of what is elsewhere ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("untouched")
def test_hard_links_do_not_cross(guest: Guest) -> None:
    for source in ("out", "host", "proc", "outdir/file", "../secret"):
        assert guest.linkat(FDCWD, source, FDCWD, "here", 0x400) == -EACCES
    assert guest.link("outdir/file", "here") == -EACCES
    assert guest.link("/etc/conf/settings", "here") == -EXDEV
    assert guest.link("file", "/etc/conf/new") == -EROFS
    assert guest.linkat(guest.open("/etc/conf/settings", 0, 0), "", FDCWD, "here", 0x1000) == -EXDEV
    assert guest.linkat(guest.open("/etc/conf/settings", O_PATH, 0), "", FDCWD, "here", 0x1000) == -EXDEV
    assert guest.linkat(0, "", FDCWD, "here", 0x1000) == -EXDEV
    assert guest.link("outdir/", "here") == -EACCES


def test_a_link_to_a_link_is_the_link(guest: Guest, host: Path) -> None:
    assert guest.link("out", "again") == 0
    assert os.readlink(host / "box" / "again") == "../secret"
    assert (host / "secret").stat().st_nlink == 1


@pytest.mark.usefixtures("untouched")
def test_renames_do_not_cross(guest: Guest) -> None:
    for flags in (0, 1, 2):
        assert guest.renameat2(FDCWD, "/etc/conf/settings", FDCWD, "file", flags) == -EXDEV
        assert guest.renameat2(FDCWD, "file", FDCWD, "/etc/conf/settings", flags) == -EXDEV
        assert guest.renameat2(FDCWD, "outdir/file", FDCWD, "new", flags) == -EACCES
        assert guest.renameat2(FDCWD, "file", FDCWD, "../new", flags) == -EACCES
        assert guest.renameat2(FDCWD, "/etc/conf/settings", FDCWD, "/etc/conf/dir", flags) == -EROFS


def test_renamed_links_stay_links(guest: Guest, host: Path) -> None:
    assert guest.renameat(FDCWD, "out", FDCWD, "sub/out") == 0
    assert guest.chmod("sub/out", 0o777) == -ENOENT  # ../secret is /box/secret from there
    assert (host / "secret").read_text() == "secret"


def test_nested_grants_do_not_mix(host: Path) -> None:
    """A read-only grant inside a writable one keeps its files, by any path and descriptor."""
    policy = Policy.sandbox({"/box": host / "box", "/box/sub": ro(host / "box" / "sub")})
    with Guest(policy, cwd="/box") as guest:
        assert guest.chmod("sub/inner", 0o600) == -EROFS
        assert guest.link("sub/inner", "here") == -EXDEV
        assert guest.rename("sub", "moved") < 0
        assert guest.chmod("sub", 0o700) == -EROFS
        directory = guest.open(".", 0, 0)
        assert guest.fchmodat(directory, "sub/inner", 0o600, 0) == -EROFS
        assert guest.unlinkat(directory, "sub/inner", 0) == -EROFS


# -- what needs a capability ------------------------------------------------------------------------------------------

SYSTEM: dict[str, Callable[[Guest], int]] = {
    "setuid": lambda g: g.setuid(os.getuid()),
    "setgid": lambda g: g.setgid(os.getgid()),
    "setreuid": lambda g: g.setreuid(-1, -1),
    "setregid": lambda g: g.setregid(-1, -1),
    "setresuid": lambda g: g.setresuid(-1, -1, -1),
    "setresgid": lambda g: g.setresgid(-1, -1, -1),
    "setgroups": lambda g: g.setgroups(0, 0),
    "chroot": lambda g: g.chroot("/"),
    "setpgid": lambda g: g.setpgid(0, 0),
    "setsid": lambda g: g.setsid(),
    "getpgid": lambda g: g.getpgid(1),
    "getsid": lambda g: g.getsid(1),
    "setaffinity": lambda g: g.sched_setaffinity(0, 8, g.put(b"\1" + bytes(7))),
    "setscheduler": lambda g: g.sched_setscheduler(0, 0, g.put(bytes(4))),
    "getaffinity": lambda g: g.sched_getaffinity(1, 128, 60000),
    "mlock": lambda g: g.mlock(4096, 4096),
    "limit of another": lambda g: g.prlimit64(1, 7, 0, 60000),
    "raised descriptors": lambda g: g.setrlimit(7, g.put(b"\xff" * 16)),
    "core": lambda g: g.setrlimit(4, g.put(bytes(16))),
    "cpu": lambda g: g.setrlimit(0, g.put(bytes(16))),
    "pdeathsig": lambda g: g.prctl(1, 9, 0, 0, 0),
    "dumpable": lambda g: g.prctl(4, 0, 0, 0, 0),
    "no_new_privs": lambda g: g.prctl(38, 1, 0, 0, 0),
    "capabilities": lambda g: g.prctl(24, 1, 0, 0, 0),
    "owner": lambda g: g.fcntl(0, 8, 1),
    "owner_ex": lambda g: g.fcntl(0, 15, g.put(pack("<ii", 1, 1))),
    "signal": lambda g: g.fcntl(0, 10, 9),
    "lease": lambda g: g.fcntl(0, 1024, 1),
    "notify": lambda g: g.fcntl(0, 1026, 1),
    "asynchronous": lambda g: g.fcntl(0, 4, 0o20000),
    "ioctl asynchronous": lambda g: g.ioctl(0, 0x5452, g.put(b"\1\0\0\0")),
    "foreground": lambda g: g.ioctl(0, 0x5410, g.put(b"\1\0\0\0")),
    "terminal": lambda g: g.ioctl(0, 0x540E, 0),
    "address": lambda g: g.ioctl(0, 0x8916, g.put(bytes(40))),
    "name of a network card": lambda g: g.ioctl(g.socket(1, 1, 0), 0x8910, g.put(bytes(16) + b"\1" + bytes(23))),
    "number of a network card": lambda g: g.ioctl(g.socket(1, 1, 0), 0x8927, g.put(b"lo".ljust(40, b"\0"))),
    "device": lambda g: g.mknod("device", stat.S_IFCHR | 0o600, 0x103),
    "block device": lambda g: g.mknod("device", stat.S_IFBLK | 0o600, 0x800),
    "whiteout": lambda g: g.renameat2(FDCWD, "file", FDCWD, "x", 4),
    "set-user-id": lambda g: g.chmod("file", 0o4755),
    "set-group-id": lambda g: g.fchmod(g.open("file", 0, 0), 0o2755),
    "set-user-id of a directory": lambda g: g.chmod("sub", 0o4755),
    "set-user-id of an open directory": lambda g: g.fchmod(g.open("sub", 0o200000, 0), 0o6755),
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", SYSTEM)
def test_capabilities_are_not_there_by_default(guest: Guest, name: str) -> None:
    assert SYSTEM[name](guest) == -EPERM


def test_refused_requests(guest: Guest) -> None:
    """Requests with pointers inside, and those that type into the terminal, are unknown to everybody."""
    unknown = [guest.ioctl(0, request, 60000) for request in (0x8912, 0x8946, 0x8940, 0x8941, 0x5412, 0x541C)]
    assert unknown == [-25] * 6
    options = [guest.prctl(option, 1, 60000, 0, 0) for option in (22, 35, 0x53564D41, 40, 53, 59, 62)]
    assert options == [-EINVAL] * 7


def test_new_files_are_never_set_user_id(guest: Guest, host: Path) -> None:
    guest.open("opened", 0o102, 0o6755)
    guest.creat("created", 0o6755)
    guest.mknod("made", stat.S_IFREG | 0o6755, 0)
    modes = [(host / "box" / name).stat().st_mode & 0o7000 for name in ("opened", "created", "made")]
    assert modes == [0, 0, 0]


def test_directories_may_be_set_group_id(guest: Guest, host: Path) -> None:
    """Their files then have their group, and lend nobody's rights."""
    assert guest.chmod("sub", 0o2755) == 0
    assert (host / "box" / "sub").stat().st_mode & 0o7777 == 0o2755


def test_an_open_file_gets_a_second_name_by_its_descriptor(guest: Guest, host: Path) -> None:
    for number, flags in enumerate((0, O_RDWR, O_PATH)):
        fd = guest.open("file", flags, 0)
        assert guest.linkat(fd, "", FDCWD, f"second{number}", 0x1000) == 0
    assert guest.linkat(0, "", FDCWD, "third", 0x1000) == -EXDEV
    assert guest.linkat(guest.open("sub", 0o200000, 0), "", FDCWD, "third", 0x1000) == -EPERM
    assert (host / "box" / "file").stat().st_nlink == 4
    assert not (host / "box" / "third").exists()


def test_umask_is_the_guests_own(guest: Guest, host: Path) -> None:
    before = os.umask(0o022)
    try:
        assert guest.umask(0o077) == 0o022
        assert guest.umask(0o077) == 0o077
        guest.creat("private", 0o666)
        guest.mkdirat(FDCWD, "closed", 0o777)
        guest.mknod("pipe", stat.S_IFIFO | 0o666, 0)
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    modes = [(host / "box" / name).stat().st_mode & 0o777 for name in ("private", "closed", "pipe")]
    assert modes == [0o600, 0o700, 0o600]


OF_THE_WHOLE_PROCESS = (
    *("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "chroot", "setpgid", "setsid"),
    *("core", "cpu", "pdeathsig", "dumpable", "no_new_privs", "capabilities"),
)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", OF_THE_WHOLE_PROCESS)
def test_a_larger_program_is_not_the_guests(name: str) -> None:
    """With everything allowed, too: user, root, session and limits of the host process are not only the guest's."""
    with Guest(Policy.allow_all()) as guest:
        assert SYSTEM[name](guest) == -EPERM


def test_umask_of_a_process_of_its_own(host: Path) -> None:
    """It is the host's, since there is nobody else; and comes back at the end."""
    before = os.umask(0o022)
    with Guest(Policy.sandbox([str(host / "box")]), cwd=str(host / "box"), owns_host=True) as guest:
        assert guest.umask(0) == 0o022
        assert guest.mkdir("open", 0o777) == 0
    assert os.umask(before) == 0o022
    assert (host / "box" / "open").stat().st_mode & 0o777 == 0o777


def test_limits_are_the_guests_own(guest: Guest) -> None:
    import resource

    before = [resource.getrlimit(each) for each in (resource.RLIMIT_NOFILE, resource.RLIMIT_AS, resource.RLIMIT_STACK)]
    for number in (7, 9, 3, 2):
        assert guest.setrlimit(number, guest.put(pack("<QQ", 16, 32))) == 0
        assert guest.getrlimit(number, 60000) == 0
        assert guest.memory.read(60000, 16) == pack("<QQ", 16, 32)
    assert guest.mmap(0, 4096, 3, 0x22, -1, 0) == -12
    assert guest.dup2(0, 16) == -EBADF
    after = [resource.getrlimit(each) for each in (resource.RLIMIT_NOFILE, resource.RLIMIT_AS, resource.RLIMIT_STACK)]
    assert after == before


def test_read_only_grants_look_read_only(guest: Guest) -> None:
    def flags(result: int) -> int:
        assert result == 0
        return guest.memory.read(60080, 1)[0] & 1

    assert flags(guest.statfs("/etc/conf", 60000)) == 1
    assert flags(guest.fstatfs(guest.open("/etc/conf/settings", 0, 0), 60000)) == 1
    assert flags(guest.statfs("/box", 60000)) == 0
    assert flags(guest.statfs("/", 60000)) == 1
    assert guest.faccessat2(FDCWD, "/etc/conf/settings", 2, 0) == -EROFS
    assert guest.faccessat(FDCWD, "/etc/conf/settings", 2, 0) == -EROFS
    assert guest.statx(FDCWD, "/etc", 0, 0x7FF, 60000) == 0
    assert CHANGES["chmod"](guest, "/etc") == -EROFS


def test_names_of_threads_stay_with_the_guest(guest: Guest) -> None:
    comm = Path("/proc/thread-self/comm").read_text()
    assert guest.prctl(15, guest.text("a guest's name"), 0, 0, 0) == 0
    assert guest.prctl(16, 60000, 0, 0, 0) == 0
    assert guest.memory.read(60000, 16) == b"a guest's name\0\0"
    assert Path("/proc/thread-self/comm").read_text() == comm


def test_denials_name_the_option(guest: Guest) -> None:
    guest.setsid()
    guest.fcntl(0, 8, 1)
    guest.prlimit64(1, 7, 0, 0)
    assert [report.rpartition("--allow ")[2] for report in guest.reports] == [
        "process grants it",
        "signals grants it",
        "system grants it",
    ]
