"""All attacks as plain data: what each tries, what it is granted, how it may end, and whether it can be proven.

`grants` are options of `pywasmjit run`, with {top} for the directory of the targets (`targets`).  An attack that is
`alone` ends its process, or uses it up.  `proof` says that the native build of the same program succeeds when nobody
stops it; where it cannot, because there is no engine to be attacked, or it would harm the machine, `proof` is False.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent

FILES: Final = ("--dir", "{top}/rw", "--dir", "{top}/two", "--dir", "{top}/ro:ro")
PROC: Final = (*FILES, "--dir", "/proc")
NET: Final = (*FILES, "--allow", "net=127.0.0.1:1")
EXEC: Final = (*FILES, "--allow", "exec", "--allow", "process")

TRAP: Final = 134
TIMED_OUT: Final = 124


@dataclass(frozen=True)
class Attack:
    """One attack; `function` is its name inside the program, `label` tells apart the same attack with other grants."""

    program: str
    function: str
    tries: str
    grants: tuple[str, ...] = FILES
    proof: bool = True
    alone: bool = False
    status: int = 0
    options: tuple[str, ...] = field(default=())
    descriptors: int | None = None
    label: str = ""

    @property
    def name(self) -> str:
        """The attack's name, unique in the table."""
        return self.label or self.function

    @property
    def source(self) -> Path:
        """The program's C file."""
        return HERE / f"{self.program}.c"


def _paths(function: str, tries: str, proof: bool = True) -> Attack:
    return Attack("paths", function, tries, proof=proof)


def _magic(function: str, tries: str, proof: bool = True) -> tuple[Attack, Attack]:
    granted = Attack("magic", function, f"{tries}; /proc is granted", PROC, proof, label=f"{function}-granted")
    return Attack("magic", function, tries, proof=proof), granted


def _readonly(function: str, tries: str, proof: bool = True) -> Attack:
    return Attack("readonly", function, tries, proof=proof)


def _descriptors(function: str, tries: str, proof: bool = True) -> Attack:
    return Attack("descriptors", function, tries, NET, proof)


def _network(function: str, tries: str, proof: bool = True) -> Attack:
    return Attack("network", function, tries, NET, proof)


def _processes(function: str, tries: str, proof: bool = True) -> Attack:
    return Attack("processes", function, tries, proof=proof)


def _memory(function: str, tries: str, **more: object) -> Attack:
    return Attack("memory", function, tries, proof=False, **more)  # type: ignore[arg-type]


def _leaks(function: str, tries: str, proof: bool = False) -> Attack:
    return Attack("leaks", function, tries, proof=proof)


def _exhaustion(function: str, tries: str, **more: object) -> Attack:
    return Attack("exhaustion", function, tries, proof=False, alone=True, **more)  # type: ignore[arg-type]


def _races(function: str, tries: str) -> Attack:
    return Attack("races", function, tries)


