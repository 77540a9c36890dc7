"""Numbers of the host's own system calls, for the calls that `kernel.raw` makes.

The guest names its calls; only the host's kernel wants numbers, and they differ between machines.
"""

from __future__ import annotations

from typing import Final

_X86_64: Final = {
    "read": 0,
    "write": 1,
    "fstat": 5,
    "mmap": 9,
    "pread64": 17,
    "pwrite64": 18,
    "readv": 19,
    "writev": 20,
    "mremap": 25,
    "msync": 26,
    "madvise": 28,
    "fstatfs": 138,
    "getdents64": 217,
    "clock_gettime": 228,
    "newfstatat": 262,
    "getrandom": 318,
    "openat2": 437,
    "faccessat2": 439,
}
_GENERIC: Final = {
    "read": 63,
    "write": 64,
    "fstat": 80,
    "mmap": 222,
    "pread64": 67,
    "pwrite64": 68,
    "readv": 65,
    "writev": 66,
    "mremap": 216,
    "msync": 227,
    "madvise": 233,
    "fstatfs": 44,
    "getdents64": 61,
    "clock_gettime": 113,
    "newfstatat": 79,
    "getrandom": 278,
    "openat2": 437,
    "faccessat2": 439,
}

BY_MACHINE: Final[dict[str, dict[str, int]]] = {
    "x86_64": _X86_64,
    "aarch64": _GENERIC,
    "riscv64": _GENERIC,
    "loongarch64": _GENERIC,
}
"""`os.uname().machine` -> name -> number; only machines with 64-bit registers and little-endian memory."""
