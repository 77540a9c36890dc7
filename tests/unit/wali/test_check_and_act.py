"""What is checked is what is used, whatever another thread does in between: one test for each row of `docs/SANDBOX.md`.

The other thread's act is made to happen at the very moment, by a function that is put in the way.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import subprocess
import termios
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from guest import Guest

import pywasmjit as wj
from pywasmjit.guest import attributes
from pywasmjit.guest.abi.dirent import Entry
from pywasmjit.guest.files import paths
from pywasmjit.guest.kernel import portable
from pywasmjit.guest.kernel.portable import PortableKernel
from pywasmjit.guest.policy import network
from pywasmjit.guest.policy.policy import Policy
from pywasmjit.guest.threads import GuestThread

EACCES, EBADF, EINVAL, ECONNREFUSED = -13, -9, -22, -111
AF_INET, AF_INET6, STREAM = 2, 10, 1
UNSPECIFIED = bytes(16)


def between(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, act: Callable[[], object]) -> None:
    """Have `act` happen right before each call of a method, and not again inside of it."""
    real: Any = getattr(owner, name)
    acting: list[bool] = []

    def wrapped(*arguments: Any, **named: Any) -> Any:
        if not acting:
            acting.append(True)
            try:
                act()
            finally:
                acting.clear()
        return real(*arguments, **named)

    monkeypatch.setattr(owner, name, wrapped)


# -- listening --------------------------------------------------------------------------------------------------------


def address(port: int, host: str = "127.0.0.1") -> bytes:
    return b"\x02\0" + port.to_bytes(2, "big") + socket.inet_aton(host) + bytes(8)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_of(guest: Guest, fd: int) -> int:
    name, size = guest.put(bytes(16)), guest.put(b"\x10\0\0\0")
    assert guest.getsockname(fd, name, size) == 0
    return int.from_bytes(guest.memory.read(name + 2, 2), "big")


def listens(guest: Guest, fd: int) -> bool:
    value, size = guest.put(bytes(4)), guest.put(b"\4\0\0\0")
    assert guest.getsockopt(fd, 1, 30, value, size) == 0
    return guest.memory.read(value, 4) != bytes(4)


def granted(port: int, *more: str) -> Guest:
    return Guest(Policy.sandbox(net=[f"127.0.0.1:{port}", *more]))


def test_a_refused_connection_is_no_way_to_listen() -> None:
    port = free_port()
    with granted(port) as guest:
        fd = guest.socket(AF_INET, STREAM, 0)
        assert guest.connect(fd, guest.put(address(port)), 16) == ECONNREFUSED
        assert port_of(guest, fd) != 0, "the kernel has chosen one, and still shows it"
        assert guest.listen(fd, 1) == EACCES
        assert not listens(guest, fd)
        assert guest.reports == ["denied: to listen on 0.0.0.0:0; --allow net=0.0.0.0:0 grants it"]


def test_a_connection_that_was_given_up_is_no_way_to_listen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, granted(server.getsockname()[1]) as guest:
        fd = guest.socket(AF_INET, STREAM, 0)
        assert guest.connect(fd, guest.put(address(server.getsockname()[1])), 16) == 0
        assert guest.connect(fd, guest.put(UNSPECIFIED), 16) == 0
        assert guest.listen(fd, 1) == EACCES
        assert not listens(guest, fd)


def test_an_accepted_connection_is_no_way_to_listen() -> None:
    port = free_port()
    with granted(port) as guest:
        listening = guest.socket(AF_INET, STREAM, 0)
        assert guest.bind(listening, guest.put(address(port)), 16) == 0
        assert guest.listen(listening, 1) == 0
        with socket.create_connection(("127.0.0.1", port)):
            fd = guest.accept(listening, 0, 0)
            assert guest.connect(fd, guest.put(UNSPECIFIED), 16) == 0
            assert guest.listen(fd, 1) == EACCES
            assert not listens(guest, fd)


def test_a_socket_that_loses_its_port_in_between_does_not_listen_at_another(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    with granted(port) as guest:
        fd = guest.socket(AF_INET, STREAM, 0)
        assert guest.bind(fd, guest.put(address(port)), 16) == 0
        unspecified = guest.put(UNSPECIFIED)
        between(monkeypatch, guest.process.kernel, "listen", lambda: guest.connect(fd, unspecified, 16))
        assert guest.listen(fd, 1) == 0
        assert (listens(guest, fd), port_of(guest, fd)) == (True, port)
        assert guest.shutdown(fd, 0) == 0, "a socket that listens is closed by that"
        assert guest.listen(fd, 1) == 0
        assert (listens(guest, fd), port_of(guest, fd)) == (True, port)


def test_a_granted_choice_of_the_kernel_is_no_choice_of_the_address() -> None:
    port = free_port()
    with granted(port, "127.0.0.1:0") as guest:
        fd = guest.socket(AF_INET, STREAM, 0)
        assert guest.connect(fd, guest.put(address(port)), 16) == ECONNREFUSED
        assert guest.listen(fd, 1) == EACCES
        bound = guest.socket(AF_INET, STREAM, 0)
        assert guest.bind(bound, guest.put(address(0)), 16) == 0
        assert guest.listen(bound, 1) == 0
    with granted(port, "0.0.0.0:0") as guest:
        fd = guest.socket(AF_INET, STREAM, 0)
        assert guest.listen(fd, 1) == 0
        assert guest.listen(guest.socket(AF_INET6, STREAM, 0), 1) == EACCES


def test_a_socket_that_listens_already_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, granted(1) as guest:
        fd = guest.process.files.add(os.dup(server.fileno()))
        calls: list[int] = []
        between(monkeypatch, guest.process.kernel, "listen", lambda: calls.append(1))
        assert guest.listen(fd, 1) == 0
        assert calls == [], "it may have stopped listening, and lost its port, since it was looked at"
        assert guest.shutdown(fd, 0) == 0
        assert guest.listen(fd, 1) == EACCES


def test_other_sockets_listen_as_ever() -> None:
    with Guest(Policy.sandbox(net=["127.0.0.1:1"])) as guest:
        assert guest.listen(guest.socket(AF_INET, 2, 0), 1) == -95, "no datagram socket can: the kernel says so"
        assert guest.listen(guest.socket(1, STREAM, 0), 1) == EINVAL, "a Unix socket without a name"
        assert guest.listen(0, 1) in (-88, EBADF)
    with Guest(Policy.sandbox(allow=["net"])) as guest:
        assert guest.listen(guest.socket(AF_INET, STREAM, 0), 1) == 0


def test_only_so_many_sockets_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pywasmjit.guest.policy.network._REMEMBERED", 2)
    with granted(1, "127.0.0.1:0") as guest:
        fds = [guest.socket(AF_INET, STREAM, 0) for _ in range(3)]
        for fd in fds:
            assert guest.bind(fd, guest.put(address(0)), 16) == 0
        assert [guest.listen(fd, 1) for fd in fds] == [EACCES, 0, 0], "the first is forgotten: refused, never granted"


def test_an_executed_program_may_listen_with_what_was_bound_before() -> None:
    port = free_port()
    with granted(port) as guest:
        fd = guest.socket(AF_INET, STREAM, 0)
        assert guest.bind(fd, guest.put(address(port)), 16) == 0
        told = json.loads(json.dumps(guest.process.network.hand_over()))
        assert len(told) == 1
        with Guest(guest.process.policy) as next_guest:
            copy = next_guest.process.files.add(os.dup(guest.process.files.file(fd).host))
            assert next_guest.listen(copy, 1) == EACCES
            next_guest.process.network.take_over(told)
            assert next_guest.listen(copy, 1) == 0


# -- linear memory ----------------------------------------------------------------------------------------------------

PAGE = 4096
READ_WRITE = 3
SHARED, PRIVATE, FIXED, ANONYMOUS = 1, 2, 0x10, 0x20
MAYMOVE = 1


def holes(guest: Guest) -> list[int]:
    """Return the guest's addresses at which the host has mapped nothing: somebody else's memory could come there."""
    base = guest.memory.base
    assert base is not None
    end, found = 0, []
    for line in Path("/proc/self/maps").read_text().splitlines():
        first, last = (int(each, 16) - base for each in line.split()[0].split("-"))
        if 0 <= end < first <= guest.memory.size_bytes:
            found.append(end)
        end = max(end, last) if last > 0 else end
    return found


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Guest]:
    """Yield a guest whose memory is looked at after each system call: another thread may run there."""
    with Guest(Policy.sandbox()) as guest:
        real = guest.process.kernel._call  # type: ignore[attr-defined]
        found: list[tuple[str, list[int]]] = []

        def call(name: str, *arguments: object) -> int:
            try:
                return int(real(name, *arguments))
            finally:
                if there := holes(guest):
                    found.append((name, there))

        monkeypatch.setattr(guest.process.kernel, "_call", call)
        yield guest
        assert found == []


def file_in(guest: Guest, directory: Path, content: bytes, flags: int = os.O_RDWR) -> int:
    (directory / "file").write_bytes(content)
    return guest.process.files.add(os.open(directory / "file", flags))


def test_what_cannot_be_mapped_leaves_no_hole_in_memory(watched: Guest) -> None:
    at = watched.mmap(0, 4 * PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
    pair = watched.put(bytes(8))
    assert watched.socketpair(1, 1, 0, pair) == 0
    end = int.from_bytes(watched.memory.read(pair, 4), "little")
    assert watched.mmap(at + PAGE, PAGE, READ_WRITE, SHARED | FIXED, end, 0) == -19
    assert watched.mmap(at + PAGE, PAGE, READ_WRITE, PRIVATE | ANONYMOUS | FIXED, -1, 0) == at + PAGE


@pytest.mark.parametrize(
    ("flags", "opened"),
    [(SHARED | ANONYMOUS, None), (SHARED, os.O_RDWR), (SHARED, os.O_RDONLY), (PRIVATE, os.O_RDWR)],
    ids=["shared memory", "shared file", "shared file for reading", "private file"],
)
def test_what_moves_leaves_no_hole_in_memory(watched: Guest, tmp_path: Path, flags: int, opened: int | None) -> None:
    fd = -1 if opened is None else file_in(watched, tmp_path, b"a" * PAGE + b"b" * PAGE + b"c" * PAGE, opened)
    prot = 1 if opened == os.O_RDONLY else READ_WRITE
    at = watched.mmap(0, PAGE, prot, flags, fd, 0)
    wall = watched.mmap(0, PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
    watched.memory.write(at + 5, b"kept")
    moved = watched.mremap(at, PAGE, 2 * PAGE, MAYMOVE, 0)
    assert moved > wall
    assert watched.memory.read(moved + 5, 4) == b"kept"
    assert watched.memory.read(at, PAGE) == bytes(PAGE)
    if opened is not None:
        assert watched.memory.read(moved + PAGE, PAGE) == b"b" * PAGE
        content = (tmp_path / "file").read_bytes()
        assert content[5:9] == (b"kept" if flags & SHARED and opened == os.O_RDWR else b"aaaa")


def test_what_cannot_come_into_memory_is_mapped_nowhere(
    watched: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fd = file_in(watched, tmp_path, b"a" * PAGE)
    at = watched.mmap(0, PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
    watched.memory.write(at, b"kept")
    real = watched.process.kernel._call  # type: ignore[attr-defined]

    def call(name: str, *arguments: object) -> int:
        if name == "mremap":
            raise OSError(12, name)
        return int(real(name, *arguments))

    monkeypatch.setattr(watched.process.kernel, "_call", call)
    assert watched.mmap(0, PAGE, READ_WRITE, SHARED, fd, 0) == -12
    assert watched.memory.read(at, 4) == b"kept"
    mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if str(tmp_path) in line]
    assert mapped == []


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_move_that_fails_half_way_leaves_everything_where_it_was(
    watched: Guest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    fd = file_in(watched, tmp_path, b"a" * 3 * PAGE)
    at = watched.mmap(0, PAGE, READ_WRITE, PRIVATE, fd, 0)
    watched.mmap(0, PAGE, READ_WRITE, PRIVATE | ANONYMOUS, -1, 0)
    watched.memory.write(at + 5, b"kept")
    real, calls = watched.process.kernel._call, []  # type: ignore[attr-defined]

    def call(name: str, *arguments: object) -> int:
        calls.append(name)
        if len(calls) == step:
            raise OSError(12, name)
        return int(real(name, *arguments))

    monkeypatch.setattr(watched.process.kernel, "_call", call)
    assert watched.mremap(at, PAGE, 2 * PAGE, MAYMOVE, 0) == -12
    assert len(calls) >= step
    assert watched.memory.read(at, 12) == b"aaaaakeptaaa"


# -- descriptors ------------------------------------------------------------------------------------------------------


def test_a_request_goes_to_the_file_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    with Guest(Policy.sandbox()) as guest:
        reading, writing = os.pipe()
        fd = guest.process.files.add(reading)
        others: list[int] = []

        def replace() -> None:
            guest.process.files.close(fd)
            others.extend(os.pipe())
            os.write(others[1], b"five!")

        between(monkeypatch, fcntl, "ioctl", replace)
        count = guest.put(b"\xff" * 4)
        assert guest.ioctl(fd, termios.FIONREAD, count) == 0
        assert guest.memory.read(count, 4) == bytes(4), "of another file, which got the number of the host's"
        assert reading not in others
        for each in (writing, *others):
            os.close(each)


def test_no_host_number_is_used_without_its_record() -> None:
    """What is looked up by a guest's number is kept in a variable: a number alone pins nothing."""
    package = Path(network.__file__).parent
    found = [
        f"{path.name}: {line.strip()}"
        for path in package.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\.(file|find)\([^()]*\)\.host|slots\[[^\]]*\]\.host", line)
    ]
    assert found == []