ATTACKS: Final[tuple[Attack, ...]] = (
    # Ways out of a directory
    _paths("dotdot", "`..` in every place of a path"),
    _paths("absolute", "absolute paths of what was not granted"),
    _paths("long-path", "4000 bytes of `./` before the way out"),
    _paths("link-absolute", "a link to an absolute path; a file made through it"),
    _paths("link-relative", "a link to ../outside"),
    _paths("link-chain", "links to links, the last leads out"),
    _paths("link-directory", "a link to a directory outside: files, listings, names below it"),
    _paths("link-creation", "a dangling link to outside, and all that makes files"),
    _paths("trailing-slashes", "links with slashes at their end, or in their text"),
    _paths("path-descriptors", "O_PATH of a link or of ..; empty paths"),
    _paths("directory-descriptors", "`..` from descriptors of directories"),
    _paths("working-directory", "chdir, fchdir upwards"),
    _paths("through-a-file", "paths and openat through what is no directory", False),
    _paths("nameless-file", "O_TMPFILE, then a name outside"),
    _paths("moved-directory", "a directory moved up while it is open, then `..` from inside"),
    _paths("moved-across", "rename out of, into and between grants"),
    _paths("exchanged", "RENAME_EXCHANGE with what is outside, and of the grants themselves"),
    _paths("hard-link-in", "a second name inside for a file outside"),
    _paths("hard-link-out", "a second name outside for a file inside"),
    _paths("removal", "unlink, rmdir outside"),
    _paths("creation", "links, directories, FIFOs and sockets outside"),
    _paths("metadata", "mode, owner, times, length of a file outside"),
    _paths("looking", "stat and its like outside"),
    _paths("another-root", "chroot"),
    _paths("devices", "mknod of devices in a grant; whiteouts"),
    _paths("lent-rights", "set-user-id on one's own files"),
    _paths("deep", "seventy times `..` from sixty directories down"),
    # Magic links
    *_magic("process-root", "the root of any process"),
    *_magic("process-directory", "the working directory of any process"),
    *_magic("process-descriptors", "descriptors of the engine by number under /proc/self/fd"),
    *_magic("standard-streams", "/dev/fd, /dev/stdin, /dev/null"),
    *_magic("memory", "the engine's memory, its maps, by all their names"),
    *_magic("own-environment", "the environment of the engine and its relatives"),
    *_magic("mapped-files", "map_files, exe, what links in /proc say"),
    *_magic("others", "memory, descriptors, settings of another process"),
    # What is granted for reading
    _readonly("ro-opened", "every flag that writes, truncates or creates"),
    _readonly("ro-shortened", "truncate, ftruncate, fallocate"),
    _readonly("ro-times", "times, by path and by descriptor"),
    _readonly("ro-modes", "chmod and its like"),
    _readonly("ro-owners", "chown and its like"),
    _readonly("ro-names", "names made, changed, removed"),
    _readonly("ro-linked", "a second name in a writable grant, written there"),
    _readonly("ro-through-links", "links in a writable grant that lead there"),
    _readonly("ro-from-inside", "the same from a working directory inside"),
    _readonly("ro-mapped", "shared mappings of a descriptor for reading", False),
    _readonly("ro-reopened", "O_PATH and /proc/self/fd, writing to a descriptor for reading"),
    _readonly("ro-requests", "ioctl and fcntl that change files"),
    _readonly("ro-passed-on", "a descriptor sent to oneself, which may forget its grant"),
    # Descriptors
    _descriptors("guessed-read", "reading every number"),
    _descriptors("guessed-write", "writing to every number"),
    _descriptors("guessed-close", "closing the engine's descriptors"),
    _descriptors("guessed-copy", "dup and fcntl of every number"),
    _descriptors("overwritten", "dup2 onto every number", False),
    _descriptors("guessed-wait", "poll, select, epoll for every number"),
    _descriptors("guessed-message", "SCM_RIGHTS of every number"),
    _descriptors("guessed-directory", "openat, fchdir, AT_EMPTY_PATH with every number"),
    _descriptors("guessed-mapping", "mmap of every number"),
    _descriptors("guessed-transfer", "sendfile, FICLONE from every number"),
    _descriptors("guessed-control", "ioctl, flock, metadata of every number"),
    _descriptors("strange-numbers", "negative and huge numbers", False),
    # Network
    _network("other-port", "a port that was not granted"),
    _network("any-address", "0.0.0.0 and other names of this machine"),
    _network("mapped-address", "IPv6, IPv4 in IPv6, IPv4 through an IPv6 socket"),
    _network("datagram", "sendto, with AF_UNSPEC too"),
    _network("message", "sendmsg to somebody else from a connected socket"),
    _network("fast-open", "TCP fast open by sendto, sendmsg and option"),
    _network("elsewhere", "connect where granted, dissolve, connect elsewhere"),
    _network("bound", "a port of one's own"),
    _network("unix-outside", "Unix sockets outside and in a read-only grant, by every kind of path"),
    _network("abstract", "abstract names"),
    _network("families", "netlink, packet, vsock, crypto and raw sockets"),
    _network("options", "filters, marks, devices, routes: options that reach beyond the socket"),
    _network("packet-information", "control messages that choose a source, or say to be somebody else"),
    _network("interfaces", "requests about network cards, with pointers and without"),
    _network("broken-addresses", "addresses that are too short, too long, negative", False),
    _network("terminal", "typing into the terminal", False),
    # Processes
    _processes("kill-victim", "kill of another process"),
    _processes("kill-group", "kill of the process group"),
    _processes("kill-all", "kill of all"),
    _processes("kill-threads", "tkill, tgkill of foreign threads"),
    _processes("queued", "rt_sigqueueinfo, pidfds"),
    _processes("owned", "signals from descriptors: F_SETOWN, F_SETSIG, F_NOTIFY, FIOASYNC"),
    _processes("death-signal", "prctl that changes the process or gives it to others"),
    _processes("limits", "prlimit of others, and of the host's process"),
    _processes("scheduling", "processors and priorities of others"),
    _processes("groups", "process groups and sessions"),
    _processes("children", "fork without a grant; waiting for others"),
    Attack("processes", "shell", "execve of a shell that no directory holds", EXEC),
    Attack("processes", "script", "a script whose interpreter no directory holds", EXEC),
    Attack("processes", "shell", "execve without a grant", label="shell-ungranted"),
    _processes("forbidden", "ptrace, perf, io_uring, handles and others that no program has"),
    # Memory
    _memory("mapping-outside", "mmap and mremap outside of linear memory"),
    _memory("moved-outside", "mremap to outside"),
    _memory("unmapped", "munmap, mprotect, madvise of all", alone=True),
    _memory("vectors", "iovecs that are too many, too long, outside"),
    _memory("lengths", "buffers that wrap round or go beyond the end"),
    _memory("control-messages", "control messages with wrong lengths"),
    _memory("waits", "masks, sets and events outside"),
    _memory("futexes", "futexes outside"),
    _memory("names", "paths and names without an end; addresses of 64 bits"),
    _memory("wrong-handler", "a signal handler of another type", alone=True, status=TRAP),
    _memory("no-handler", "a signal handler outside of the table", alone=True, status=TRAP),
    # What is not to be known
    _leaks("variables", "the host's environment", True),
    _leaks("variables-file", "the path of the file of variables, by every call"),
    _leaks("host-name", "the host's name", True),
    _leaks("padding", "bytes in structures that nobody has set"),
    _leaks("signal-information", "bytes of siginfo that nobody has set"),
    _leaks("old-memory", "memory that was used before"),
    _leaks("arguments", "arguments of the engine and its relatives", True),
    # Exhaustion
    _exhaustion("grown-memory", "all memory", options=("--max-memory", "64MiB")),
    _exhaustion("many-files", "all descriptors", descriptors=1024),
    _exhaustion("full-pipe", "a write that never ends", status=TIMED_OUT, options=("--timeout", "1s")),
    _exhaustion("many-mappings", "thousands of mappings"),
    _exhaustion("nested-handlers", "handlers that interrupt themselves", status=TRAP),
    _exhaustion("many-timers", "a million timers per second"),
    _exhaustion("many-signals", "queued signals without end"),
    _exhaustion("endless-links", "links in circles"),
    _exhaustion("long-walk", "paths of thousands of steps"),
    _exhaustion("many-denials", "denied requests without end: one line of complaint"),
    _exhaustion("wait-at-fifo", "opening a FIFO that nobody writes", status=TIMED_OUT, options=("--timeout", "1s")),
    _exhaustion("deep-recursion", "recursion without end", status=TRAP),
    _exhaustion("many-threads", "threads without end", status=7),
    _exhaustion(
        "children-that-stay",
        "children that outlive the time limit",
        grants=(*FILES, "--allow", "process"),
        status=TIMED_OUT,
        options=("--timeout", "1s"),
    ),
    # Races
    _races("race-read", "a directory and a link to outside change places while files are read"),
    _races("race-create", "the same, while files are made"),
    _races("race-remove", "the same, while names are removed"),
    _races("race-metadata", "the same, while modes and times are changed"),
    _races("race-link", "the same, while hard links are made"),
    _races("race-directory", "the same, while directories are opened and entered"),
    _races("race-socket", "the same, while sockets are connected"),
    Attack("races", "race-descriptor", "a closed descriptor whose number the engine uses again", PROC, False),
    Attack("races", "race-execve", "files that are moved while another thread executes something", EXEC, False),
)


