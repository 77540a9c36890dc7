"""Sockets in a sandbox: what is denied; and calls that block, under a deadline."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from running import load
from toolchain import native_program

import pywasmjit as wj

HERE = Path(__file__).parent
EPERM, EACCES, EINVAL, EAFNOSUPPORT = -1, -13, -22, -97
EADDRINUSE, EROFS, ECONNREFUSED, ENOPROTOOPT, EPROTONOSUPPORT = -98, -30, -111, -92, -93


def run(
    name: str, *args: str, policy: wj.Policy, cwd: Path | None = None, report: list[str] | None = None
) -> dict[str, int]:
    """Run a program as Wasm, and return what it printed: name -> number."""
    with TemporaryFile("w+b") as stdout:
        tell = None if report is None else report.append
        wali = wj.Wali([name, *args], policy=policy, cwd=None if cwd is None else str(cwd), stdout=stdout, report=tell)
        with wj.deadline(20):
            assert wali.start(wj.Instance(load(HERE / f"{name}.c"), wali)) == 0
        stdout.seek(0)
        lines = stdout.read().decode().splitlines()
    return {line.rpartition("=")[0]: int(line.rpartition("=")[2]) for line in lines}


@pytest.fixture
def server() -> Iterator[tuple[int, list[int]]]:
    """Listen on the loopback address; yields the port and a list that counts connections."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listening:
        listening.settimeout(0.05)
        seen: list[int] = []
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                with suppress(TimeoutError), listening.accept()[0] as connection:
                    seen.append(connection.fileno())

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1], seen
        over.set()
        thread.join()


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """Make a directory to be granted, with a socket outside of it and ways that lead there."""
    work = tmp_path / "work"
    (work / "ro").mkdir(parents=True)
    for place in (tmp_path / "outside", work / "ro" / "server"):
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(place))
            listening.listen()
    (work / "link").symlink_to(tmp_path / "outside")
    return work


def test_nothing_is_granted(places: Path, server: tuple[int, list[int]]) -> None:
    report: list[str] = []
    found = run("denied", str(server[0]), str(places.parent / "outside"), policy=wj.Policy.sandbox(), report=report)
    allowed = {name for name, result in found.items() if result >= 0}
    assert allowed == {
        "sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair)",
        'sys_sendto(fd, "x", 1, 0x20000000, &other, 16) < 0',
    }
    assert found["name_call('c', SOCK_STREAM, &at, 16)"] == EACCES
    assert found["fd >= 0 ? sys_listen(fd, 1) : fd"] == EACCES
    assert report[0] == "denied: a network socket; --allow net, or net=HOST:PORT, grants it"
    assert server[1] == []


def test_one_address_is_granted(places: Path, server: tuple[int, list[int]]) -> None:
    report: list[str] = []
    port = server[0]
    policy = wj.Policy.sandbox({"/work": places, "/work/ro": wj.ro(places / "ro")}, net=[f"127.0.0.1:{port}"])
    found = run("denied", str(port), str(places.parent / "outside"), policy=policy, cwd=Path("/work"), report=report)
    call = "name_call('{}', SOCK_{}, &{}, {})".format
    expected = {
        call("c", "STREAM", "at", 16): 0,
        call("c", "STREAM", "mapped", 28): 0,
        call("s", "DGRAM", "at", 16): 1,
        call("c", "STREAM", "other", 16): EACCES,
        call("c", "STREAM", "any", 16): EACCES,
        call("c", "STREAM", "mapped2", 28): EACCES,
        call("s", "STREAM", "other", 16): EACCES,
        call("s", "DGRAM", "other", 16): EACCES,
        call("s", "DGRAM", "(struct sockaddr_in){0, other.port, LOOPBACK, {0}}", 16): EACCES,
        call("c", "DGRAM", "other", 16): EACCES,
        call("b", "STREAM", "any", 16): EACCES,
        call("b", "STREAM", "chosen", 16): EACCES,
        call("b", "STREAM", "unspecified", 8): EINVAL,
        call("c", "STREAM", "at", 6): EINVAL,
        call("c", "DGRAM", "unspecified", 16): 0,
        "fd >= 0 ? sys_listen(fd, 1) : fd": EACCES,
        'sys_sendto(fd, "x", 1, 0x20000000, &other, 16) < 0': 1,
        "sys_setsockopt(fd, 0, 4, (char[]){1, 1, 1, 1}, 4)": EPERM,
        "sys_setsockopt(fd, 0, 35, (u32[]){0x010000e0, LOOPBACK}, 8)": EPERM,
        "sys_setsockopt(fd, 1, 36, &on, 4)": EPERM,
        "sys_setsockopt(fd, 1, 26, &on, 16)": ENOPROTOOPT,
        "sys_setsockopt(fd, 0, 64, &on, 4)": ENOPROTOOPT,
        "sys_setsockopt(fd, 6, 35, &on, 4)": ENOPROTOOPT,
        "sys_getsockopt(fd, 1, 77, &on, (u32[]){4})": ENOPROTOOPT,
        "sys_socket(AF_INET, 3, 1)": EPERM,
        "sys_socket(AF_INET, 10, 0)": EPERM,
        "sys_socket(AF_INET, SOCK_DGRAM, 1)": EPROTONOSUPPORT,
        "sys_socket(AF_INET, SOCK_STREAM, 262)": EPROTONOSUPPORT,
        "sys_socket(16, 3, 0)": EACCES,
        "sys_socket(17, 3, 0)": EACCES,
        "sys_socket(40, SOCK_STREAM, 0)": EACCES,
        call("c", "STREAM", "outside", "sizeof outside"): EACCES,
        call("s", "DGRAM", "outside", "sizeof outside"): EACCES,
        call("b", "STREAM", "outside", "sizeof outside"): EACCES,
        call("c", "STREAM", "link", "sizeof link"): EACCES,
        call("b", "STREAM", "link", "sizeof link"): EADDRINUSE,
        call("c", "STREAM", "read_only", "sizeof read_only"): EACCES,
        call("b", "STREAM", "made", "sizeof made"): EROFS,
        call("b", "STREAM", "abstract", 8): EACCES,
        call("c", "STREAM", "abstract", 8): EACCES,
        call("b", "STREAM", "abstract", 2): EACCES,
        call("b", "STREAM", "inside", "sizeof inside"): 0,
        "sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair)": 0,
        "forged": EPERM,
        "route": EPERM,
        "rds": EINVAL,
        "sys_timerfd_create(8, 0)": EPERM,
    }
    assert found == expected
    assert report[0] == f"denied: to connect to 127.0.0.1:{port ^ 1}; --allow net=127.0.0.1:{port ^ 1} grants it"


