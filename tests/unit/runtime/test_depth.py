"""Depth: the recursion limit, stacks, and the counter of entries; what could crash runs in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from pywasmjit.runtime import depth

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

PRELUDE = """
import resource, sys, threading
from pywasmjit.runtime import depth

def measure():
    reached = 0
    def descend():
        nonlocal reached
        reached += 1
        descend()
    try:
        descend()
    except RecursionError:
        return reached

def measure_through_c(call=lambda function: sorted([1], key=function)):
    reached = 0
    def descend(_):
        nonlocal reached
        reached += 1
        call(descend)
        return 0
    try:
        descend(1)
    except RecursionError:
        return reached

def below(levels, action):
    return action() if levels == 0 else below(levels - 1, action)

def in_thread(action):
    results = []
    depth.start_guest_thread(lambda: results.append(action())).join()
    return results[0]
"""


def run(script: str) -> list[int]:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr or f"ended by {done.returncode}"
    return [int(word) for word in done.stdout.split()]


def test_about_the_asked_number_of_frames_from_any_depth():
    script = """
    depth.ensure_recursion_limit(3000)
    print(measure())
    before = sys.getrecursionlimit()
    depth.ensure_recursion_limit(100)
    print(sys.getrecursionlimit() - before)
    below(500, lambda: depth.ensure_recursion_limit(3000))
    print(below(500, measure), measure())
    """
    measured, change, from_below, from_above = run("if True:" + script)
    assert 3000 <= measured <= 3300
    assert change == 0
    assert 3000 <= from_below <= 3300
    assert 3500 <= from_above <= 3800


def test_programs_and_guest_threads_have_10000_frames():
    script = """
    depth.raise_stack_limit()
    depth.ensure_recursion_limit(depth.PROGRAM_CALL_DEPTH)
    print(measure(), in_thread(measure))
    """
    assert all(10_000 <= reached <= 10_400 for reached in run("if True:" + script))


def test_recursion_through_c_ends_in_an_exception_with_the_stack_that_was_asked_for():
    script = """
    depth.raise_stack_limit()
    depth.ensure_recursion_limit(depth.PROGRAM_CALL_DEPTH)
    print(measure_through_c(), in_thread(measure_through_c))
    """
    assert all(reached >= 400 for reached in run("if True:" + script))


def test_recursion_through_c_is_safe_by_default_on_8_mib():
    script = """
    resource.setrlimit(resource.RLIMIT_STACK, (8 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
    depth.ensure_recursion_limit(3000)
    for call in (lambda f: list(map(f, [1])), lambda f: max([1], key=f), lambda f: eval("f(1)", {"f": f})):
        print(measure_through_c(call))
    """
    assert min(run("if True:" + script)) >= 400


def test_stack_limit_is_raised_and_put_back():
    script = """
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    resource.setrlimit(resource.RLIMIT_STACK, (8 << 20, hard))
    print(int(depth.original_stack_limit() is None))
    print(depth.raise_stack_limit(64 << 20) >> 20, resource.getrlimit(resource.RLIMIT_STACK)[0] >> 20)
    print(depth.raise_stack_limit(32 << 20) >> 20, depth.original_stack_limit()[0] >> 20)
    depth.restore_stack_limit()
    print(int(resource.getrlimit(resource.RLIMIT_STACK) == (8 << 20, hard)))
    """
    assert run("if True:" + script) == [1, 64, 64, 32, 8, 1]


def test_guest_threads_get_smaller_stacks_where_address_space_is_short():
    script = """
    used = int(open("/proc/self/statm").read().split()[0]) * 4096
    limit = used + (180 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    print(in_thread(lambda: 7), threading.stack_size())
    """
    assert run("if True:" + script) == [7, 0]


def test_entries_count_per_thread():
    cell = depth.entry_cell()
    assert depth.entry_cell() is cell
    assert not depth.guests_running()
    entered, leave = threading.Event(), threading.Event()

    def guest() -> None:
        other = depth.entry_cell()
        assert other is not cell
        other[0] += 1
        entered.set()
        leave.wait(10)
        other[0] -= 1

    thread = threading.Thread(target=guest)
    thread.start()
    entered.wait(10)
    assert depth.guests_running()
    leave.set()
    thread.join()
    assert not depth.guests_running()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_after_fork_the_guests_of_other_threads_are_gone():
    entered, leave = threading.Event(), threading.Event()

    def guest() -> None:
        depth.entry_cell()[0] += 1
        entered.set()
        leave.wait(10)
        depth.entry_cell()[0] -= 1

    thread = threading.Thread(target=guest)
    thread.start()
    entered.wait(10)
    child = os.fork()
    if child == 0:
        os._exit(int(depth.guests_running()))
    leave.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize(
    ("limits", "size"),
    [((-1, -1), 256 << 20), ((4 << 30, -1), 128 << 20), ((-1, 1 << 30), 32 << 20), ((100 << 20, 1 << 30), 16 << 20)],
)
def test_a_limited_address_space_makes_stacks_smaller(monkeypatch, limits, size):
    """One thread must not take what many need; limits: of the address space and of data, -1 for none."""
    resource = pytest.importorskip("resource")
    known = dict(zip((resource.RLIMIT_AS, resource.RLIMIT_DATA), limits, strict=True))
    monkeypatch.setattr(resource, "getrlimit", lambda which: (known[which], -1))
    assert depth._thread_stack_bytes() == size
