"""One program per call or family: what the kernel answers natively, WALI answers, good arguments and bad ones."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from foreign import foreign_host
from running import Outcome, Run

import pywasmjit as wj
from pywasmjit.guest.kernel.machines import MACHINES
from pywasmjit.guest.kernel.portable import PortableKernel
from pywasmjit.guest.kernel.raw import RawKernel

HERE = Path(__file__).parent

O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NONBLOCK = 1, 2, 0o100, 0o200, 0o1000, 0o2000, 0o4000
O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC, O_PATH = 0o200000, 0o400000, 0o2000000, 0o10000000


def make_files(top: Path) -> None:
    """Fill a directory with files, directories and links of many kinds."""
    (top / "sub" / "deep").mkdir(parents=True)
    (top / "file").write_text("the quick brown fox jumps over the lazy dog\n")
    (top / "large").write_bytes(bytes(97 + n % 26 for n in range(9000)))
    (top / "empty").write_bytes(b"")
    (top / "script").write_text("#!/bin/sh\n")
    (top / "script").chmod(0o755)
    (top / "sub" / "inner").write_text("inside")
    (top / "sub" / "deep" / "bottom").write_text("depth")
    (top / "link").symlink_to("file")
    (top / "sublink").symlink_to("sub")
    (top / "up").symlink_to("sub/deep/../../file")
    (top / "absolute").symlink_to(top / "sub" / "inner")
    (top / "dangling").symlink_to("sub/made")
    (top / "loop").symlink_to("pool")
    (top / "pool").symlink_to("loop")
    (top / "slashed").symlink_to("sub/")
    (top / "fileslash").symlink_to("file/")
    for path in (top, *top.rglob("*")):
        os.utime(path, ns=(1_600_000_000_123_456_789, 1_650_000_000_987_654_321), follow_symlinks=False)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a directory that `compare` fills anew for each run, at one path, so that absolute links agree."""
    os.umask(0o022)
    return tmp_path / "work"


@contextmanager
def way_to_host(name: str) -> Iterator[None]:
    """Make processes use one of the ways to the host: "raw", the same without openat2, "portable", or a machine's."""
    with pytest.MonkeyPatch.context() as patch, foreign_host(name) if name in MACHINES else nullcontext():
        if name == "portable":
            patch.setattr("pywasmjit.guest.process.choose", PortableKernel)
        elif name == "no openat2":
            patch.setattr(RawKernel, "_has_openat2", lambda self: False)
        yield


WAYS = ("raw", "no openat2", "portable", *(["aarch64"] if os.uname().machine == "x86_64" else []))


def runs(run: Run, ways: tuple[str, ...] = WAYS) -> Iterator[tuple[str, Outcome]]:
    """Run a program as Wasm under both policies and by all ways, each on fresh files; yield label and outcome."""
    policies = {"sandbox": wj.Policy.sandbox([str(run.cwd.parent)]), "everything": wj.Policy.allow_all()}
    for way in ways:
        for label, policy in policies.items():
            renew(run.cwd)
            with way_to_host(way):
                yield f"{label}, {way}", run.wasm(policy)


def compare(name: str, work: Path, *args: str, stdin: bytes = b"", ways: tuple[str, ...] = WAYS) -> str:
    """Run a program natively and in all ways as Wasm; compare; return what it printed."""
    run = Run(HERE / f"{name}.c", args, {"A": "1"}, stdin, work)
    renew(work)
    expected = run.native()
    assert expected.status >= 0
    for label, found in runs(run, ways):
        assert found.stdout.decode() == expected.stdout.decode(), label
        assert found == expected, label
    return expected.stdout.decode()


