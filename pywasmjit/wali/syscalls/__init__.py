"""The meaning of every call, one file per family; importing this package fills the table."""

from __future__ import annotations

from pywasmjit.wali.syscalls import (
    control,
    fs,
    futex,
    identity,
    io,
    links,
    metadata,
    mm,
    poll,
    prctl,
    process,
    resources,
    signal,
    startup,
    system,
    terminal,
    time,
    transfer,
)
from pywasmjit.wali.table import TABLE

__all__ = [
    "TABLE",
    "control",
    "fs",
    "futex",
    "identity",
    "io",
    "links",
    "metadata",
    "mm",
    "poll",
    "prctl",
    "process",
    "resources",
    "signal",
    "startup",
    "system",
    "terminal",
    "time",
    "transfer",
]
