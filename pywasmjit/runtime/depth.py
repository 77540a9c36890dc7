"""How deep guests may call: the interpreter's recursion limit, stacks of threads, and the counter of host re-entry.

Three stacks can end, and each has its own bound:

* **Frames of CPython.**  Calls between compiled functions use no stack of the C language, only heap; their bound is
  CPython's recursion limit.  It counts all Python frames of a thread, the host's included, and belongs to the
  process, so `ensure_recursion_limit` raises it to what the deepest user needs and nobody ever lowers it (3.11 aborts
  the process when a thread is found too deep).  CPython 3.11 counts calls through C in the same number; 3.12 and
  later count those apart, with a limit of their own that cannot be set.
* **The C stack.**  Whatever recurses through C (a host function that calls `sorted` with a key that calls ...)
  uses it, 1 to 5 kB a level, and overflowing it kills the process.  With the default of about 3,000 frames 8 MiB are
  enough for such a recursion through `map`, `max`, `eval`, `__call__` and the like on every version; one through
  `sorted` alone, the greediest, overflows them on 3.13 from 1,800 levels.  Guests cannot cause it (see below), host
  functions can.  Who wants more needs more stack: `raise_stack_limit` for the main thread, `start_guest_thread` for
  others.
* **Host re-entry.**  A call from the host into Wasm always goes through C.  `ENTRY_LIMIT` of them may be active on one
  thread; the border counts them in `entries`, which also tells whether a guest runs anywhere at all.
"""

from __future__ import annotations

import os
import sys
import threading
from _thread import get_ident as get_ident  # for the border code, which must read the same clock as `entries`
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

ENTRY_LIMIT: Final = 200
"""How often one thread may be inside compiled code at once (Wasm calls host calls Wasm ...)."""

ENGINE_FRAMES: Final = 200
"""Frames kept for the engine itself and the host functions that the deepest guest calls."""

PROGRAM_CALL_DEPTH: Final = 10_000
"""Nested calls that a program has under `run`, and a guest thread."""

MAIN_STACK_BYTES: Final = 100 << 20
"""Stack wanted for the main thread of programs; the kernel leaves a gap of about 128 MiB for it to grow into."""

THREAD_STACK_BYTES: Final = 256 << 20
"""Stack of a guest thread: address space, of which only what is touched becomes memory."""

_LEAST_THREAD_STACK_BYTES: Final = 16 << 20
_STACKS_OF_A_LIMIT: Final = 32
"""So many guest threads are to find room in a limited address space, half of which linear memory may hold."""

entries: dict[int, list[int]] = {}
"""Thread identifier -> one-element list: how many calls from the host into compiled code are active on that thread."""


def entry_cell() -> list[int]:
    """Return the calling thread's element of `entries`, made on first use.

    The border does, in line: `cell = entries.get(get_ident()) or entry_cell()`, compares `cell[0]` with
    `ENTRY_LIMIT`, adds 1, and takes the old value back on every way out.  Every entry into compiled code must.
    """
    cell = entries.get(get_ident())
    if cell is None:
        cell = entries.setdefault(get_ident(), [0])
    return cell


def guests_running() -> bool:
    """Tell whether any thread of the process is inside compiled code."""
    return any(cell[0] for cell in list(entries.values()))


def register_after_fork(action: Callable[[], None]) -> None:
    """Have `action` called in every child that `os.fork` makes; nothing where there is no fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=action)


_lock = threading.Lock()


def _start_afresh() -> None:
    """Keep the calling thread's cell only, and a free lock: after `fork` there is no other thread."""
    global _lock
    _lock = threading.Lock()
    here = get_ident()
    for ident in list(entries):
        if ident != here:
            del entries[ident]


register_after_fork(_start_afresh)


def ensure_recursion_limit(frames: int) -> None:
    """Let guests called from here nest about `frames` calls before CPython raises RecursionError.

    frames: 1 or more.  Changes `sys.setrecursionlimit` of the process, upwards only.  The room is measured from the
    depth of the caller; a guest called from further below gets that much less.
    """
    with _lock:
        wanted = min(_current_depth() + frames + ENGINE_FRAMES, 2**31 - 1)
        if wanted > sys.getrecursionlimit():
            sys.setrecursionlimit(wanted)


