"""Every lock of the engine is held by another thread while the process forks; the child can use what it guards."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from guest import Guest
from wat import instance

import pywasmjit as wj
from pywasmjit.guest import hostwide
from pywasmjit.guest.abi.signal import SI_USER, pack_siginfo
from pywasmjit.guest.files import paths
from pywasmjit.guest.kernel import faults
from pywasmjit.guest.kernel.host_signals import HostSignals
from pywasmjit.guest.processes import processes
from pywasmjit.runtime import depth, memories, tables, waiting, watchdog
from pywasmjit.runtime.memories import Memory

SOURCE = Path(wj.__file__).parent
PATIENCE = 20

HAND_OVERS = {
    "runtime/watchdog.py self._wake": "wakes the watchdog, which starts again",
    "runtime/waiting.py self.asleep": "one sleeper's own; sleepers do not survive",
    "guest/threads.py self._told": "one start of a thread; neither side survives",
}
"""Locks that one thread takes and another gives back: nobody in a child waits for those of the parent's threads."""


class World:
    """An instance and a guest, whatever the locks belong to."""

    def __init__(self) -> None:
        self.instance = instance(
            """(module (memory (export "memory") 1 9 shared) (table (export "table") 2 9 funcref)
               (func (export "first") (result i32) i32.const 1)
               (func (export "second") (result i32) i32.const 2))"""
        )
        self.memory = Memory(1, 9, shared=True)
        self.guest = Guest(wj.Policy.allow_all())
        self.process = self.guest.process
        self.guard = faults.Guard(0, self.process.memory, lambda address: None, lambda address: None)
        faults._guards.add(self.guard)

    def compile(self) -> None:
        assert self.instance.exports.second() == 2

    def grow_table(self) -> None:
        assert self.instance.exports.table.grow(1) == 2

    def change_stream(self) -> None:
        self.process.streams.change(0, lambda: None)

    def grow_memory(self) -> None:
        assert self.memory.grow(1) == 1

    def modify(self) -> None:
        assert self.memory.atomic("add", 4, 0, 3) == 0
        assert self.memory.atomic("add", 4, 0, 3) == 3

    def notify(self) -> None:
        assert self.memory.notify(0, 5) == 0
        assert self.memory.wait32(0, 1, 0) == 1

    def limit_time(self) -> None:
        def endless() -> None:
            while True:
                pass

        with pytest.raises(wj.TimedOut), wj.deadline(0.01):
            endless()

    def open_file(self) -> None:
        fd = self.guest.open("/dev/null", 0, 0)
        assert fd > 2
        assert self.guest.__getattr__("close")(fd) == 0

    def map_memory(self) -> None:
        assert self.guest.mmap(0, 4096, 3, 0x22, -1, 0) > 0

    def signal(self) -> None:
        self.process.signals.note(40, pack_siginfo(40, SI_USER))
        assert self.process.signals.take() is not None

    def host(self) -> HostSignals:
        """Return the signals of a process of the guest's own, of which there is only the lock."""
        host = self.process.signals.arrivals.host
        if host is None:
            host = self.process.signals.arrivals.host = HostSignals.__new__(HostSignals)
            host.renew_lock()
        return host

    def kick(self) -> None:
        self.host().be_silent()
        self.host().kick_number(0)

    def set_timer(self) -> None:
        self.process.signals.timer.set(0.0, 100.0)
        assert self.process.signals.timer.get()[1] > 99
        self.process.signals.timer.set(0.0, 0.0)

    def fault(self) -> None:
        assert self.guard.answers(0)

    def end(self) -> None:
        self.process.threads._end_process(wj.Exit(3))

    def visit(self) -> None:
        here = os.open(".", os.O_PATH)
        with paths.inside(here):
            os.close(here)

    def recurse(self) -> None:
        depth.ensure_recursion_limit(10_000)


Lock = AbstractContextManager[Any]

