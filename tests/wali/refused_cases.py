"""What the kernel is to refuse of single calls, and when: the golden list, which says nothing of how that is done.

Arguments are such that a call that is let through fails in another way, or does no harm: descriptors of -1, addresses
of 0, files that are not there.
"""

from __future__ import annotations

from typing import Final, NamedTuple

PID, OTHER = "pid", "another process"
NEVER: Final = ""
ALWAYS: Final = "nothing"


class Case(NamedTuple):
    """A call that is let through with certain grants.

    needs: words of grants; "+" joins those that are needed together, "|" stands between alternatives.
    """

    call: str
    arguments: tuple[int | str, ...]
    needs: str

    def is_let_through(self, words: frozenset[str]) -> bool:
        """Tell whether the call passes where so much is granted."""
        return any(words.issuperset(each.split("+")) for each in self.needs.split("|"))


WORDS: Final[dict[str, frozenset[str]]] = {
    name: frozenset({ALWAYS, *name.split()})
    for name in (
        *("nothing", "reading", "reading writing", "address", "address net", "address reading writing"),
        *("exec", "process", "signals", "system", "ipc", "exec process", "exec system"),
        *("exec reading writing", "system reading writing", "exec address net", "exec process reading writing"),
        "address net process signals system ipc reading writing",
        "address net exec process signals system ipc reading writing",
    )
}
"""Which grants are tried together, by name; "reading" is a directory, "address" one of the network."""

CWD: Final = -100
_FILES: Final = (
    # modes and owners
    Case("chmod", (0, 0o755), "writing"),
    Case("chmod", (0, 0o2755), "writing"),
    Case("chmod", (0, 0o4755), NEVER),
    Case("chmod", (0, 0o177777), NEVER),
    Case("fchmod", (-1, 0o755), "writing"),
    Case("fchmod", (-1, 0o6755), NEVER),
    Case("fchmodat", (CWD, 0, 0o755), "writing"),
    Case("fchmodat", (CWD, 0, 0o4000), NEVER),
    Case("fchmodat2", (-1, 0, 0o755, 0x1000), "writing"),
    Case("fchmodat2", (-1, 0, 0o4755, 0x1000), NEVER),
    Case("chown", (0, 0, 0), "writing"),
    Case("lchown", (0, 0, 0), "writing"),
    Case("fchown", (-1, 0, 0), "writing"),
    Case("fchownat", (CWD, 0, 0, 0, 0), "writing"),
    # times, attributes
    Case("utimensat", (-1, 0, 0, 0), "writing"),
    Case("futimesat", (-1, 0, 0), "writing"),
    Case("setxattr", (0, 0, 0, 0, 0), "writing+exec"),
    Case("fremovexattr", (-1, 0), "writing+exec"),
    Case("file_setattr", (-1, 0, 0, 0, 0), "writing+exec"),
    Case("getxattr", (0, 0, 0, 0), "exec"),
    # names
    Case("link", (0, 0), "writing"),
    Case("linkat", (CWD, 0, CWD, 0, 0x400), "writing"),
    Case("linkat", (-1, 0, CWD, 0, 0x1000), "writing+exec"),
    Case("symlinkat", (0, CWD, 0), "writing"),
    Case("mkdir", (0, 0o2755), "writing"),
    Case("mkdirat", (CWD, 0, 0o755), "writing"),
    Case("mknod", (0, 0o10600, 0), "writing"),
    Case("mknod", (0, 0o20600, 1), "writing+system"),
    Case("mknod", (0, 0o60600, 1), "writing+system"),
    Case("mknod", (0, 0o104755, 0), NEVER),
    Case("mknodat", (CWD, 0, 0o100600, 0), "writing"),
    Case("mknodat", (CWD, 0, 0o20600, 1), "writing+system"),
    Case("mknodat", (CWD, 0, 0o102755, 0), NEVER),
    Case("rename", (0, 0), "writing"),
    Case("renameat2", (CWD, 0, CWD, 0, 2), "writing"),
    Case("renameat2", (CWD, 0, CWD, 0, 4), "writing+system"),
    Case("unlinkat", (CWD, 0, 0), "writing"),
    Case("rmdir", (0,), "writing"),
    Case("creat", (0, 0o644), "writing"),
    Case("creat", (0, 0o4644), NEVER),
    # opening
    Case("open", (0, 0o101, 0o755), ALWAYS),
    Case("open", (0, 0, 0o4755), ALWAYS),
    Case("open", (0, 0o101, 0o4755), NEVER),
    Case("openat", (CWD, 0, 0o101, 0o755), ALWAYS),
    Case("openat", (CWD, 0, 0o200000, 0o4755), ALWAYS),
    Case("openat", (CWD, 0, 0o101, 0o2755), NEVER),
    Case("openat", (CWD, 0, 0o20200002, 0o4600), NEVER),
    Case("openat2", (CWD, 0, 0, 24), ALWAYS),
    # content and whole file systems
    Case("truncate", (0, 0), "writing"),
    Case("ftruncate", (-1, 0), ALWAYS),
    Case("syncfs", (-1,), "writing"),
    Case("copy_file_range", (-1, 0, -1, 0, 0, 0), "exec"),
    Case("splice", (-1, 0, -1, 0, 0, 0), "exec"),
    Case("sendfile", (-1, -1, 0, 0), ALWAYS),
    # looking
    Case("access", (0, 0), "reading|exec"),
    Case("faccessat2", (CWD, 0, 0, 0), "reading|exec"),
    Case("readlink", (0, 0, 0), "reading|exec"),
    Case("readlinkat", (CWD, 0, 0, 0), "reading|exec"),
    Case("statfs", (0, 0), "reading|exec"),
    Case("newfstatat", (CWD, 0, 0, 0), ALWAYS),
    Case("statx", (CWD, 0, 0, 0, 0), ALWAYS),
    Case("chdir", (0,), "exec"),
    Case("fchdir", (-1,), "exec"),
    Case("inotify_add_watch", (-1, 0, 0), "exec"),
)

