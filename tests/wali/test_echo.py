"""A server under load: nothing lost, nothing leaked."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from client import talk
from running import load

import pywasmjit as wj
from tests.stress.echo import load as put_under_load

HERE = Path(__file__).parent
ONE_BY_ONE, FLOOD = 1, 8 << 20
"""Bytes on their way in each connection: a message at a time, or more than the kernel takes."""


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    ("how", "limited", "connections", "messages", "window"),
    [
        ("epoll", False, 64, 313, ONE_BY_ONE),
        ("epoll", True, 64, 50, 4096),
        ("poll", True, 64, 100, ONE_BY_ONE),
        ("epoll", True, 4, 5000, FLOOD),
        ("poll", False, 4, 5000, FLOOD),
    ],
)
def test_echo_under_load(how: str, limited: bool, connections: int, messages: int, window: int) -> None:
    module = load(HERE / "echo.c")
    before = open_descriptors()
    reading, writing = os.pipe()
    statuses: list[int] = []

    def serve() -> None:
        policy = wj.Policy.sandbox(net=["127.0.0.1"])
        wali = wj.Wali(["echo", how, str(connections)], policy=policy, stdout=writing)
        instance = wj.Instance(module, wali)
        if limited:
            with wj.deadline(60):
                statuses.append(wali.start(instance))
        else:
            statuses.append(wali.start(instance))

    thread = threading.Thread(target=serve)
    thread.start()
    with open(reading, "rb") as printed:
        port = int(printed.readline().removeprefix(b"port="))
        moved = talk(port, connections, messages, window)
        thread.join(20)
        os.close(writing)
        assert printed.read() == b"opened=%d\nclosed=%d\nmoved=%d\n" % (connections, connections, moved)
    assert statuses == [0]
    assert open_descriptors() == before


@pytest.mark.parametrize(("connections", "messages", "window"), [(64, 2000, ONE_BY_ONE), (8, 8000, FLOOD)])
def test_a_threaded_server_under_load(connections: int, messages: int, window: int) -> None:
    """Nothing lost, nothing leaked: what is compared is in the full-size run, `python -m tests.stress.echo`."""
    done = put_under_load(connections, messages, workers=4, window=window)
    assert done.moved > 200 * messages
    assert done.after.threads >= 5
