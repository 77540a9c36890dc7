"""What threads, watcher and kernel do at the same moment: each test has one of them do it in the midst of another."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from guest import Guest

from pywasmjit.guest.abi.signal import SA_SIGINFO, SI_USER, SIG_DFL, SIG_IGN, bit, pack_siginfo
from pywasmjit.guest.process import Process
from pywasmjit.guest.signals import signals as module
from pywasmjit.guest.threads import GuestThread, _Start

HANDLER = 7
USR1, USR2, WINCH = int(signal.SIGUSR1), int(signal.SIGUSR2), int(signal.SIGWINCH)


class Host(SimpleNamespace):
    """A host that says what it is told."""

    held = 0
    silent = False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *_: None


@pytest.fixture
def process() -> Iterator[Process]:
    with Guest() as guest:
        yield guest.process


def info(number: int) -> bytes:
    return pack_siginfo(number, SI_USER)


def run_thread(process: Process, thread: GuestThread, life: Callable[..., None]) -> None:
    """Run a guest's thread whose life is `life`."""
    threads: Any = process.threads
    threads._call = life
    host = threading.Thread(target=threads._run, args=(thread, None, 0, 0, _Start()))
    host.start()
    host.join()


def test_a_mask_changes_while_another_thread_sets_a_first_handler(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals = process.signals
    signals.set_action(USR1, (HANDLER, 0, 0, 0))
    signals.mask = bit(USR1)
    signals.arrivals.host = Host(pending=lambda: bit(USR1), dequeue=lambda *_: info(USR1))  # type: ignore[assignment]

    def handles(number: int) -> bool:
        signals._actions.setdefault(USR2, (HANDLER, 0, 0, 0))
        return True

    monkeypatch.setattr(signals, "handles", handles)
    signals.mask = 0
    assert [each.number for each in signals.pending] == [USR1]


def test_a_signal_is_seen_while_another_thread_takes_the_one_before(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals = process.signals
    signals.note(USR1, info(USR1))
    signals.note(USR2, info(USR2))

    def taking(number: int) -> int:
        signals.pending[:] = [each for each in signals.pending if each.number != USR1]
        return bit(number)

    monkeypatch.setattr(module, "bit", taking)
    assert signals.concerns(GuestThread(mask=bit(USR1)))


def test_an_ended_thread_leaves_no_signal_behind(process: Process) -> None:
    signals, thread = process.signals, GuestThread()
    signals.note(USR1, info(USR1))
    run_thread(process, thread, lambda *_: signals.note(USR2, info(USR2), thread))
    assert [each.number for each in signals.pending] == [USR1]


def test_a_new_thread_blocks_what_came_to_be_held_while_it_started(process: Process) -> None:
    blocked: list[int] = []
    process.signals.arrivals.host = Host(held=bit(USR1), block=blocked.append)  # type: ignore[assignment]
    thread = GuestThread(mask=bit(USR2))
    run_thread(process, thread, lambda *_: None)
    assert (thread.held, blocked) == (bit(USR1), [bit(USR2)])


def test_a_thread_that_is_kicked_while_another_looks_up_is_still_alerted(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals, other = process.signals, GuestThread()
    arrivals = signals.arrivals

    def concerns(thread: GuestThread) -> bool:
        signals.note(USR2, info(USR2), other)
        arrivals.kick(other)
        return False  # as it was a moment ago

    monkeypatch.setattr(signals, "concerns", concerns)
    arrivals.kick(other)
    arrivals.at_loop_edge()
    assert arrivals.alerted


@pytest.mark.parametrize(("number", "left"), [(USR1, [USR1]), (WINCH, [])])
def test_a_signal_that_came_for_a_handler_which_is_gone_has_its_default_action(
    process: Process, number: int, left: list[int]
) -> None:
    """SIGWINCH has none."""
    signals = process.signals
    signals.set_action(number, (SIG_DFL, 0, 0, 0))
    signals.arrivals.host = Host(drain=lambda: bytes([number]), take_held=lambda: None)  # type: ignore[assignment]
    signals.arrivals.watched = True
    signals.arrivals.collect()
    assert [each.number for each in signals.pending] == left


def test_two_threads_begin_to_hold_signals_at_once(process: Process) -> None:
    """Each adds its own to what is held; none may get lost."""
    signals = process.signals
    inside, both = threading.Event(), []

    def hold(number: int) -> bool:
        before = host.held
        both.append(number)
        inside.set()
        if len(both) == 1:
            other.join(0.3)  # it cannot come to that, and waits
        host.held = before | bit(number)
        return True

    host = Host(hold=hold)
    signals.arrivals.watched = True
    signals.arrivals.host = host  # type: ignore[assignment]
    action = (HANDLER, SA_SIGINFO, 0, 0)
    other = threading.Thread(target=lambda: inside.wait() and signals.set_action(USR2, action))
    other.start()
    signals.set_action(USR1, action)
    other.join()
    assert host.held == bit(USR1) | bit(USR2)


def test_a_child_that_ends_by_exit_writes_its_mappings_back(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []

    def end(status: int) -> None:
        done.append(status)
        raise SystemExit

    assert process.threads.before_end[-1] == process.space.close
    monkeypatch.setattr(process.threads, "before_end", (lambda: done.append("written"),))
    monkeypatch.setattr(os, "_exit", end)
    process.threads.forked = True
    with pytest.raises(SystemExit):
        process.threads.exit(3)
    assert done == ["written", 3]


def test_a_signal_that_arrives_while_another_is_dropped_stays(process: Process) -> None:
    signals = process.signals

    class Arriving(list[Any]):
        """Another signal comes whenever all of these have been looked at."""

        def __iter__(self) -> Iterator[Any]:
            yield from [self[place] for place in range(len(self))]
            if not any(self[place].number == USR2 for place in range(len(self))):
                self.append(module.Pending(USR2, info(USR2), None))

    signals.pending = Arriving()
    signals.pending.append(module.Pending(USR1, info(USR1), None))
    signals.set_action(USR1, (SIG_IGN, 0, 0, 0))
    assert [each.number for each in signals.pending] == [USR2]


def test_many_signals_that_wait_for_a_handler_to_end_do_not_keep_another_from_coming(process: Process) -> None:
    signals = process.signals
    signals.mask = bit(40)
    for _ in range(100):
        signals.note(40, info(40))
    held = [info(USR1)]
    signals.arrivals.host = Host(  # type: ignore[assignment]
        held=bit(USR1),
        drain=lambda: b"",
        take_held=lambda: held.pop() if held else None,
        looks_for=lambda number: number == USR1,
    )
    signals.arrivals.watched = True
    signals.arrivals.collect()
    assert signals.pending[-1].number == USR1