def renew(work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    make_files(work)


def test_read(work: Path) -> None:
    assert "first=[the q]" in compare("read", work, "file")


def test_read_standard_input(work: Path) -> None:
    compare("read", work, stdin=b"some bytes on standard input")


def test_write(work: Path) -> None:
    assert "on standard output\n" in compare("write", work, "written")
    compare("write", work, "file")


def test_readv_writev(work: Path) -> None:
    compare("vectors", work, "written")


def test_pread_pwrite(work: Path) -> None:
    compare("pread", work, "written")


def test_lseek(work: Path) -> None:
    compare("lseek", work, "file")


PATHS = (
    "file", "./file", "sub/../file", "sub", "sub/", "sub/.", "sub/..", "sub/inner", "sub/inner/", "sub//deep///bottom",
    "link", "link/", "sublink", "sublink/", "sublink/inner", "sublink/../file", "up", "absolute", "dangling",
    "dangling/", "loop", "loop/x", "slashed", "fileslash", "missing", "missing/", "missing/x", "file/x", "file/..",
    ".", "..", "empty", "./", "sub/deep/../../sublink/deep/../inner", "x" * 255, "x" * 256, "y/" * 2040, "z" * 4095,
    "z" * 4096,
)  # fmt: skip


@pytest.mark.parametrize(
    "flags",
    [
        0,
        O_WRONLY,
        O_RDWR,
        O_RDWR | O_CREAT,
        O_CREAT,
        O_WRONLY | O_CREAT | O_EXCL,
        O_WRONLY | O_TRUNC,
        O_RDWR | O_CREAT | O_TRUNC | O_APPEND,
        O_DIRECTORY,
        O_NOFOLLOW,
        O_DIRECTORY | O_NOFOLLOW,
        O_RDWR | O_CREAT | O_NOFOLLOW,
        O_PATH,
        O_PATH | O_NOFOLLOW,
        O_PATH | O_DIRECTORY,
        O_CLOEXEC | O_NONBLOCK,
    ],
    ids=oct,
)
def test_open(work: Path, flags: int) -> None:
    arguments = [each for path in PATHS for each in (path, str(flags), "416")]
    compare("open", work, *arguments)


def test_open_absolute_paths(work: Path) -> None:
    paths = [f"{work}/{path}" for path in PATHS if len(path) < 200]
    compare("open", work, *[each for path in paths for each in (path, "0", "0")])


def test_openat_newfstatat_fchdir(work: Path) -> None:
    paths = ["inner", "deep", "deep/bottom", "../file", "../link", "file", f"{work}/file", "missing", "", "./inner/"]
    compare("openat", work, "sub", *paths)
    compare("openat", work, "sublink", *paths)


def test_stat_lstat_fstat(work: Path) -> None:
    # Inodes differ from one fresh tree to the next, so all runs look at the same one.
    run = Run(HERE / "stat.c", PATHS, cwd=work)
    renew(work)
    expected = run.native()
    for policy in (wj.Policy.sandbox([str(work.parent)]), wj.Policy.allow_all()):
        for way in WAYS:
            with way_to_host(way):
                assert run.wasm(policy) == expected


def test_access(work: Path) -> None:
    compare("access", work, *[path for path in PATHS if len(path) < 4096])


def test_dup_fcntl_close(work: Path) -> None:
    compare("descriptors", work, "file")


def test_descriptors_of_every_kind(work: Path) -> None:
    compare("matrix", work, ways=("raw", "no openat2"))
    compare("matrix", work, "few", ways=("portable",))


def test_names(work: Path) -> None:
    script = """
        getcwd mkdir new mkdir new mkdir new/ mkdir new/x/y mkdir new/x/ mkdir link mkdir dangling mkdir . mkdir sub/..
        mkdir / rmdir new rmdir new/x rmdir new/x rmdir new/ rmdir file rmdir sublink rmdir . rmdir sub/. rmdir sub/..
        rmdir missing unlink sub unlink missing unlink link/ unlink link unlink sub/deep/bottom unlink . unlink /
        unlink file/ unlink file/x readlink up readlink file readlink sublink/ readlink sublink readlink missing
        rename file sub/moved rename sub/moved file rename sub sub/deep/in rename missing x rename file sub
        rename sub file rename sublink renamed rename empty large rename sub/ other rename other/ sub/ rename . dot
        rename file/ x rename file new/ rename large link rename / x rename sub/.. x
        chdir sub getcwd readlink ../up mkdir here chdir deep getcwd chdir .. getcwd chdir ../up chdir missing
        chdir .. getcwd chdir renamed getcwd chdir inner
    """
    compare("names", work, *script.split())


def test_working_directory_that_was_removed(work: Path) -> None:
    compare("names", work, *["mkdir", "gone", "chdir", "gone", "rmdir", "../gone", "getcwd", "mkdir", "x"])


@pytest.mark.parametrize("size", ["65536", "64"])
def test_getdents64(work: Path, size: str) -> None:
    assert "sublink type=10\n" in compare("getdents64", work, ".", size)


def test_getdents64_with_too_small_a_buffer(work: Path) -> None:
    compare("getdents64", work, ".", "24", ways=("raw",))  # in the order of the file system


def test_getdents64_of_many(work: Path) -> None:
    run = Run(HERE / "getdents64.c", ("many", "512"), cwd=work)
    renew(work)
    (work / "many").mkdir()
    for number in range(300):
        (work / "many" / f"file number {number}").touch()
    expected = run.native()
    assert b"count=302\n" in expected.stdout
    for way in WAYS:
        with way_to_host(way):
            assert run.wasm() == expected


@pytest.mark.parametrize("name", ["file", "large"])
def test_mmap(work: Path, name: str) -> None:
    compare("mmap", work, name)


def test_mremap(work: Path) -> None:
    printed = compare("mremap", work, "large")
    assert "mark=33\n" in printed


def test_ranges_of_pages(work: Path) -> None:
    compare("ranges", work, ways=("raw", "portable"))


def test_alternate_stack(work: Path) -> None:
    compare("altstack", work, ways=("raw",))


def test_clocks(work: Path) -> None:
    compare("clocks", work)


def test_ioctl(work: Path) -> None:
    compare("ioctl", work, "file")


def test_signals_are_recorded(work: Path) -> None:
    compare("signals", work)


def test_identity_and_system(work: Path) -> None:
    compare("identity", work)


@pytest.mark.parametrize("how", ["exit", "group", "return"])
@pytest.mark.parametrize("status", ["0", "1", "77", "255", "256", "259", "-1"])
def test_exit(work: Path, how: str, status: str) -> None:
    assert compare("exit", work, how, status) == "before\n"


def test_poll_and_futex(work: Path) -> None:
    compare("waiting", work, "file")


def test_flags_of_open(work: Path) -> None:
    """As they are told, too: `compare` runs this on machines where they are other numbers."""
    compare("flags", work, "file", "sub", "link", "fresh")