def _current_depth() -> int:
    depth = 0
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        depth += 1
        frame = frame.f_back
    return depth


_original_stack_limit: tuple[int, int] | None = None


def raise_stack_limit(size: int = MAIN_STACK_BYTES) -> int:
    """Let the main thread's stack grow to `size` bytes where the system allows it; return what it may grow to now.

    For programs that own their process: the soft RLIMIT_STACK is raised, never above the hard one.  Programs that the
    process executes inherit it, so `restore_stack_limit` is called before.  0 stands for a system without the limit.
    """
    global _original_stack_limit
    try:
        import resource
    except ImportError:
        return 0
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if soft == resource.RLIM_INFINITY or soft >= size:
        return size
    wanted = size if hard == resource.RLIM_INFINITY else min(size, hard)
    try:
        resource.setrlimit(resource.RLIMIT_STACK, (wanted, hard))
    except (OSError, ValueError):
        return soft
    if _original_stack_limit is None:
        _original_stack_limit = soft, hard
    return wanted


def original_stack_limit() -> tuple[int, int] | None:
    """Return (soft, hard) RLIMIT_STACK in bytes as it was before `raise_stack_limit`; None if it was never raised."""
    return _original_stack_limit


def restore_stack_limit() -> None:
    """Set RLIMIT_STACK to what it was; for a child that is about to execute another program."""
    if _original_stack_limit is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_STACK, _original_stack_limit)


def start_guest_thread(
    target: Callable[..., object], arguments: tuple[Any, ...] = (), *, name: str | None = None, daemon: bool = True
) -> threading.Thread:
    """Start a thread with a stack on which `PROGRAM_CALL_DEPTH` nested calls are safe, and return it.

    The recursion limit is raised for it.  Where the address space is short the stack is smaller, at least 16 MiB.
    Raises RuntimeError if no thread can be started.
    """
    ensure_recursion_limit(PROGRAM_CALL_DEPTH)
    size = _thread_stack_bytes()
    while True:
        thread = threading.Thread(target=target, args=arguments, name=name, daemon=daemon)
        try:
            _start_with_stack(thread, size)
        except (RuntimeError, MemoryError):
            if size <= _LEAST_THREAD_STACK_BYTES:
                raise
            size //= 2
        else:
            return thread


def start_engine_thread(target: Callable[[], object], *, name: str) -> threading.Thread:
    """Start a daemon thread of the engine's own, and return it; it never gets any of the process's signals.

    They are blocked before it exists: it may be long before it runs.
    """
    thread = threading.Thread(target=target, name=name, daemon=True)
    try:
        from signal import NSIG, SIG_BLOCK, SIG_SETMASK, pthread_sigmask
    except ImportError:
        thread.start()
        return thread
    before = pthread_sigmask(SIG_BLOCK, set(range(1, NSIG)) - {32, 33})  # libc's own
    try:
        thread.start()
    finally:
        pthread_sigmask(SIG_SETMASK, before)
    return thread


def _thread_stack_bytes() -> int:
    """Return the size of stack to try first: no thread may take what many need."""
    try:
        import resource
    except ImportError:
        return THREAD_STACK_BYTES
    limits = [resource.getrlimit(which)[0] for which in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    room = min([each for each in limits if each != resource.RLIM_INFINITY], default=sys.maxsize)
    return max(_LEAST_THREAD_STACK_BYTES, min(THREAD_STACK_BYTES, room // _STACKS_OF_A_LIMIT & ~0xFFFF))


def _start_with_stack(thread: threading.Thread, size: int) -> None:
    """Start one thread with a stack of `size` bytes; `threading.stack_size` is the process's, so it is put back."""
    with _lock:
        before = threading.stack_size(size)
        try:
            thread.start()
        finally:
            threading.stack_size(before)