_CONTROL: Final = (
    Case("fcntl", (-1, 3), ALWAYS),
    Case("fcntl", (-1, 4, 0o4000), ALWAYS),
    Case("fcntl", (-1, 4, 0o24000), "signals"),
    Case("fcntl", (-1, 8, 1), "signals"),
    Case("fcntl", (-1, 10, 12), "signals"),
    Case("fcntl", (-1, 15, 0), "signals"),
    Case("fcntl", (-1, 1024, 1), "signals"),
    Case("fcntl", (-1, 1026, 4), "signals"),
    Case("fcntl", (-1, 1029, 0), "exec"),
    Case("fcntl", (-1, 1030, 0), ALWAYS),
    Case("ioctl", (-1, 0x5401, 0), ALWAYS),
    Case("ioctl", (-1, 0x80045432, 0), ALWAYS),
    Case("ioctl", (-1, 0x80086601, 0), ALWAYS),
    Case("ioctl", (-1, 0x40049409, 0), ALWAYS),
    Case("ioctl", (-1, 0x5452, 0), "signals"),
    Case("ioctl", (-1, 0x540E, 0), "process"),
    Case("ioctl", (-1, 0x8913, 0), "net"),
    Case("ioctl", (-1, 0x8914, 0), "system"),
    Case("ioctl", (-1, 0x8946, 0), "exec+system"),
    Case("ioctl", (-1, 0x8912, 0), "exec+net|exec+system"),
    Case("ioctl", (-1, 0x8904, 0), "exec"),
    Case("ioctl", (-1, 0x5420, 0), "exec"),
    Case("ioctl", (-1, 0x40086602, 0), "exec+writing"),
    Case("ioctl", (-1, 0x401C5820, 0), "exec+writing"),
    *(
        Case("ioctl", (-1, request, 0), NEVER)
        for request in (0x5412, 0x541C, 0x5423, 0x5437, 0xC0045877, 1 << 32 | 0x5412)
    ),
    Case("prctl", (3, 0, 0, 0, 0), ALWAYS),
    Case("prctl", (15, 0, 0, 0, 0), ALWAYS),
    Case("prctl", (38, 1, 0, 0, 0), ALWAYS),
    Case("prctl", (1, 0, 0, 0, 0), "process"),
    Case("prctl", (36, 0, 0, 0, 0), "process"),
    Case("prctl", (22, 99, 0, 0, 0), "exec"),
    Case("prctl", (53, 99, 0, 0, 0), "exec"),
    Case("prctl", (0x59616D61, 0, 0, 0, 0), "exec"),
)

