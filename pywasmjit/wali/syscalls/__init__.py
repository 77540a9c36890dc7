"""The meaning of every call, one file per family; importing this package fills the table."""

from __future__ import annotations

from pywasmjit.wali.syscalls import fs, futex, io, mm, poll, process, signal, startup, system, terminal, time
from pywasmjit.wali.table import TABLE

__all__ = ["TABLE", "fs", "futex", "io", "mm", "poll", "process", "signal", "startup", "system", "terminal", "time"]
