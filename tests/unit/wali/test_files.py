"""The guest's descriptor table: numbers, duplicates, ownership, limits."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from errno import EAGAIN, EBADF, EINVAL, EMFILE
from pathlib import Path
from stat import S_IFIFO, S_IFREG

import pytest

from pywasmjit.guest.files.descriptors import Files, OpenFile, await_others, hold
from pywasmjit.guest.kernel.descriptors import move_high


@pytest.fixture
def files() -> Iterator[Files]:
    table = Files()
    yield table
    table.close_all()


def new(content: bytes = b"") -> int:
    fd = os.memfd_create("test")
    os.write(fd, content)
    os.lseek(fd, 0, 0)
    return fd


def error_of(action, *arguments) -> int:
    with pytest.raises(OSError) as caught:  # noqa: PT011 - the number is what is looked at
        action(*arguments)
    assert caught.value.errno is not None
    return caught.value.errno


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def host(files: Files, guest: int) -> int:
    return files.file(guest).host


def test_numbers_are_the_lowest_free(files: Files) -> None:
    assert [files.add(new()) for _ in range(3)] == [3, 4, 5]
    files.close(4)
    files.close(0)
    assert [files.add(new()) for _ in range(3)] == [0, 4, 6]
    assert files.add(new(), lowest=10) == 10
    assert files.add(new()) == 7


def test_what_is_not_there(files: Files) -> None:
    for number in (3, -1, 99, 1 << 31, -(1 << 31)):
        assert files.find(number) is None
        assert error_of(files.file, number) == EBADF
        assert error_of(files.close, number) == EBADF
        assert error_of(files.set_close_on_exec, number, True) == EBADF


def test_closing_closes_the_hosts_unless_it_is_the_callers(files: Files) -> None:
    fd = new()
    files.close(files.add(fd))
    assert not is_open(fd)
    before = is_open(1)
    files.close(1)
    assert is_open(1) is before


def test_duplicates_share_their_offset(files: Files) -> None:
    first = files.add(new(b"abcdef"))
    second = files.duplicate(files.file(first))
    assert files.duplicate_to(files.file(first), 9) is None
    assert [os.read(host(files, each), 2) for each in (first, second, 9)] == [b"ab", b"cd", b"ef"]
    files.close(first)
    assert os.lseek(host(files, second), 0, os.SEEK_CUR) == 6


def test_duplicating_onto_an_open_one_closes_that(files: Files) -> None:
    victim = new()
    target = files.add(victim)
    source = files.add(new(b"x"))
    replaced = files.duplicate_to(files.file(source), target)
    assert replaced is not None
    assert replaced.host == victim
    assert is_open(victim)
    del replaced
    assert not is_open(victim)
    assert os.read(host(files, target), 1) == b"x"


def test_standard_streams_can_be_replaced(files: Files) -> None:
    source = files.add(new(b"x"))
    files.duplicate_to(files.file(source), 1)
    assert host(files, 1) not in (1, host(files, source))
    files.close(1)
    assert is_open(host(files, source))


def test_close_on_exec(files: Files) -> None:
    plain, marked = files.add(new()), files.add(new(), close_on_exec=True)
    assert [files.file(each).close_on_exec for each in (plain, marked)] == [False, True]
    assert files.file(files.duplicate(files.file(marked))).close_on_exec is False
    files.duplicate_to(files.file(plain), 20, True)
    assert files.file(20).close_on_exec is True
    assert os.get_inheritable(host(files, plain)) is False
    files.set_close_on_exec(plain, True)
    assert files.file(plain).close_on_exec is True
    assert os.read(host(files, plain), 1) == b""
    assert set(files.inherited()) == {0, 1, 2, 5}


def test_limit(files: Files) -> None:
    files.limit = 5
    files.add(new())
    files.add(new())
    fd = new()
    assert error_of(files.add, fd) == EMFILE
    assert not is_open(fd)
    stream = files.file(0)
    assert error_of(files.duplicate, stream) == EMFILE
    assert error_of(lambda: files.duplicate(stream, lowest=5)) == EINVAL
    assert error_of(lambda: files.duplicate(stream, lowest=-1)) == EINVAL
    assert error_of(files.duplicate_to, stream, 5) == EBADF
    assert error_of(files.duplicate_to, stream, -1) == EBADF


def test_engine_descriptors_are_high_and_not_inherited() -> None:
    low = new(b"x")
    high = move_high(low)
    try:
        assert high > 900
        assert not os.get_inheritable(high)
        assert low == high or not is_open(low)
    finally:
        os.close(high)


def test_the_last_numbers_of_the_host_are_the_engines(files: Files) -> None:
    files.ceiling = max(os.dup(0), 3)
    os.close(files.ceiling)
    fd = new()
    assert error_of(files.add, fd) == EMFILE
    assert not is_open(fd)
    stream = files.file(0)
    assert error_of(files.duplicate, stream) == EMFILE
    assert error_of(files.duplicate_to, stream, 7) == EMFILE


# -- pins -------------------------------------------------------------------------------------------------------------


def test_a_record_says_what_was_opened(files: Files) -> None:
    reading, writing = os.pipe()
    assert files.file(files.add(reading)).kind == S_IFIFO
    assert files.file(files.add(writing)).kind == S_IFIFO
    assert files.file(files.add(new())).kind == S_IFREG
    assert files.file(files.add(new(), kind=0)).kind == 0
    assert files.file(files.add(new())).grant is None


def test_a_file_that_a_call_uses_is_closed_when_that_lets_go(files: Files) -> None:
    """Its host number stays its own until then, whatever becomes of the guest's."""
    for give_up in (
        lambda guest: files.close(guest),
        lambda guest: files.duplicate_to(files.file(0), guest),
        lambda guest: (files.set_close_on_exec(guest, True), files.close(guest)),
    ):
        guest = files.add(new(b"used"))
        pinned = files.file(guest)
        number = pinned.host
        give_up(guest)
        others = [os.dup(0) for _ in range(20)]
        assert number not in others
        assert os.pread(number, 9, 0) == b"used"
        del pinned
        assert not is_open(number)
        for each in others:
            os.close(each)