# -- what is open until the end ---------------------------------------------------------------------------------------


def places(top: Path) -> Policy:
    """Make a directory that is granted for writing and one for reading, with a file of the same name in each."""
    for name in ("rw", "ro"):
        (top / name).mkdir()
        (top / name / "file").write_text(name)
    return Policy.sandbox({"/rw": top / "rw", "/ro": wj.ro(top / "ro")})


def test_a_grant_stays_the_directory_that_it_is_until_the_last_call_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that traps ends while other threads of it are in the middle of calls."""
    with Guest(places(tmp_path)) as guest:
        grants = guest.process.paths.grants  # type: ignore[attr-defined]
        number = grants[(b"rw",)].fd
        taken: list[int] = []

        def end() -> None:
            guest.process.paths.close()
            taken.append(fcntl.fcntl(os.open(tmp_path / "ro", os.O_PATH), fcntl.F_DUPFD, number))

        between(monkeypatch, guest.process.kernel, "open_resolving", end)
        fd = guest.open("/rw/file", os.O_WRONLY | os.O_TRUNC, 0)
        assert number not in taken
        assert fd > 2
        assert (tmp_path / "ro" / "file").read_text() == "ro"
        assert (tmp_path / "rw" / "file").read_text() == ""
        monkeypatch.undo()
        assert guest.open("/rw/file", os.O_RDONLY, 0) == EACCES
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_the_environment_file_is_the_one_that_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    with Guest(env={"NAME": "value"}) as guest:
        environment = guest.process.environment
        os.close(environment.open())
        secret = os.memfd_create("secret")
        taken: list[int] = []

        def end() -> None:
            number = environment._file.host if environment._file else 0
            environment.close()
            taken.append(fcntl.fcntl(secret, fcntl.F_DUPFD, number))
            taken.append(number)

        between(monkeypatch, os, "open", end)
        fd = environment.open()
        assert os.read(fd, 100) == b"NAME=value\n"
        assert taken[0] != taken[1]
        for each in (fd, secret, taken[0]):
            os.close(each)


# -- threads, and what the whole process has --------------------------------------------------------------------------


def test_what_is_read_of_a_stranger_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread may end, and its number be another process's, between the look and the call."""
    with Guest(Policy.sandbox()) as guest, subprocess.Popen(["sleep", "60"]) as stranger:
        thread = GuestThread()
        thread.native_id = stranger.pid
        threads = guest.process.threads._by_ident
        mask = guest.put(bytes(128))
        assert guest.sched_getaffinity(stranger.pid, 128, mask) == -1
        threads[1] = thread
        assert guest.sched_getaffinity(stranger.pid, 128, mask) > 0
        guest.memory.write(mask, bytes(128))
        between(monkeypatch, guest.process.kernel, "sched_getaffinity", threads.clear)
        assert guest.sched_getaffinity(stranger.pid, 128, mask) == -3
        assert guest.memory.read(mask, 128) == bytes(128)
        stranger.kill()


