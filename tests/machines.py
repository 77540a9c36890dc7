"""The kernel's interface on several machines, written down from the kernel's own headers and not from the package.

Sources: asm/unistd_64.h of x86, asm-generic/unistd.h, fcntl.h and stat.h, asm/fcntl.h of arm64, linux/eventpoll.h.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

_NUMBERS: Final = """
    read=0/63 write=1/64 fstat=5/80 mmap=9/222 munmap=11/215 mprotect=10/226 rt_sigaction=13/134 rt_sigprocmask=14/135
    ioctl=16/29 pread64=17/67 pwrite64=18/68 readv=19/65 writev=20/66 sched_yield=24/124 mremap=25/216 msync=26/227
    madvise=28/233 dup=32/23 getitimer=36/102 setitimer=38/103 getpid=39/172 sendfile=40/71 socket=41/198
    connect=42/203 sendto=44/206 recvfrom=45/207 sendmsg=46/211 recvmsg=47/212 shutdown=48/210 bind=49/200
    listen=50/201 getsockname=51/204 getpeername=52/205 socketpair=53/199 setsockopt=54/208 getsockopt=55/209
    wait4=61/260 kill=62/129 uname=63/160 fcntl=72/25 flock=73/32 sysinfo=99/179 setuid=105/146 setgid=106/144
    setreuid=113/145 setregid=114/143 setgroups=116/159 setresuid=117/147 setresgid=119/149 capget=125/90
    rt_sigpending=127/136 rt_sigtimedwait=128/137 rt_sigqueueinfo=129/138 rt_sigsuspend=130/133 statfs=137/43
    fstatfs=138/44 mlock=149/228 munlock=150/229 prctl=157/167 gettid=186/178 tkill=200/130 futex=202/98
    sched_setaffinity=203/122 sched_getaffinity=204/123 getdents64=217/61 clock_gettime=228/113 exit_group=231/94
    epoll_ctl=233/21 tgkill=234/131 waitid=247/95 openat=257/56 mkdirat=258/34 mknodat=259/33 fchownat=260/54
    newfstatat=262/79 unlinkat=263/35 linkat=265/37 symlinkat=266/36 readlinkat=267/78 fchmodat=268/53 pselect6=270/72
    ppoll=271/73 unshare=272/97 utimensat=280/88 epoll_pwait=281/22 timerfd_create=283/85 fallocate=285/47
    timerfd_settime=286/86 timerfd_gettime=287/87 accept4=288/242 signalfd4=289/74 eventfd2=290/19 epoll_create1=291/20
    dup3=292/24 pipe2=293/59 preadv=295/69 pwritev=296/70 rt_tgsigqueueinfo=297/240 prlimit64=302/261 renameat2=316/276
    seccomp=317/277 getrandom=318/278 memfd_create=319/279 execveat=322/281 membarrier=324/283 statx=332/291
    pidfd_send_signal=424/424 pidfd_open=434/434 close_range=436/436 openat2=437/437 faccessat2=439/439
    landlock_create_ruleset=444/444 landlock_add_rule=445/445 landlock_restrict_self=446/446 fchmodat2=452/452
"""
_PAIRS: Final = {name: tuple(map(int, pair.split("/"))) for name, pair in (row.split("=") for row in _NUMBERS.split())}

X86_64_NUMBERS: Final = {name: pair[0] for name, pair in _PAIRS.items()}
GENERIC_NUMBERS: Final = {name: pair[1] for name, pair in _PAIRS.items()}
"""aarch64, riscv64, loongarch64."""

_X86_64_ONLY: Final = """
    open stat lstat access pipe select poll dup2 epoll_create epoll_wait eventfd signalfd fork vfork getpgrp rename
    mkdir rmdir link unlink symlink readlink chmod chown lchown utime utimes futimesat creat alarm pause getdents time
    mknod inotify_init
"""
X86_64_ONLY: Final = frozenset(_X86_64_ONLY.split())
"""Calls that have no number on younger machines."""

OPEN_FLAGS: Final = {
    "O_CREAT": 0o100,
    "O_EXCL": 0o200,
    "O_NOCTTY": 0o400,
    "O_TRUNC": 0o1000,
    "O_APPEND": 0o2000,
    "O_NONBLOCK": 0o4000,
    "O_DSYNC": 0o10000,
    "O_ASYNC": 0o20000,
    "O_DIRECT": 0o40000,
    "O_LARGEFILE": 0o100000,
    "O_DIRECTORY": 0o200000,
    "O_NOFOLLOW": 0o400000,
    "O_NOATIME": 0o1000000,
    "O_CLOEXEC": 0o2000000,
    "__O_SYNC": 0o4000000,
    "O_PATH": 0o10000000,
    "__O_TMPFILE": 0o20000000,
}
"""Single bits, as x86-64, riscv64 and loongarch64 have them."""

ARM_OPEN_FLAGS: Final = {
    **OPEN_FLAGS,
    "O_DIRECTORY": 0o40000,
    "O_NOFOLLOW": 0o100000,
    "O_DIRECT": 0o200000,
    "O_LARGEFILE": 0o400000,
}

GENERIC_STAT_OFFSETS: Final = {
    "dev": (0, "Q"),
    "ino": (8, "Q"),
    "mode": (16, "I"),
    "nlink": (20, "I"),
    "uid": (24, "I"),
    "gid": (28, "I"),
    "rdev": (32, "Q"),
    "size": (48, "q"),
    "blksize": (56, "i"),
    "blocks": (64, "q"),
    "atime": (72, "q"),
    "atime_nsec": (80, "q"),
    "mtime": (88, "q"),
    "mtime_nsec": (96, "q"),
    "ctime": (104, "q"),
    "ctime_nsec": (112, "q"),
}
GENERIC_STAT_SIZE: Final = 128
X86_64_STAT_OFFSETS: Final = {
    **GENERIC_STAT_OFFSETS,
    "nlink": (16, "Q"),
    "mode": (24, "I"),
    "uid": (28, "I"),
    "gid": (32, "I"),
    "rdev": (40, "Q"),
    "blksize": (56, "q"),
}
X86_64_STAT_SIZE: Final = 144

PACKED_EPOLL_EVENT: Final = Struct("<IQ")
"""x86-64: 12 bytes."""
ALIGNED_EPOLL_EVENT: Final = Struct("<IIQ")
"""All others: 16 bytes, the second word is padding."""


def unpack_fields(data: bytes, offsets: dict[str, tuple[int, str]]) -> dict[str, int]:
    """Return the fields of a structure by name."""
    return {name: Struct("<" + code).unpack_from(data, at)[0] for name, (at, code) in offsets.items()}


def pack_fields(fields: dict[str, int], offsets: dict[str, tuple[int, str]], size: int) -> bytes:
    """Return a structure of `size` bytes with these fields."""
    data = bytearray(size)
    for name, (at, code) in offsets.items():
        Struct("<" + code).pack_into(data, at, fields[name])
    return bytes(data)
