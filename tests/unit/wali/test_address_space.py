"""mmap and its kin against a model: contents, zeros, overlap, errors; with real mappings and with emulated ones."""

from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Iterator
from errno import EACCES, EEXIST, EFAULT, EINVAL, ENOMEM
from pathlib import Path

import pytest
from guest import Guest

from pywasmjit.guest.kernel.portable import PortableKernel
from pywasmjit.guest.memory.ranges import Ranges
from pywasmjit.guest.policy.policy import Policy
from pywasmjit.runtime.memories import Memory

PAGE = 4096
READ, WRITE = 1, 2
SHARED, PRIVATE, FIXED, ANONYMOUS, NOREPLACE = 1, 2, 0x10, 0x20, 0x100000
MAYMOVE, MREMAP_FIXED = 1, 2
RW = READ | WRITE


@pytest.fixture(params=["real", "emulated"])
def guest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guest]:
    if request.param == "emulated":
        monkeypatch.setattr("pywasmjit.guest.process.choose", PortableKernel)
    with Guest(Policy.allow_all()) as made:
        assert made.process.kernel.maps_files is (request.param == "real")
        yield made


def anonymous(guest: Guest, pages: int, prot: int = RW) -> int:
    address = guest.mmap(0, pages * PAGE, prot, PRIVATE | ANONYMOUS, -1, 0)
    assert address > 0
    assert address % PAGE == 0
    return address


def test_ranges() -> None:
    ranges = Ranges()
    for start, end in ((10, 20), (30, 40), (20, 25), (25, 30), (50, 60)):
        ranges.add(start, end)
    assert list(ranges) == [(10, 40), (50, 60)]
    ranges.remove(15, 20)
    ranges.remove(50, 60)
    assert list(ranges) == [(10, 15), (20, 40)]
    assert [ranges.first_fit(size) for size in (5, 6, 20, 21)] == [10, 20, 20, None]
    assert [ranges.covers(*pair) for pair in ((10, 15), (10, 16), (25, 30), (40, 41))] == [True, False, True, False]


def test_memory_grows_as_needed_and_is_reused(guest: Guest) -> None:
    pages = guest.memory.pages
    first = anonymous(guest, 40)
    assert first >= pages * 65536
    grown = guest.memory.pages
    guest.memory.write(first, b"x" * 40 * PAGE)
    for _ in range(50):
        assert guest.munmap(first, 40 * PAGE) == 0
        assert anonymous(guest, 40) == first
        assert guest.memory.read(first, 40 * PAGE) == bytes(40 * PAGE)
    assert guest.memory.pages == grown


def test_what_the_module_grows_itself_is_left_alone(guest: Guest) -> None:
    anonymous(guest, 200)
    own = guest.memory.grow(3) * 65536
    guest.memory.write(own, b"mine" * 1000)
    mapped = [anonymous(guest, 300) for _ in range(3)]
    assert all(each + 300 * PAGE <= own or each >= own + 3 * 65536 for each in mapped)
    assert guest.memory.read(own, 4000) == b"mine" * 1000


def test_no_room() -> None:
    with Guest(memory=Memory(1, 40, shared=True)) as guest:
        assert guest.mmap(0, 100 * 65536, RW, PRIVATE | ANONYMOUS, -1, 0) == -ENOMEM
        assert guest.mmap(0, 0xFFFF_FFFF, RW, PRIVATE | ANONYMOUS, -1, 0) == -ENOMEM
        whole = guest.mmap(0, 39 * 65536, RW, PRIVATE | ANONYMOUS, -1, 0)
        assert whole == 65536
        assert guest.mmap(0, 1, RW, PRIVATE | ANONYMOUS, -1, 0) == -ENOMEM
        assert guest.mremap(whole, 39 * 65536, 40 * 65536, MAYMOVE, 0) == -ENOMEM
        assert guest.munmap(whole + 65536, PAGE) == 0
        assert guest.mmap(0, 1, RW, PRIVATE | ANONYMOUS, -1, 0) == whole + 65536


def test_limit_of_the_embedder() -> None:
    with Guest(memory=Memory(1, 1000, shared=True, limit_bytes=2 << 20)) as guest:
        assert guest.mmap(0, 4 << 20, RW, PRIVATE | ANONYMOUS, -1, 0) == -ENOMEM
        assert guest.mmap(0, 1 << 20, RW, PRIVATE | ANONYMOUS, -1, 0) > 0


