"""A threaded server under load: `python -m tests.stress.echo`.

The echo server of the tests, an acceptor and four workers in C, runs by the command line (or natively, for comparison)
and talks with 64 connections at once, 100,000 messages of 1 to 3,000 bytes together.  Every byte must come back in
order; and when all have left, after a warm-up and after the load, the server must have the same descriptors and
threads, and no more memory.  Ends with status 1 otherwise.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "programs"), str(TESTS / "wali")]

from client import talk  # noqa: E402 - found by the path above
from commands import start  # noqa: E402

PROGRAM = TESTS / "wali" / "echo_threads.c"
GROWTH = 1 << 20
"""Bytes by which a server may be larger after the load than after the warm-up: what an allocator keeps."""

PLACEHOLDER = "/memfd:nothing"
"""What the engine puts at a number that a guest with threads has closed: as many as numbers were in use at once."""


class Held(NamedTuple):
    """What a process has: its descriptors (number and what it stands for), its threads, its memory in bytes."""

    descriptors: frozenset[tuple[str, str]]
    threads: int
    memory: int


class Result(NamedTuple):
    """What came of a run: bytes that came back, seconds of the load, and what the server held before and after it."""

    moved: int
    seconds: float
    before: Held
    after: Held


def held_by(pid: int) -> Held:
    """Look at a process."""
    top = Path("/proc", str(pid))
    found = []
    for path in (top / "fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.append((path.name, os.readlink(path)))
    found = [each for each in found if not each[1].startswith(PLACEHOLDER)]
    status = dict(line.split(":", 1) for line in (top / "status").read_text().splitlines())
    return Held(frozenset(found), int(status["Threads"]), int(status["VmRSS"].split()[0]) * 1024)


def each(messages: int, connections: int) -> int:
    """Return the messages of one connection, so that all have at least as many as wanted."""
    return -(-messages // connections)


def load(connections: int, messages: int, workers: int = 4, window: int = 1, native: bool = False) -> Result:
    """Start a server, warm it up, put it under load and end it.  Raises AssertionError for anything lost or leaked."""
    with start(PROGRAM, str(workers), native=native) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline().removeprefix(b"port="))
            warm = talk(port, connections, each(messages, connections) // 10 + 1, window)
            before = at_rest(process.pid)
            begin = time.perf_counter()
            moved = talk(port, connections, each(messages, connections), window)
            seconds = time.perf_counter() - begin
            after = at_rest(process.pid)
            process.stdin.close()
            process.stdin = None
            output, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    assert errors == b"", errors
    assert output == b"opened=%d\nclosed=%d\nmoved=%d\n" % (2 * connections, 2 * connections, warm + moved), output
    assert process.returncode == 0, process.returncode
    assert after.descriptors == before.descriptors, after.descriptors ^ before.descriptors
    assert after.threads == before.threads
    assert after.memory <= before.memory + GROWTH, f"{after.memory - before.memory:,} bytes more"
    return Result(moved, seconds, before, after)


def at_rest(pid: int, patience: float = 5) -> Held:
    """Look at a process as soon as it has no more connections: the last ones may still be being closed."""
    end = time.monotonic() + patience
    while True:
        held = held_by(pid)
        sockets = sum(target.startswith("socket:") for _, target in held.descriptors)
        if sockets <= 1 or time.monotonic() > end:
            return held
        time.sleep(0.05)


def main() -> int:
    """Run as asked on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--messages", type=int, default=100_000, help="of all connections together")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--window", type=int, default=1, help="bytes on their way in each connection before it waits")
    parser.add_argument("--native", action="store_true", help="run the machine's build instead")
    options = parser.parse_args()
    try:
        done = load(options.connections, options.messages, options.workers, options.window, options.native)
    except AssertionError as error:
        print(f"lost or leaked: {error}")
        return 1
    messages = each(options.messages, options.connections) * options.connections
    print(f"{options.connections} connections, {messages:,} messages, {done.moved:,} bytes: nothing lost")
    print(f"descriptors: {len(done.after.descriptors)}, threads: {done.after.threads}: as before")
    print(f"memory: {done.before.memory:,} bytes before, {done.after.memory:,} after")
    print(f"seconds: {done.seconds:.1f}")
    print(f"messages per second: {messages / done.seconds:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