def test_the_whole_network_is_granted(places: Path, server: tuple[int, list[int]]) -> None:
    policy = wj.Policy.sandbox([str(places)], ["net"])
    found = run("denied", str(server[0]), str(places.parent / "outside"), policy=policy, cwd=places)
    granted = {name for name, result in found.items() if result >= 0}
    call = "name_call('{}', SOCK_{}, &{}, {})".format
    assert {
        call("c", "STREAM", "any", 16),
        call("b", "STREAM", "chosen", 16),
        call("b", "STREAM", "abstract", 8),
        call("b", "STREAM", "abstract", 2),
        "fd >= 0 ? sys_listen(fd, 1) : fd",
    } <= granted
    assert found[call("c", "STREAM", "abstract", 8)] == ECONNREFUSED
    assert found[call("c", "STREAM", "outside", "sizeof outside")] == EACCES
    assert found["sys_socket(AF_INET, 3, 1)"] == EPERM
    assert found["sys_socket(16, 3, 0)"] == EACCES
    assert found["sys_setsockopt(fd, 1, 36, &on, 4)"] == EPERM
    assert found["sys_setsockopt(fd, 1, 26, &on, 16)"] == ENOPROTOOPT


# -- calls that block -------------------------------------------------------------------------------------------------

BLOCKING = [
    *("poll", "ppoll", "select", "pselect6", "epoll_wait", "epoll_pwait"),
    *("accept", "connect", "recvfrom", "recvmsg", "waitall", "sendto", "sendmsg"),
]


@pytest.mark.parametrize("call", BLOCKING)
def test_a_deadline_ends_a_call_that_blocks(tmp_path: Path, call: str) -> None:
    policy = wj.Policy.sandbox([str(tmp_path)], net=["127.0.0.1"])
    with TemporaryFile("w+b") as stdout:
        wali = wj.Wali(["blocked", call], policy=policy, cwd=str(tmp_path), stdout=stdout)
        instance = wj.Instance(load(HERE / "blocked.c"), wali)
        start = time.monotonic()
        with pytest.raises(wj.TimedOut), wj.deadline(0.6):
            wali.start(instance)
        assert time.monotonic() - start < 3
        stdout.seek(0)
        assert stdout.read() == b"before=1\n"


@pytest.mark.parametrize("limited", [True, False], ids=["deadline", "no deadline"])
@pytest.mark.parametrize("call", ["sendto", "sendmsg", "recvfrom", "recvmsg"])
def test_a_large_transfer_is_whole(call: str, limited: bool) -> None:
    """A blocking call moves everything, though the other side is slow."""
    outcomes = [transfer(call, native=True), transfer(call, native=False, limited=limited)]
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].startswith(b"1048576 ")


def transfer(call: str, *, native: bool, limited: bool = False) -> bytes:
    """Run the program with one end of a pair of sockets, and return what it reports and what it has sent."""
    ours, its = socket.socketpair()
    data = bytes(n * 13 >> 2 & 0xFF for n in range(1 << 20))
    sent = bytearray()

    def other_side() -> None:
        with ours:
            if call.startswith("recv"):
                for start in range(0, len(data), 90_000):
                    ours.sendall(data[start : start + 90_000])
                    time.sleep(0.002)
            while part := ours.recv(70_000):
                sent.extend(part)

    thread = threading.Thread(target=other_side)
    thread.start()
    with its, TemporaryFile("w+b") as stderr:
        if native:
            command = [native_program(HERE / "transfer.c"), call, "0"]
            subprocess.run(command, stdin=its, stderr=stderr, check=True, timeout=20)
        else:
            run_transfer(call, its, stderr, limited)
        its.shutdown(socket.SHUT_RDWR)
        thread.join()
        stderr.seek(0)
        return stderr.read() + bytes(sent)


def run_transfer(call: str, its: socket.socket, stderr: object, limited: bool) -> None:
    wali = wj.Wali(["transfer", call, "0"], stdin=os.dup(its.fileno()), stderr=stderr)
    descriptor = wali.process.files.file(0).host
    instance = wj.Instance(load(HERE / "transfer.c"), wali)
    if limited:
        with wj.deadline(20):
            assert wali.start(instance) == 0
    else:
        assert wali.start(instance) == 0
    os.close(descriptor)