LOCKS: dict[str, tuple[Callable[[World], Lock], Callable[[World], None]]] = {
    "codegen/unit.py self._lock": (lambda w: w.instance.module._unit._lock, World.compile),
    "runtime/watchdog.py lock": (lambda w: watchdog.lock, World.limit_time),
    "runtime/depth.py _lock": (lambda w: depth._lock, World.recurse),
    "runtime/memories.py _growing": (lambda w: memories._growing, World.grow_memory),
    "runtime/memories.py _modifying": (lambda w: memories._modifying, World.modify),
    "runtime/tables.py _changing": (lambda w: tables._changing, World.grow_table),
    "runtime/waiting.py _lock": (lambda w: waiting._lock, World.notify),
    "guest/files/descriptors.py self._lock": (lambda w: w.process.files._lock, World.open_file),
    "guest/hostwide.py _lock": (lambda w: hostwide._lock, World.visit),
    "guest/kernel/faults.py self._lock": (lambda w: w.guard._lock, World.fault),
    "guest/kernel/host_signals.py self._kicking": (lambda w: w.host()._kicking, World.kick),
    "guest/signals/signals.py self._lock": (lambda w: w.process.signals._lock, World.signal),
    "guest/memory/space.py self._lock": (lambda w: w.process.space._lock, World.map_memory),
    "guest/files/streams.py self._lock": (lambda w: w.process.streams._lock, World.change_stream),
    "guest/threads.py self._lock": (lambda w: w.process.threads._lock, World.end),
    "guest/signals/timers.py self._lock": (lambda w: w.process.signals.timer._lock, World.set_timer),
}
"""Where a lock is made -> the lock itself, and what needs it."""


def test_every_lock_is_known() -> None:
    found = set()
    making = re.compile(r"([\w.]+)(?:: [\w.]+)? = (?:threading\.|_thread\.)?(?:R?Lock|allocate_lock)\(\)")
    for file in SOURCE.rglob("*.py"):
        text = file.read_text()
        found.update(f"{file.relative_to(SOURCE)} {name}" for name in making.findall(text))
        assert not re.search(r"\b(Condition|Semaphore|BoundedSemaphore|Barrier|Event|SimpleQueue|Queue)\(", text)
    assert found == LOCKS.keys() | HAND_OVERS.keys()


def held(lock: Lock, release: threading.Event) -> threading.Thread:
    """Return a thread that holds a lock until it is told to let go."""
    ready = threading.Event()

    def hold() -> None:
        with lock:
            ready.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    assert ready.wait(PATIENCE)
    return thread


def in_child(action: Callable[[], None], fork: Callable[[], int] = os.fork) -> int:
    """Run an action in a child process; return the status that it ends with, 0 if all is well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = fork()
    if pid == 0:
        signal.alarm(PATIENCE)
        try:
            action()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


@pytest.mark.parametrize("name", LOCKS)
def test_a_child_can_use_what_a_lock_guards(name: str) -> None:
    """The lock is held by a thread that the child does not have."""
    world = World()
    of, use = LOCKS[name]
    release = threading.Event()
    thread = held(of(world), release)
    try:
        assert in_child(lambda: use(world)) == 0
    finally:
        release.set()
        thread.join()
        world.guest.process.close()
    assert of(world) is not None


IMPORTING = """
import os, signal, sys, threading, time
import pywasmjit as wj
from pywasmjit.guest.processes import processes
from pywasmjit.wali.provider import WaliProcess
from pywasmjit.guest.threads import GuestThread

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "termios":
            begun.set()
            time.sleep(0.5)

begun = threading.Event()
process = WaliProcess([b"p"], {}, wj.Policy.allow_all(), owns_host=True)
process.threads._by_ident[1] = GuestThread()
assert "termios" not in sys.modules
sys.meta_path.insert(0, Slow())
threading.Thread(target=lambda: __import__("termios"), daemon=True).start()
begun.wait()
pid = processes.fork(process)
if pid == 0:
    signal.alarm(20)
    import termios
    os._exit(5)
print(os.waitpid(pid, 0)[1] >> 8)
"""


def test_a_module_that_another_thread_is_importing() -> None:
    """Its lock would stay locked in the child, so the parent waits until it is imported."""
    command = [sys.executable, "-c", IMPORTING]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=SOURCE.parent)
    assert (done.stdout, done.stderr) == ("5\n", "")


def test_what_others_change_is_whole_in_the_child() -> None:
    """A program's fork waits for a thread that is changing the table of descriptors."""
    process = Guest(wj.Policy.allow_all(), owns_host=True).process
    release = threading.Event()
    thread = held(process.files._lock, release)
    threading.Timer(0.2, release.set).start()
    assert in_child(lambda: None, lambda: processes.fork(process)) == 0
    assert release.is_set()
    thread.join()