def _left(what: str, names: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), what)


LEFT_TO_THE_GATE: Final[dict[str, str]] = {
    **_left(
        "modes, owners and times",
        """
        trailing-slashes directory-descriptors metadata ro-times ro-modes ro-owners ro-through-links ro-from-inside
        ro-reopened ro-passed-on race-metadata
        """,
    ),
    **_left("the mode that openat2 gives a new file", "lent-rights"),
    **_left("whether a file is there", "looking"),
    **_left("files of the process itself, without their content", "memory mapped-files"),
    **_left(
        "what a granted /proc holds",
        "memory-granted own-environment-granted mapped-files-granted others-granted",
    ),
    **_left("addresses, and all of UDP", "mapped-address datagram message elsewhere bound"),
    **_left("names of Unix sockets", "unix-outside race-socket abstract"),
    **_left("control messages", "packet-information"),
    **_left("processors of others", "scheduling"),
    **_left("the host's name", "host-name"),
}
"""Attacks of which something succeeds where the kernel's walls stand alone -> what they do not know of.

Even of these none reads or writes the content of a file outside, or has a connection of TCP.  The list is strict: what
the walls stop must not be in it.
"""


def _meets_walls(attack: Attack) -> bool:
    """Tell whether walls are made for an attack: not for memory; and the engine's own program may be executed again."""
    return attack.program not in ("memory", "exhaustion") and attack.name != "shell"


def stopped_by_walls() -> list[list[Attack]]:
    """Return the attacks that the kernel's walls must stop alone, those together that one process can make."""
    found: dict[tuple[object, ...], list[Attack]] = {}
    for attack in ATTACKS:
        if _meets_walls(attack) and attack.name not in LEFT_TO_THE_GATE:
            found.setdefault((attack.program, attack.grants), []).append(attack)
    return list(found.values())


def left_to_the_gate() -> list[Attack]:
    """Return the attacks of which something gets through the walls."""
    return [attack for attack in ATTACKS if attack.name in LEFT_TO_THE_GATE]


def groups() -> list[list[Attack]]:
    """Return the attacks, those together that one process can make one after the other."""
    found: dict[tuple[object, ...], list[Attack]] = {}
    for attack in ATTACKS:
        key = (attack.name,) if attack.alone else (attack.program, attack.grants)
        found.setdefault(key, []).append(attack)
    return list(found.values())