def test_random_calls_against_a_model(guest: Guest) -> None:
    """Mapped pages keep what was written, new ones are zero, and no two mappings overlap."""
    rng = random.Random(7)
    model: dict[int, bytes] = {}

    def page(address: int) -> bytes:
        return guest.memory.read(address, PAGE)

    for _ in range(600):
        known = sorted(model)
        choice = rng.random()
        count = rng.randint(1, 9)
        at = rng.choice(known) if known else 0
        span = [at + n * PAGE for n in range(count)]
        if choice < 0.4 or not known:
            start = anonymous(guest, count)
            new = [start + n * PAGE for n in range(count)]
            assert not set(new) & set(model)
            assert all(page(each) == bytes(PAGE) for each in new)
            model.update(dict.fromkeys(new, bytes(PAGE)))
        elif choice < 0.6:
            assert guest.munmap(at, count * PAGE - rng.randrange(PAGE)) == 0
            for each in span:
                model.pop(each, None)
        elif choice < 0.8:
            data = rng.randbytes(PAGE)
            guest.memory.write(at, data)
            model[at] = data
        elif choice < 0.9:
            mapped = all(each in model for each in span)
            assert guest.mprotect(at, count * PAGE, rng.choice((0, READ, RW))) == (0 if mapped else -ENOMEM)
        elif all(each in model for each in span):
            wanted = rng.randint(1, 12)
            old = [model[each] for each in span]
            found = guest.mremap(at, count * PAGE, wanted * PAGE, MAYMOVE, 0)
            if found == -EFAULT:  # regions of different protection
                continue
            for each in span:
                del model[each]
            moved = {found + n * PAGE: old[n] if n < count else bytes(PAGE) for n in range(wanted)}
            assert not set(moved) & set(model)
            model.update(moved)
        assert all(page(each) == data for each, data in model.items())


def test_fixed(guest: Guest) -> None:
    base = anonymous(guest, 10)
    guest.memory.write(base, b"x" * 10 * PAGE)
    assert guest.mmap(base + PAGE, 2 * PAGE, RW, PRIVATE | ANONYMOUS | FIXED, -1, 0) == base + PAGE
    assert guest.memory.read(base, 4 * PAGE) == b"x" * PAGE + bytes(2 * PAGE) + b"x" * PAGE
    assert guest.mmap(base, PAGE, RW, PRIVATE | ANONYMOUS | NOREPLACE, -1, 0) == -EEXIST
    assert guest.munmap(base, PAGE) == 0
    assert guest.mmap(base, PAGE, RW, PRIVATE | ANONYMOUS | NOREPLACE, -1, 0) == base
    assert guest.mmap(base + 1, PAGE, RW, PRIVATE | ANONYMOUS | FIXED, -1, 0) == -EINVAL
    for outside in (0, PAGE, 65536, 0xFFFF_F000, guest.memory.size_bytes):
        assert guest.mmap(outside, PAGE, RW, PRIVATE | ANONYMOUS | FIXED, -1, 0) == -ENOMEM


