"""From declarations to callables: decoding of every kind, results, errors, refusals, types that modules declare."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from typing import Annotated

import pytest

from pywasmjit.errors import LinkError, Trap
from pywasmjit.guest.policy.policy import Capability, Policy
from pywasmjit.runtime.memories import Memory
from pywasmjit.wali import table
from pywasmjit.wali.dispatch import absent, bind, unavailable
from pywasmjit.wali.errno import NUMBERS, guest_errno
from pywasmjit.wali.provider import WaliProcess
from pywasmjit.wali.table import (
    Declaration,
    DirFd,
    Fd,
    File,
    GuestFd,
    In,
    InOut,
    Int,
    IovecList,
    Long,
    Out,
    Path,
    PathOrEmpty,
    Pointer,
    Restart,
    Size,
    Vector,
)
from pywasmjit.wasm.types import FuncType

M64 = (1 << 64) - 1
SIZE = 2 * 65536
seen: list[object] = []


def note(process: WaliProcess, *arguments: object) -> int:
    seen[:] = arguments
    return 7


def numbers(process: WaliProcess, a: Int, b: Size, c: Long) -> int:
    return note(process, a, b, c)


def descriptors(process: WaliProcess, a: Fd, b: GuestFd) -> int:
    return note(process, a, b)


def paths(process: WaliProcess, a: Path, b: PathOrEmpty) -> int:
    return note(process, a, b)


def buffers(process: WaliProcess, a: Annotated[Pointer, Out("n")], n: Size, b: Annotated[Pointer, In(16)]) -> int:
    return note(process, a, n, b)


def items(process: WaliProcess, a: Annotated[Pointer, InOut("n", 8)], n: Long, p: Pointer) -> int:
    return note(process, a, n, p)


def vector(process: WaliProcess, a: Annotated[IovecList, Vector("n")], n: Int) -> int:
    return note(process, a, n)


@pytest.fixture
def process() -> Iterator[WaliProcess]:
    made = WaliProcess([b"p"], {}, Policy.sandbox(), streams=(10, 11, 12))
    made.bind(Memory(2, 10, shared=True))
    seen.clear()
    yield made
    made.close()


def declared(handler: object, result: str | None = "i64", **options: object) -> Declaration:
    fields = {"capability": None, "restart": Restart.NEVER, "support": table.FULL, **options}
    return Declaration("SYS_test", "test", handler, result, **fields)  # type: ignore[arg-type]


def bound(process: WaliProcess, handler: object, **options: object):
    declaration = declared(handler, **options)
    return bind(declaration, process, declaration.type)


def number(name: str) -> int:
    return -NUMBERS[name] & M64


def test_numbers(process: WaliProcess) -> None:
    call = bound(process, numbers)
    assert call(0xFFFF_FFFF, 0xFFFF_FFFF, M64) == 7
    assert seen == [-1, 0xFFFF_FFFF, -1]
    call(0x7FFF_FFFF, 0, 1 << 62)
    assert seen == [0x7FFF_FFFF, 0, 1 << 62]


def test_descriptors(process: WaliProcess) -> None:
    call = bound(process, descriptors)
    assert call(2, 0xFFFF_FFFE) == 7
    assert seen == [12, -2]
    for bad in (3, 100, 1 << 20, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF):
        assert call(bad, 0) == number("EBADF")
    process.files.slots[1] = None
    assert call(1, 0) == number("EBADF")


def test_paths(process: WaliProcess) -> None:
    call = bound(process, paths)
    memory = process.memory.memory
    memory.write(100, b"first\0second\0\0")
    assert call(100, 106) == 7
    assert seen == [b"first", b"second"]
    assert call(100, 113) == 7
    assert seen == [b"first", b""]
    assert call(113, 106) == number("ENOENT")
    for bad in (0, SIZE, SIZE + 1, 0xFFFF_FFFF):
        assert call(bad, 100) == number("EFAULT")
    memory.write(SIZE - 4, b"abcd")
    assert call(SIZE - 4, 100) == number("EFAULT")
    memory.write(1000, b"x" * 4096)
    assert call(1000, 100) == number("ENAMETOOLONG")
    assert call(1001, 100) == 7
    assert len(seen[0]) == 4095


def test_buffers(process: WaliProcess) -> None:
    call = bound(process, buffers)
    for good in ((100, 50, 200), (SIZE - 50, 50, SIZE - 16), (0, 50, 0), (0xFFFF_FFFF, 0, 200), (SIZE, 0, 16)):
        assert call(*good) == 7
        assert seen == list(good)
    for bad in (
        (SIZE - 49, 50, 200),
        (100, SIZE - 99, 200),
        (0xFFFF_FFFF, 1, 200),
        (0xFFFF_FFFF, 0xFFFF_FFFF, 200),
        (100, 50, SIZE - 15),
        (100, 50, 0xFFFF_FFFF),
    ):
        assert call(*bad) == number("EFAULT"), bad


def test_items(process: WaliProcess) -> None:
    call = bound(process, items)
    assert call(SIZE - 80, 10, 0xFFFF_FFFF) == 7
    assert seen == [SIZE - 80, 10, 0xFFFF_FFFF]
    assert call(SIZE - 79, 10, 0) == number("EFAULT")
    assert call(100, (1 << 63) - 1, 0) == number("EFAULT")
    assert call(0xFFFF_FFFF, M64, 0) == 7  # negative: the handler refuses it
    assert seen[1] == -1


def test_vectors(process: WaliProcess) -> None:
    call = bound(process, vector)
    memory = process.memory.memory
    memory.pack("<IIIIII", 96, 1000, 5, 0xFFFF_FFFF, 0, SIZE - 8, 8)
    assert call(96, 3) == 7
    assert seen == [[(1000, 5), (SIZE - 8, 8)], 3]
    assert call(0xFFFF_FFFF, 0) == 7
    assert call(96, 0xFFFF_FFFF) == number("EINVAL")
    assert call(96, 1025) == number("EINVAL")
    assert call(0, 1) == number("EFAULT")
    assert call(SIZE - 7, 1) == number("EFAULT")
    for part in ((SIZE - 7, 8), (0, 1), (0xFFFF_FFF0, 0x20), (5, 0xFFFF_FFFF)):
        memory.pack("<II", 96, *part)
        assert call(96, 1) == number("EFAULT"), part


def test_together_a_vector_stays_below_two_gigabytes() -> None:
    memory = Memory(40000, 40000, shared=True)
    guest = WaliProcess([b"p"], {}, Policy.sandbox())
    guest.bind(memory)
    memory.pack("<IIIIII", 96, 65536, 0x7FFF_0000, 65536, 0x7FFF_0000, 65536, 1)
    assert guest.memory.iovecs(96, 3) == [(65536, 0x7FFF_0000), (65536, 0xF000)]
    guest.close()
    memory.close()


def test_before_memory_exists_every_address_is_outside() -> None:
    guest = WaliProcess([b"p"], {}, Policy.sandbox())
    call = bound(guest, buffers)
    assert call(100, 1, 0) == number("EFAULT")
    assert call(100, 0, 1) == number("EFAULT")
    assert bound(guest, paths)(100, 100) == number("EFAULT")
    guest.close()


def test_growth_is_seen(process: WaliProcess) -> None:
    call = bound(process, buffers)
    assert call(SIZE, 1, 0) == number("EFAULT")
    process.memory.memory.grow(1)
    assert call(SIZE, 1, 0) == 7


def test_errors_become_negative_numbers(process: WaliProcess) -> None:
    def fail(process: WaliProcess, a: Int) -> int:
        raise OSError(a, "")

    call = bound(process, fail)
    for name in ("EPERM", "ENOENT", "EAGAIN", "EDEADLK", "ENOTSUP", "ELOOP", "ENOTRECOVERABLE"):
        host = getattr(errno, name)
        assert call(host) == -guest_errno(host) & M64
    assert call(errno.EWOULDBLOCK) == number("EAGAIN")
    assert call(99999) == number("EIO")


def test_other_exceptions_pass(process: WaliProcess) -> None:
    def fail(process: WaliProcess) -> int:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        bound(process, fail)()


def test_interrupted_calls_are_made_again(process: WaliProcess) -> None:
    calls = []

    def interrupted(process: WaliProcess, a: Int) -> int:
        calls.append(a)
        if len(calls) < 4:
            raise InterruptedError(errno.EINTR, "")
        return 5

    assert bound(process, interrupted)(1) == 5
    assert calls == [1, 1, 1, 1]


def interrupt(process: WaliProcess, monkeypatch: pytest.MonkeyPatch, handler: Callable[[], object] = int) -> None:
    """Have a signal wait for the guest at each interrupted call, whose handler wants calls to be made again."""
    monkeypatch.setattr(process.signals, "interrupting", lambda: True)

    def interrupted(restart: Restart) -> bool:
        handler()
        return restart is Restart.NEVER

    monkeypatch.setattr(process, "interrupted", interrupted)


def test_interruption_that_the_guest_must_see(process: WaliProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(process: WaliProcess) -> int:
        raise InterruptedError(errno.EINTR, "")

    interrupt(process, monkeypatch)
    assert bound(process, interrupted)() == number("EINTR")


# -- what is looked up, and for how long ------------------------------------------------------------------------------


def is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def test_a_file_and_a_place_to_start_from(process: WaliProcess) -> None:
    def both(process: WaliProcess, a: File, b: DirFd) -> int:
        return note(process, a, b)

    call = bound(process, both)
    stream = process.files.file(2)
    assert call(2, 2) == 7
    assert seen == [stream, stream]
    assert call(2, -100 & 0xFFFF_FFFF) == 7
    assert seen == [stream, process.paths.cwd]
    assert call(2, 99) == 7  # which matters where a path is relative only
    assert seen == [stream, None]
    assert call(99, 2) == number("EBADF")


def test_a_file_stays_open_until_the_call_has_returned(process: WaliProcess) -> None:
    guest = process.files.add(os.memfd_create("pinned"))
    numbers = []

    def use(process: WaliProcess, fd: Fd) -> int:
        numbers.append(fd)
        process.files.close(guest)
        assert is_open(fd)
        return 0

    assert bound(process, use)(guest) == 0
    assert not is_open(numbers[0])
    assert bound(process, use)(guest) == number("EBADF")


def test_a_call_goes_on_with_its_file_when_nothing_is_for_the_guest(process: WaliProcess) -> None:
    """The engine itself interrupts calls to look whether something is; that undoes no look-up."""
    guest = process.files.add(os.memfd_create("pinned"))
    numbers = []

    def use(process: WaliProcess, fd: Fd) -> int:
        numbers.append(fd)
        if len(numbers) == 1:
            process.files.close(guest)
            raise InterruptedError(errno.EINTR, "")
        assert is_open(fd)
        return 0

    assert bound(process, use)(guest) == 0
    assert numbers[0] == numbers[1]


def test_a_call_that_is_made_again_after_a_handler_looks_anew(
    process: WaliProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = process.files.add(os.memfd_create("pinned"))
    numbers = []

    def handler() -> None:
        process.files.close(guest)
        assert not is_open(numbers[0])  # nothing keeps open what a handler closes

    def use(process: WaliProcess, fd: Fd) -> int:
        numbers.append(fd)
        raise InterruptedError(errno.EINTR, "")

    interrupt(process, monkeypatch, handler)
    assert bound(process, use, restart=Restart.ALWAYS)(guest) == number("EBADF")
    assert len(numbers) == 1


def test_what_a_handler_closes_before_a_call_returns_is_closed(process: WaliProcess) -> None:
    guest = process.files.add(os.memfd_create("pinned"))
    host = process.files.file(guest).host
    ran = []

    def deliver() -> None:
        process.files.close(guest)
        ran.append(is_open(host))
        process.signals.pending.clear()

    process.signals.deliver = deliver  # type: ignore[method-assign]

    def use(process: WaliProcess, fd: Fd) -> int:
        process.signals.pending.append(None)
        return 3

    assert bound(process, use)(guest) == 3
    assert ran == [False]


@pytest.mark.parametrize(
    ("params", "results", "arguments", "expected", "result"),
    [
        (("i32", "i32", "i64"), ("i64",), (M64 >> 32, 1, M64), [-1, 1, -1], 7),
        (("i64", "i64", "i64"), ("i64",), (M64, 1 << 32 | 5, 3), [-1, 5, 3], 7),
        (("i32", "i32", "i32"), ("i32",), (1, 2, 0xFFFF_FFFF), [1, 2, -1], 7),
        (("i32", "i32", "i64"), (), (1, 2, 3), [1, 2, 3], None),
    ],
)
def test_types_that_the_module_declares(
    process: WaliProcess, params: tuple, results: tuple, arguments: tuple, expected: list, result: object
) -> None:
    call = bind(declared(numbers), process, FuncType(params, results))
    assert call(*arguments) == result
    assert seen == expected


def test_errors_in_other_result_types(process: WaliProcess) -> None:
    def fail(process: WaliProcess) -> int:
        raise OSError(errno.ENOENT, "")

    results = [bind(declared(fail), process, FuncType((), each))() for each in (("i64",), ("i32",), ())]
    assert results == [M64 - 1, 0xFFFF_FFFE, None]


@pytest.mark.parametrize(
    "type",
    [
        FuncType(("i32", "i32"), ("i64",)),
        FuncType(("i32", "i32", "i64", "i32"), ("i64",)),
        FuncType(("i32", "f32", "i64"), ("i64",)),
        FuncType(("i32", "i32", "i64"), ("f64",)),
        FuncType(("i32", "i32", "i64"), ("i64", "i64")),
    ],
    ids=str,
)
def test_types_that_cannot_be_right(process: WaliProcess, type: FuncType) -> None:
    with pytest.raises(LinkError, match="SYS_test"):
        bind(declared(numbers), process, type)


def test_capabilities_that_are_not_granted() -> None:
    reports: list[str] = []
    guest = WaliProcess([b"p"], {}, Policy.sandbox(allow=["exec"]), report=reports.append)
    seen.clear()
    refused = bound(guest, numbers, capability=Capability.NET)
    assert [refused(1, 2, 3), refused(1, 2, 3)] == [number("EPERM")] * 2
    assert seen == []
    assert reports == ["denied: test; --allow net grants it"]
    assert bound(guest, numbers, capability=Capability.EXEC)(1, 2, 3) == 7
    guest.close()


def test_absent_calls_answer_enosys_in_their_own_type() -> None:
    def answer(*results: str) -> object:
        return absent(FuncType(("i32", "i64"), results))(1, 2)

    assert answer("i64") == M64 - 37
    assert answer("i32") == 0xFFFF_FFFF - 37
    assert answer("f64") == -38.0
    assert answer() is None
    assert answer("i32", "i64") == (0xFFFF_FFFF - 37, M64 - 37)


def test_functions_that_are_not_there_trap() -> None:
    with pytest.raises(Trap, match=r"wali\.__clone is not available"):
        unavailable("__clone")(1, 2)