_PROCESSES: Final = (
    Case("kill", (PID, 0), ALWAYS),
    Case("kill", (OTHER, 99), "process|signals"),
    Case("getpgid", (0,), ALWAYS),
    Case("getpgid", (OTHER,), "process"),
    Case("getsid", (OTHER,), "process"),
    Case("sched_getaffinity", (OTHER, 0, 0), ALWAYS),
    Case("getpriority", (0, OTHER), "exec"),
    Case("sched_getattr", (OTHER, 0, 0, 0), "exec"),
    Case("get_robust_list", (OTHER, 0, 0), NEVER),
    Case("prlimit64", (0, 7, 0, 0), ALWAYS),
    Case("prlimit64", (0, 7, 8, 0), ALWAYS),
    Case("prlimit64", (0, 4, 8, 0), "system"),
    Case("prlimit64", (0, 4, 1 << 40, 0), "system"),
    Case("prlimit64", (OTHER, 7, 0, 0), "system|process+exec"),
    Case("prlimit64", (OTHER, 0, 8, 0), "system"),
    Case("setrlimit", (3, 8), ALWAYS),
    Case("setrlimit", (6, 8), "system"),
    Case("mlock", (0, 0), "system"),
    Case("munlockall", (), "system"),
    *(Case("unshare", (flags,), NEVER) for flags in (0, 0x200, 0x400, 0x10000, 0x20000, 0x40000, 0x1000_0000)),
    Case("clone", (0x3D0F00, 0), ALWAYS),
    Case("clone", (0x11, 0), "process"),
    Case("clone", (0x11 | 0x8000, 0), NEVER),
    Case("clone", (0x11 | 0x2000, 0), NEVER),
    Case("clone", (0x11 | 0x1000_0000, 0), NEVER),
    Case("setns", (-1, 0), NEVER),
    Case("lsm_set_self_attr", (0, 0, 0, 0), NEVER),
)

_OTHERS: Final = (
    Case("listen", (-1, 1), "writing|address"),
    Case("bind", (-1, 0, 0), "writing|address"),
    Case("connect", (-1, 0, 0), "writing|address"),
    Case("sendto", (-1, 0, 0, 0, 8, 0), "writing|address"),
    Case("sendto", (-1, 0, 0, 0, 0, 0), ALWAYS),
    Case("accept4", (-1, 0, 0, 0), ALWAYS),
    Case("socket", (2, 1, 0), "address"),
    Case("socket", (16, 3, 0), NEVER),
    Case("setsockopt", (-1, 1, 2, 0, 0), ALWAYS),
    Case("setsockopt", (-1, 6, 1, 0, 0), ALWAYS),
    Case("setsockopt", (-1, 1, 25, 0, 0), "net"),
    Case("setsockopt", (-1, 0, 35, 0, 0), "net"),
    Case("setsockopt", (-1, 41, 50, 0, 0), "net"),
    Case("setsockopt", (-1, 1, 26, 0, 0), "exec"),
    Case("setsockopt", (-1, 6, 31, 0, 0), "exec"),
    Case("setsockopt", (-1, 263, 1, 0, 0), "exec"),
    *(Case("setsockopt", (-1, *option, 0, 0), NEVER) for option in ((1, 36), (0, 19), (255, 1), (270, 1))),
    Case("getsockopt", (-1, 1, 3, 0, 0), ALWAYS),
    Case("madvise", (0, 0, 4), ALWAYS),
    Case("madvise", (0, 0, 100), NEVER),
    Case("madvise", (0, 0, 101), NEVER),
    Case("mbind", (0, 0, 0, 0, 0, 0), "exec"),
    Case("mincore", (1, 0, 0), "exec"),
    Case("io_setup", (0, 0), "exec"),
    Case("timerfd_create", (1, 0), ALWAYS),
    Case("timerfd_create", (8, 0), NEVER),
    Case("clock_nanosleep", (1, 0, 0, 0), ALWAYS),
    Case("clock_nanosleep", (9, 0, 0, 0), NEVER),
    Case("timer_create", (1, 0, 0), "exec"),
    Case("timer_create", (9, 0, 0), NEVER),
    Case("seccomp", (99, 0, 0), ALWAYS),
    Case("landlock_restrict_self", (-1, 0), ALWAYS),
    Case("open_by_handle_at", (-1, 0, 0), NEVER),
)

CASES: Final = (*_FILES, *_CONTROL, *_PROCESSES, *_OTHERS)


def grants(words: frozenset[str], directory: str) -> dict[str, list[str]]:
    """Return the arguments of `Policy.sandbox` for words of grants."""
    capabilities = [each for each in ("net", "exec", "process", "signals", "system", "ipc") if each in words]
    dirs = [directory if "writing" in words else f"{directory}:ro"] if "reading" in words else []
    return {"dirs": dirs, "allow": capabilities, "net": ["127.0.0.1:1"] if "address" in words else []}