def test_an_exception_lets_go(files: Files) -> None:
    guest = files.add(new())
    number = host(files, guest)

    def call() -> None:
        pinned = files.file(guest)
        files.close(guest)
        os.read(pinned.host, -1)

    with suppress(OSError):
        call()
    assert not is_open(number)


def test_closing_tells_of_what_the_file_system_could_not_write(files: Files) -> None:
    """The device that is always full tells at once; what matters is that `close` asks."""
    guest = files.add(new())
    asked = []
    real = os.close
    os.close = lambda fd: (asked.append(fd), real(fd))[1]
    try:
        files.close(guest)
    finally:
        os.close = real
    assert len(asked) == 1


def test_record_locks_end_with_close_even_if_a_call_uses_the_file(files: Files, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    guest = files.add(os.open(tmp_path / "file", os.O_RDWR))
    pinned = files.file(guest)
    fcntl.lockf(pinned.host, fcntl.LOCK_EX)
    program = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    attempt = [sys.executable, "-c", program, str(tmp_path / "file")]
    assert b"BlockingIOError" in subprocess.run(attempt, capture_output=True, check=False).stderr
    files.close(guest)
    subprocess.run(attempt, check=True)


def test_record_locks_survive_another_opening_of_the_file(files: Files, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    locked = files.add(os.open(tmp_path / "file", os.O_RDWR))
    fcntl.lockf(host(files, locked), fcntl.LOCK_EX)
    files.close(files.add(new()))
    files.add(os.open(tmp_path / "file", os.O_RDWR))
    program = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    attempt = subprocess.run([sys.executable, "-c", program, str(tmp_path / "file")], capture_output=True, check=False)
    assert b"BlockingIOError" in attempt.stderr


def test_a_child_closes_what_calls_of_other_threads_used_in_the_parent(files: Files) -> None:
    guest = files.add(new(b"x"))
    pinned = files.file(guest)
    number = pinned.host
    files.after_fork()
    assert pinned.holder is None
    assert host(files, guest) == number
    assert os.pread(number, 1, 0) == b"x"
    files.close(guest)
    assert not is_open(number)


def test_what_is_kept_open_outlives_the_table() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    files = Files()
    files.add(writing)
    files.keep_open()
    del files
    assert not is_open(writing)
    assert error_of(os.read, reading, 1) == EAGAIN
    kept = [
        fd for fd in range(writing, writing + 40) if is_open(fd) and os.path.samestat(os.fstat(fd), os.fstat(reading))
    ]
    for fd in kept:
        os.close(fd)
    assert os.read(reading, 1) == b""


def test_threads_see_whole_records_only(files: Files) -> None:
    """One number changes between two files all the time: whoever looks has both halves of one of them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    ends = {os.stat(name).st_ino: kind for name, kind in (("/", "directory"), ("/dev/null", "device"))}
    sources = [hold(os.open(name, os.O_PATH)) for name in ("/", "/dev/null")]
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for source in sources:
                files.duplicate_to(source, 40)

    files.duplicate_to(sources[0], 40)
    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for _ in range(20_000):
            file: OpenFile = files.file(40)
            found = os.fstat(file.host)
            assert found.st_ino in ends
            assert file.kind == found.st_mode & 0o170000
    finally:
        stop.set()
        swapping.join()
        sys.setswitchinterval(before)


def test_closing_waits_for_a_call_that_is_about_to_return(files: Files) -> None:
    """Else the file would stay in sets of epoll, and a program would see it come up again and again."""
    file = files.close(files.add(new()))
    held = [file]
    threading.Timer(0.001, held.clear).start()
    await_others(file)
    assert held == []


def test_closing_does_not_wait_for_long(files: Files) -> None:
    file = files.close(files.add(new()))
    held = [file]
    before = time.monotonic()
    await_others(file)
    assert time.monotonic() - before < 1
    assert held == [file]