def in_two_threads(act: Callable[[], object]) -> None:
    threads = [threading.Thread(target=act) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def test_the_hosts_umask_is_asked_for_by_one_thread_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attributes, "_status", dict)
    real, before = os.umask, os.umask(0o022)

    def umask(mask: int) -> int:
        found = real(mask)
        time.sleep(0.01)
        return found

    monkeypatch.setattr(os, "umask", umask)
    found: list[int] = []
    try:
        in_two_threads(lambda: found.append(attributes._host_umask()))
        assert real(0o022) == 0o022
    finally:
        real(before)
    assert found == [0o022, 0o022]


def test_one_thread_at_a_time_changes_the_hosts_directory(tmp_path: Path) -> None:
    before = os.getcwd()
    directory = os.open(tmp_path, os.O_PATH)

    def visit() -> None:
        with paths.inside(directory):
            assert os.getcwd() == str(tmp_path.resolve())
            time.sleep(0.01)

    in_two_threads(visit)
    assert os.getcwd() == before
    os.close(directory)


def test_two_threads_that_list_a_directory_share_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pywasmjit.guest.process.choose", PortableKernel)
    for name in ("one", "two"):
        (tmp_path / name).touch()
    with Guest(Policy.sandbox([str(tmp_path)])) as guest:
        fd = guest.open(str(tmp_path), os.O_RDONLY | os.O_DIRECTORY, 0)
        parts = [guest.put(bytes(256)) for _ in range(2)]
        real = portable._entry
        found: list[int] = []

        def entry(*arguments: Any) -> Entry:
            if not found:
                found.append(0)
                found[0] = guest.getdents64(fd, parts[1], 256)
            return real(*arguments)

        monkeypatch.setattr(portable, "_entry", entry)
        count = guest.getdents64(fd, parts[0], 256)
        names = guest.memory.read(parts[0], count) + guest.memory.read(parts[1], found[0])
        assert (count, sorted(re.findall(rb"[a-z.]{1,3}(?=\0)", names))) == (24, [b".", b"..", b"one", b"two"])
        assert guest.getdents64(fd, parts[0], 256) == 0


def test_two_threads_that_bind_names_forget_the_oldest_together() -> None:
    table = OrderedDict.fromkeys(range(network._REMEMBERED + 1000))
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(20_000):
                network._make_room(table)
                table[number, threading.get_ident()] = None
        except BaseException as error:
            errors.append(error)

    in_two_threads(work)
    assert errors == []
    assert len(table) <= network._REMEMBERED + 1
