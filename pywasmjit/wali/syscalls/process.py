"""Processes: identity and end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

from pywasmjit.wali.table import Int, Pointer, syscall

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process


@syscall("exit")
def exit(process: Process, status: Int) -> NoReturn:
    """Linux: _exit(2) of a thread; of the process, if it is the last."""
    process.threads.exit(status)


@syscall("exit_group")
def exit_group(process: Process, status: Int) -> NoReturn:
    """Linux: exit_group(2)."""
    process.threads.exit_group(status)


@syscall("getpid")
def getpid(process: Process) -> int:
    """Linux: getpid(2)."""
    return os.getpid()


@syscall("getppid")
def getppid(process: Process) -> int:
    """Linux: getppid(2)."""
    return os.getppid()


@syscall("gettid")
def gettid(process: Process) -> int:
    """Linux: gettid(2).  The main thread's number is the process's, whatever host thread runs it."""
    return process.threads.current.tid


@syscall("set_tid_address")
def set_tid_address(process: Process, tidptr: Pointer) -> int:
    """Linux: set_tid_address(2).  Deviation: nothing is written there at the thread's end, which no libc relies on."""
    return process.threads.current.tid


@syscall("getuid")
def getuid(process: Process) -> int:
    """Linux: getuid(2)."""
    return os.getuid()


@syscall("geteuid")
def geteuid(process: Process) -> int:
    """Linux: geteuid(2)."""
    return os.geteuid()


@syscall("getgid")
def getgid(process: Process) -> int:
    """Linux: getgid(2)."""
    return os.getgid()


@syscall("getegid")
def getegid(process: Process) -> int:
    """Linux: getegid(2)."""
    return os.getegid()