def test_module_memory_counts_as_mapped_but_its_first_page(guest: Guest) -> None:
    guest.memory.write(70000, b"kept")
    assert guest.mprotect(65536, PAGE, READ) == 0
    assert guest.mprotect(0, PAGE, READ) == -ENOMEM
    assert guest.msync(0, PAGE, 4) == -ENOMEM
    assert guest.munmap(65536, 2 * PAGE) == 0
    assert guest.madvise(65536, 2 * PAGE, 4) == -EINVAL
    assert guest.memory.read(70000, 4) == b"kept"
    assert guest.mprotect(guest.memory.size_bytes, PAGE, READ) == -ENOMEM
    assert guest.mprotect(0xFFFF_F000, 0xFFFF_FFFF, READ) == -ENOMEM


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(bytes(n // PAGE + 65 for n in range(5 * PAGE + 100)))
    return path


def test_file_mappings(guest: Guest, file: Path) -> None:
    size = file.stat().st_size
    fd = guest.open(str(file), os.O_RDWR, 0)
    private = guest.mmap(0, size, RW, PRIVATE, fd, 0)
    shared = guest.mmap(0, size, RW, SHARED, fd, 0)
    part = guest.mmap(0, PAGE, READ, PRIVATE, fd, 3 * PAGE)
    assert guest.memory.read(private, size) == guest.memory.read(shared, size) == file.read_bytes()
    assert guest.memory.read(shared + size, 6 * PAGE - size) == bytes(6 * PAGE - size)
    assert guest.memory.read(part, PAGE) == b"D" * PAGE
    guest.memory.write(private, b"private")
    guest.memory.write(shared + 5 * PAGE, b"shared")
    guest.memory.write(shared + size, b"beyond the end")
    assert guest.msync(shared + 5 * PAGE, PAGE, 4) == 0
    content = file.read_bytes()
    assert (content[:7], content[5 * PAGE : 5 * PAGE + 6], len(content)) == (b"A" * 7, b"shared", size)


def test_shared_mapping_is_written_at_the_latest_when_it_ends(guest: Guest, file: Path) -> None:
    fd = guest.open(str(file), os.O_RDWR, 0)
    for end, mark in ((lambda at: guest.munmap(at, 2 * PAGE), b"1"), (lambda at: guest.close(), b"2")):
        at = guest.mmap(0, 2 * PAGE, RW, SHARED, fd, 0)
        guest.memory.write(at + PAGE, mark)
        end(at)
        assert file.read_bytes()[PAGE : PAGE + 2] == mark + b"B"


def test_part_of_a_shared_mapping(guest: Guest, file: Path) -> None:
    fd = guest.open(str(file), os.O_RDWR, 0)
    at = guest.mmap(0, 5 * PAGE, RW, SHARED, fd, 0)
    assert guest.munmap(at + PAGE, PAGE) == 0
    assert guest.memory.read(at + PAGE, PAGE) == bytes(PAGE)
    guest.memory.write(at + PAGE, b"lost")
    guest.memory.write(at + 4 * PAGE, b"kept")
    assert guest.munmap(at, 5 * PAGE) == 0
    content = file.read_bytes()
    assert content[PAGE : PAGE + 4] == b"BBBB"
    assert content[4 * PAGE : 4 * PAGE + 4] == b"kept"


def test_rights_of_mappings(guest: Guest, file: Path) -> None:
    reading = guest.open(str(file), os.O_RDONLY, 0)
    writing = guest.open(str(file), os.O_WRONLY, 0)
    assert guest.mmap(0, PAGE, RW, SHARED, reading, 0) == -EACCES
    assert guest.mmap(0, PAGE, READ, PRIVATE, writing, 0) == -EACCES
    at = guest.mmap(0, PAGE, READ, SHARED, reading, 0)
    assert guest.memory.read(at, 3) == b"AAA"
    assert guest.mprotect(at, PAGE, RW) == -EACCES
    guest.memory.write(at, b"stray")  # a wrong access: no fault, and no change of the file
    assert guest.munmap(at, PAGE) == 0
    assert file.read_bytes()[:5] == b"AAAAA"


def test_what_cannot_be_mapped_leaves_zeros(guest: Guest, tmp_path: Path) -> None:
    directory = guest.open(str(tmp_path), os.O_RDONLY, 0)
    before = anonymous(guest, 1)
    guest.munmap(before, PAGE)
    assert guest.mmap(0, PAGE, RW, PRIVATE, directory, 0) < 0
    again = anonymous(guest, 1)
    assert again == before
    assert guest.memory.read(again, PAGE) == bytes(PAGE)


def test_moving_a_file_mapping(guest: Guest, file: Path) -> None:
    fd = guest.open(str(file), os.O_RDWR, 0)
    at = guest.mmap(0, PAGE, RW, SHARED, fd, PAGE)
    anonymous(guest, 1)
    moved = guest.mremap(at, PAGE, 3 * PAGE, MAYMOVE, 0)
    assert moved not in (at, -ENOMEM)
    assert guest.memory.read(moved, 3 * PAGE) == b"B" * PAGE + b"C" * PAGE + b"D" * PAGE
    assert guest.memory.read(at, PAGE) == bytes(PAGE)
    guest.memory.write(moved + 2 * PAGE, b"moved")
    target = anonymous(guest, 8) + 4 * PAGE
    assert guest.mremap(moved, 3 * PAGE, 3 * PAGE, MAYMOVE | MREMAP_FIXED, target) == target
    guest.memory.write(target, b"twice")
    assert guest.munmap(target, 3 * PAGE) == 0
    content = file.read_bytes()
    assert content[PAGE : PAGE + 6] == b"twiceB"
    assert content[3 * PAGE : 3 * PAGE + 6] == b"movedD"


def test_growing_in_place(guest: Guest) -> None:
    at = anonymous(guest, 2)
    guest.memory.write(at, b"x" * 2 * PAGE)
    assert guest.mremap(at, 2 * PAGE, 500 * PAGE, 0, 0) == at
    assert guest.memory.read(at, 3 * PAGE) == b"x" * 2 * PAGE + bytes(PAGE)
    wall = guest.mmap(0, PAGE, RW, SHARED | ANONYMOUS, -1, 0)
    assert wall == at + 500 * PAGE
    assert guest.mremap(at, 500 * PAGE, 501 * PAGE, 0, 0) == -ENOMEM
    assert guest.mremap(at, PAGE, 2 * PAGE, 0, 0) == -ENOMEM


def test_descriptors_of_emulated_mappings_do_not_leak(guest: Guest, file: Path) -> None:
    fd = guest.open(str(file), os.O_RDWR, 0)
    at = guest.mmap(0, 3 * PAGE, RW, SHARED, fd, 0)
    guest.munmap(at, 3 * PAGE)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        at = guest.mmap(0, 3 * PAGE, RW, SHARED, fd, 0)
        guest.munmap(at + PAGE, PAGE)
        guest.munmap(at, 3 * PAGE)
    assert len(os.listdir("/proc/self/fd")) == before


def failing(monkeypatch: pytest.MonkeyPatch, guest: Guest, name: str, times: int = 1) -> None:
    """Have a call of the kernel interface fail for want of memory."""
    call = getattr(guest.process.kernel, name)
    left = [times]

    def fail(*arguments: object, **options: object) -> object:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError(ENOMEM, name)
        return call(*arguments, **options)

    monkeypatch.setattr(guest.process.kernel, name, fail)


def test_what_cannot_be_unmapped_stays_mapped(guest: Guest, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fd = guest.open(str(file), os.O_RDWR, 0)
    before = len(os.listdir("/proc/self/fd"))
    at = guest.mmap(0, PAGE, RW, SHARED, fd, 0)
    guest.memory.write(at, b"kept")
    failing(monkeypatch, guest, "clear")
    assert guest.munmap(at, PAGE) == -ENOMEM
    assert guest.mprotect(at, PAGE, READ) == 0
    assert guest.memory.read(at, 4) == b"kept"
    assert guest.munmap(at, PAGE) == 0
    assert guest.mprotect(at, PAGE, READ) == -ENOMEM
    assert file.read_bytes()[:4] == b"kept"
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("kind", ["anonymous", "file", "shared"])
def test_what_cannot_be_moved_stays_where_it_is(
    guest: Guest, file: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    fd = guest.open(str(file), os.O_RDWR, 0)
    flags = {"anonymous": PRIVATE | ANONYMOUS, "file": SHARED, "shared": SHARED | ANONYMOUS}[kind]
    at = guest.mmap(0, PAGE, RW, flags, -1 if flags & ANONYMOUS else fd, 0)
    wall = anonymous(guest, 1)
    guest.memory.write(at, b"kept")
    failing(monkeypatch, guest, "move_mapping" if guest.process.kernel.maps_files and kind != "anonymous" else "clear")
    assert guest.mremap(at, PAGE, 4 * PAGE, MAYMOVE, 0) == -ENOMEM
    assert guest.memory.read(at, 4) == b"kept"
    moved = guest.mremap(at, PAGE, 4 * PAGE, MAYMOVE, 0)
    assert moved > 0
    assert guest.memory.read(moved, 4) == b"kept"
    assert guest.munmap(moved, 4 * PAGE) == guest.munmap(wall, PAGE) == 0
    again = anonymous(guest, 8)
    assert guest.memory.read(again, 8 * PAGE) == bytes(8 * PAGE)


def test_the_end_of_a_process_is_complete(guest: Guest, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = len(os.listdir("/proc/self/fd"))
    fd = guest.open(str(file), os.O_RDWR, 0)
    guest.mmap(0, PAGE, RW, SHARED, fd, 0)
    failing(monkeypatch, guest, "clear", times=100)
    guest.process.close()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_forgetting(guest: Guest, file: Path) -> None:
    at = anonymous(guest, 4)
    guest.memory.write(at, b"x" * 4 * PAGE)
    assert guest.madvise(at + PAGE, 2 * PAGE, 4) == 0
    assert guest.memory.read(at, 4 * PAGE) == b"x" * PAGE + bytes(2 * PAGE) + b"x" * PAGE
    assert guest.madvise(at, PAGE, 8) == 0
    fd = guest.open(str(file), os.O_RDWR, 0)
    shared = guest.mmap(0, PAGE, RW, SHARED, fd, 0)
    guest.memory.write(shared, b"stays")
    assert guest.madvise(shared, PAGE, 4) == 0
    assert guest.memory.read(shared, 5) == b"stays"


def test_threads_that_map_and_unmap_never_get_the_same_pages() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    errors: list[BaseException] = []
    held: set[int] = set()
    with Guest() as guest:
        mmap, munmap = guest.mmap, guest.munmap

        def work() -> None:
            try:
                for _ in range(3000):
                    address = mmap(0, PAGE, RW, PRIVATE | ANONYMOUS, -1, 0)
                    assert address not in held
                    held.add(address)
                    held.discard(address)
                    munmap(address, PAGE)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        try:
            for each in threads:
                each.start()
        finally:
            for each in threads:
                each.join()
            sys.setswitchinterval(before)
    assert not errors
