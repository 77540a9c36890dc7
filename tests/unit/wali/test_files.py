"""The guest's descriptor table: numbers, duplicates, ownership, limits."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from errno import EBADF, EINVAL, EMFILE
from pathlib import Path

import pytest

from pywasmjit.wali.files import Files, move_high


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


def test_numbers_are_the_lowest_free(files: Files) -> None:
    assert [files.add(new()) for _ in range(3)] == [3, 4, 5]
    files.close(4)
    files.close(0)
    assert [files.add(new()) for _ in range(3)] == [0, 4, 6]
    assert files.add(new(), lowest=10) == 10
    assert files.add(new()) == 7


def test_what_is_not_there(files: Files) -> None:
    for number in (3, -1, 99, 1 << 31, -(1 << 31)):
        assert error_of(files.host, number) == EBADF
        assert error_of(files.close, number) == EBADF
        assert error_of(files.duplicate, number) == EBADF
        assert error_of(files.duplicate_to, number, 5) == EBADF


def test_closing_closes_the_hosts_unless_it_is_the_callers(files: Files) -> None:
    host = new()
    files.close(files.add(host))
    assert not is_open(host)
    before = is_open(1)
    files.close(1)
    assert is_open(1) is before


def test_duplicates_share_their_offset(files: Files) -> None:
    first = files.add(new(b"abcdef"))
    second = files.duplicate(first)
    third = files.duplicate_to(first, 9)
    assert [os.read(files.host(each), 2) for each in (first, second, third)] == [b"ab", b"cd", b"ef"]
    files.close(first)
    assert os.lseek(files.host(second), 0, os.SEEK_CUR) == 6


def test_duplicating_onto_an_open_one_closes_that(files: Files) -> None:
    victim = new()
    target = files.add(victim)
    source = files.add(new(b"x"))
    assert files.duplicate_to(source, target) == target
    assert not is_open(victim)
    assert os.read(files.host(target), 1) == b"x"
    assert files.duplicate_to(source, source) == source


def test_standard_streams_can_be_replaced(files: Files) -> None:
    source = files.add(new(b"x"))
    files.duplicate_to(source, 1)
    assert files.host(1) not in (1, files.host(source))
    files.close(1)
    assert is_open(files.host(source))


def test_close_on_exec(files: Files) -> None:
    plain, marked = files.add(new()), files.add(new(), close_on_exec=True)
    assert [files.entry(each).close_on_exec for each in (plain, marked)] == [False, True]
    assert files.entry(files.duplicate(marked)).close_on_exec is False
    assert files.entry(files.duplicate_to(plain, 20, True)).close_on_exec is True
    assert os.get_inheritable(files.host(plain)) is False


def test_limit(files: Files) -> None:
    files.limit = 5
    files.add(new())
    files.add(new())
    host = new()
    assert error_of(files.add, host) == EMFILE
    assert not is_open(host)
    assert error_of(files.duplicate, 0) == EMFILE
    assert error_of(lambda: files.duplicate(0, lowest=5)) == EINVAL
    assert error_of(lambda: files.duplicate(0, lowest=-1)) == EINVAL
    assert error_of(files.duplicate_to, 0, 5) == EBADF
    assert error_of(files.duplicate_to, 0, -1) == EBADF


def test_engine_descriptors_are_high_and_not_inherited() -> None:
    low = new(b"x")
    high = move_high(low)
    try:
        assert high > 900
        assert not os.get_inheritable(high)
        assert low == high or not is_open(low)
    finally:
        os.close(high)


def test_a_number_that_another_thread_may_be_about_to_use_is_nobody_elses(files: Files) -> None:
    files.share()
    first = files.add(new(b"guest"))
    number = files.host(first)
    files.close(first)
    with open("/proc/self/status", "rb") as file:
        assert file.fileno() != number
        assert error_of(os.read, number, 1) == EBADF
    fresh = new(b"next")
    assert files.host(files.add(fresh)) == number
    assert os.read(number, 9) == b"next"
    assert not is_open(fresh)
    other = files.add(new(b"other"))
    before = files.host(other)
    files.duplicate_to(first, other)
    assert error_of(os.read, before, 1) == EBADF


def test_many_files_one_after_the_other_need_few_numbers(files: Files) -> None:
    files.share()
    numbers = set()
    for _ in range(100):
        guest = files.add(new())
        numbers.add(files.host(guest))
        files.close(guest)
    assert len(numbers) == 1


def test_record_locks_survive_another_opening_of_the_file(files: Files, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    files.share()
    files.close(files.add(new()))
    files.locks_records = True
    files.add(os.open(tmp_path / "file", os.O_RDWR))
    locked = files.add(os.open(tmp_path / "file", os.O_RDWR))
    fcntl.lockf(files.host(locked), fcntl.LOCK_EX)
    files.close(files.add(new()))
    files.add(os.open(tmp_path / "file", os.O_RDWR))
    program = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    attempt = subprocess.run([sys.executable, "-c", program, str(tmp_path / "file")], capture_output=True, check=False)
    assert b"BlockingIOError" in attempt.stderr


def test_the_last_numbers_of_the_host_are_the_engines(files: Files) -> None:
    files.ceiling = max(os.dup(0), 3)
    os.close(files.ceiling)
    host = new()
    assert error_of(files.add, host) == EMFILE
    assert not is_open(host)
    assert error_of(files.duplicate, 0) == EMFILE
    assert error_of(files.duplicate_to, 0, 7) == EMFILE
