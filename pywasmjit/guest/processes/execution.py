"""execve: what a path stands for, and how the process becomes it.

Look before leaping: the file is opened by the guest's own rules, must be regular and executable, and its first bytes
say what it is; a script's interpreter is looked at in the same way, and so on.  Only then is the process got ready,
and put back should the host still say no:

* the guest's descriptors that stay open get the numbers by which the guest knows them, all others are closed by the
  leap (`_Placement`);
* a native program gets the guest's environment, working directory and resource limits;
* a Wasm program is run by a new engine in this process: isolated, found by the place of this one, with the engine's
  own environment.  What it must know lies in a sealed memory file, which the interface writes (`Process.succession`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from errno import E2BIG, EACCES, EAGAIN, EFAULT, ELOOP, EMFILE, ENOEXEC
from stat import S_IFREG
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias

from pywasmjit.guest.abi.fcntl import AT_EACCESS, O_PATH, X_OK
from pywasmjit.guest.abi.resource import RLIMIT_STACK
from pywasmjit.guest.attributes import host_limit, set_host_limit
from pywasmjit.guest.files.procfs import own_descriptor
from pywasmjit.guest.processes.departure import departing, let_signals_go
from pywasmjit.guest.processes.processes import require_own_process
from pywasmjit.records import record
from pywasmjit.runtime.depth import raise_stack_limit, restore_stack_limit, start_engine_thread

if TYPE_CHECKING:
    from pywasmjit.guest.files.descriptors import OpenFile, WorkingDirectory
    from pywasmjit.guest.memory.guest_memory import GuestMemory
    from pywasmjit.guest.policy.policy import Policy
    from pywasmjit.guest.process import Process
    from pywasmjit.guest.threads import GuestThread

_HEAD: Final = 256
"""Bytes of a file that the kernel looks at."""
_MOST_INTERPRETERS: Final = 5
_MOST_STRING: Final = 131072
_LEAST_ROOM: Final = 131072
_MOST_ROOM: Final = 6 << 20
_POINTER: Final = 8
_BLANK: Final = b" \t"
_LAST: Final = 0xFFFF_FFFF
"""A number beyond all descriptors."""
_CLOSE_RANGE_UNSHARE: Final = 2

_ENGINE: Final = """\
import sys, _signal
ends_by_signal = _signal.getsignal(2) is _signal.default_int_handler
if ends_by_signal:
    _signal.signal(2, _signal.SIG_DFL)
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location
for name, file, above in zip(*[iter(sys.argv[3:])] * 3):
    spec = PathFinder.find_spec(name, [above]) or spec_from_file_location(name, file)
    sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
from pywasmjit import starting, successor
starting.ends_by_signal = ends_by_signal
successor.main(int(sys.argv[1]))
"""
"""What a new engine does first: it takes the packages from where this one has them, and from nowhere else.

The directory above may be out of sight (`walls`), so a package is also found by its own file.
"""


_PACKAGES: Final = ("bytecode", "pywasmjit")
"""What an engine can be made of, beside the standard library; each after those that it imports."""


@record()
class Image:
    """A program to become.

    file: its file, opened with O_PATH.  path: its guest path.  args: with those that scripts put in front.  is_script:
    whether there were any.
    """

    file: OpenFile
    path: bytes
    args: list[bytes]
    is_wasm: bool = False
    is_script: bool = False


@record(frozen=True, eq=False)
class Leap:
    """All that becoming a program needs, looked up once.

    path, args, environment: as the guest has given them.  thread: the one that executes, whose mask the program gets.
    seconds: that it still has.  files: what is open there, by the guest's numbers.  cwd: the working directory.
    """

    process: Process
    image: Image
    path: bytes
    args: list[bytes]
    environment: list[bytes]
    thread: GuestThread
    seconds: float
    files: dict[int, OpenFile]
    cwd: WorkingDirectory


Succession: TypeAlias = Callable[[Leap, Callable[[int], int]], int]
"""Called with a leap and what copies a descriptor to one that stays open; returns a descriptor of what was told."""


def execute(process: Process, path: bytes, argv: int, envp: int) -> NoReturn:
    """Become another program.  Raises OSError if that cannot be; argv, envp: guest addresses of arrays."""
    require_own_process(process, "execve")
    file = _open(process, path)
    stack = process.attributes.limit(RLIMIT_STACK)[0]
    args, environment = read_arguments(process.memory, argv, envp, stack)
    args = args or [b""]
    image = look(process, file, path, args)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    with departing(process):
        threads, files, cwd = process.threads, process.files.inherited(), process.paths.cwd
        leap = Leap(process, image, path, args, environment, threads.current, threads.seconds_left, files, cwd)
        become = _become_wasm if image.is_wasm else _become_native
        if threads.others():
            _apart(lambda: become(leap), process.policy)
        become(leap)


# -- arguments --------------------------------------------------------------------------------------------------------


def read_arguments(memory: GuestMemory, argv: int, envp: int, stack: int) -> tuple[list[bytes], list[bytes]]:
    """Copy in both arrays of strings; stack: the limit of the stack, of which they may take a quarter.

    Raises EFAULT, E2BIG by the kernel's rules.
    """
    room = max(min(stack // 4, _MOST_ROOM), _LEAST_ROOM)
    args, room = _read_strings(memory, argv, room)
    environment, _ = _read_strings(memory, envp, room)
    return args, environment


def _read_strings(memory: GuestMemory, address: int, room: int) -> tuple[list[bytes], int]:
    strings: list[bytes] = []
    while address and (pointer := int.from_bytes(memory.read(address, 4), "little")):
        try:
            strings.append(memory.string(pointer, _MOST_STRING))
        except OSError as error:
            raise OSError(E2BIG, "long string") if error.errno != EFAULT else error from None
        room -= len(strings[-1]) + 1 + _POINTER
        if room < 0:
            raise OSError(E2BIG, "too much for a new program")
        address += 4
    return strings, room


# -- looking ----------------------------------------------------------------------------------------------------------


def look(process: Process, file: OpenFile, path: bytes, args: list[bytes]) -> Image:
    """Find out what executing `path`, open as `file`, comes to.

    Raises ENOENT, EACCES, ENOEXEC, ELOOP and what opening interpreters raises.
    """
    is_script = False
    for _ in range(_MOST_INTERPRETERS + 1):
        head = _read_head(file.host)
        if not head.startswith(b"#!"):
            if not head.startswith((b"\x7fELF", b"\0asm")) and head:
                raise OSError(ENOEXEC, "no program")
            return Image(file, path, args, head.startswith(b"\0asm"), is_script)
        interpreter, option = parse_script(head)
        args = [interpreter, *option, path, *args[1:]]
        path, is_script = interpreter, True
        file = _open(process, path)
    raise OSError(ELOOP, "too many interpreters")


def _open(process: Process, path: bytes) -> OpenFile:
    file = process.paths.open(process.paths.cwd, path, O_PATH, 0)
    if file.kind != S_IFREG:
        raise OSError(EACCES, "no regular file")
    process.kernel.access(file.host, b"", X_OK, AT_EACCESS)
    return file


def _read_head(fd: int) -> bytes:
    """Return the first bytes of a file, b"" if they may not be read: then it is for the kernel to say."""
    try:
        readable = os.open(b"/proc/self/fd/%d" % fd, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        return b""
    try:
        return os.read(readable, _HEAD) or b"\0"
    finally:
        os.close(readable)


def parse_script(head: bytes) -> tuple[bytes, list[bytes]]:
    """Return the interpreter, and the one argument if there is any, of a script's first line as the kernel reads it.

    Raises ENOEXEC if there is none, or its name may go on after the bytes that are looked at.
    """
    line, newline, _ = head[2:_HEAD].partition(b"\n")
    line, nul, _ = line.partition(b"\0")
    is_cut = not (newline or nul or len(head) < _HEAD)
    text = line.lstrip(_BLANK)
    name = text.replace(b"\t", b" ").partition(b" ")[0]
    if not name or (is_cut and name == text):
        raise OSError(ENOEXEC, "no interpreter")
    option = (text[:-1] if is_cut else text)[len(name) :].strip(_BLANK)
    return name, [option] if option else []


# -- leaping ----------------------------------------------------------------------------------------------------------


def _apart(become: Callable[[], NoReturn], policy: Policy) -> None:
    """Call `become` in a thread that has the process's descriptors for itself.  Raises what it raises.

    Getting ready puts files at the numbers by which the guest knows them, where others lie in this process.  Its other
    threads run on until the leap, and might act on a file there that they did not check.  Where the host cannot give a
    thread descriptors of its own, a sandbox has no execve beside other threads: EAGAIN; else that is done here.
    """
    outcome: list[BaseException] = []

    def run() -> None:
        try:
            _have_own_descriptors()
        except (ImportError, NotImplementedError, OSError):
            if not policy.everything:
                outcome.append(OSError(EAGAIN, "execve beside other threads"))
            return
        try:
            become()
        except BaseException as error:
            outcome.append(error)

    try:
        thread = start_engine_thread(run, name="execve")
    except (RuntimeError, MemoryError):
        raise OSError(EAGAIN, "no more threads") from None
    thread.join()
    if outcome:
        raise outcome.pop()


def _have_own_descriptors() -> None:
    """Have the calling thread share its table of descriptors with no other thread any more."""
    from ctypes import c_uint

    from pywasmjit.guest.kernel.calling import caller

    call = caller()
    call("close_range", c_uint(_LAST), c_uint(_LAST), _CLOSE_RANGE_UNSHARE)


def _become_native(leap: Leap) -> NoReturn:
    """Execute a native program.  Raises OSError."""
    process, image = leap.process, leap.image
    by_path = process.policy.everything and own_descriptor(leap.path) is None
    limits = {number: host_limit(number) for number in process.attributes.kept_limits()}
    with process.streams.given_back(), _Placement(leap.files) as placement:
        program = placement.free_copy(image.file.host, inherited=False)
        placement.enter_directory(leap.cwd)
        placement.place()
        try:
            restore_stack_limit()
            process.attributes.apply()
            let_signals_go(process, leap.thread)
            if by_path:
                _call_execve(leap.path, leap.args, leap.environment)
            _call_execve(program, image.args, leap.environment)
        finally:
            for number, limit in limits.items():
                with suppress(OSError):
                    set_host_limit(number, limit)
            raise_stack_limit()


def _become_wasm(leap: Leap) -> NoReturn:
    """Execute a new engine that runs a Wasm program.  Raises OSError."""
    hand_over = leap.process.succession
    if hand_over is None or not sys.executable:
        raise OSError(ENOEXEC, "nothing to run an engine with")
    process = leap.process
    own = [os.fsencode(f"{name}={value}") for name, value in os.environ.items()]
    with _Placement(leap.files) as placement:
        state = hand_over(leap, placement.free_copy)
        command = [os.fsencode(each) for each in _engine_command(state, os.fsdecode(leap.image.path))]
        if process.policy.everything:
            placement.enter_directory(leap.cwd)
        placement.place()
        try:
            restore_stack_limit()
            let_signals_go(process, leap.thread)
            _call_execve(command[0], command, own)
        finally:
            raise_stack_limit()


def _engine_command(state: int, name: str) -> list[str]:
    """Return the command that starts an engine like this one; name: what lists of processes show."""
    options = ["-I", *(["-B"] if sys.dont_write_bytecode else []), *(["-O"] * sys.flags.optimize)]
    packages = []
    for package, file in packages_in_use():
        packages += [package, file, os.path.dirname(os.path.dirname(file))]
    return [sys.executable, *options, "-c", _ENGINE, str(state), name, *packages]


def packages_in_use() -> Iterator[tuple[str, str]]:
    """Yield name and file of each package that this engine is made of, and that one like it needs."""
    for package in _PACKAGES:
        if package in sys.modules:
            yield package, os.path.abspath(sys.modules[package].__file__ or "")


def _call_execve(program: bytes | int, args: Sequence[bytes], environment: Sequence[bytes]) -> NoReturn:
    """Execute a path or a descriptor.  Raises OSError."""
    try:
        import ctypes
    except ImportError:
        pairs = [each.partition(b"=") for each in environment]
        os.execve(program, list(args), {name: value for name, equals, value in pairs if name and equals})
    library = ctypes.CDLL(None, use_errno=True)
    arrays = [(ctypes.c_char_p * (len(each) + 1))(*each, None) for each in (args, environment)]
    call: Any = library.fexecve if isinstance(program, int) else library.execve
    call(program, *arrays)
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number))


class _Placement:
    """Puts the guest's descriptors where it believes them to be; leaving the context puts all back.

    Whatever is made here has numbers above all of the guest's.  What the new program or the leap needs of the engine's
    is copied before `place`, which may put something else at its number.
    """

    def __init__(self, files: dict[int, OpenFile]) -> None:
        """files: what the new program gets, by number."""
        self._wanted = {guest: file.host for guest, file in files.items()}
        self._floor = max(self._wanted, default=2) + 1
        self._made: list[int] = []
        self._before: dict[int, tuple[int, bool] | None] = {}
        self._strays: list[int] = []
        self._directory: int | None = None

    def free_copy(self, fd: int, inherited: bool = True) -> int:
        """Return a copy of a descriptor of the engine's, for the new program, out of the guest's way."""
        import fcntl

        try:
            copy: int = fcntl.fcntl(fd, fcntl.F_DUPFD if inherited else fcntl.F_DUPFD_CLOEXEC, self._floor)
        except OSError:
            raise OSError(EMFILE, "too many descriptors") from None
        self._made.append(copy)
        return copy

    def enter_directory(self, directory: WorkingDirectory) -> None:
        """Make a directory the process's own; nothing is to be done for one that is, or exists in name only."""
        if directory.host >= 0:
            here = os.open(".", os.O_PATH | os.O_CLOEXEC)
            try:
                self._directory = self.free_copy(here, inherited=False)
            finally:
                os.close(here)
            os.fchdir(directory.host)

    def place(self) -> None:
        """Move the guest's descriptors, and have all others closed by the leap but for inherited copies."""
        copies = {guest: self.free_copy(host, False) for guest, host in self._wanted.items() if guest != host}
        for guest in self._wanted:
            self._before[guest] = self._saved(guest)
        for guest in self._wanted:
            if guest in copies:
                os.dup2(copies[guest], guest, inheritable=True)
            else:
                os.set_inheritable(guest, True)
        for stray in _open_descriptors():
            if stray not in self._wanted and stray not in self._made:
                with suppress(OSError):
                    if os.get_inheritable(stray):
                        os.set_inheritable(stray, False)
                        self._strays.append(stray)

    def _saved(self, number: int) -> tuple[int, bool] | None:
        """Return a copy of what a number stands for now and whether it is inherited, None if it is free."""
        try:
            inherited = os.get_inheritable(number)
        except OSError:
            return None
        return self.free_copy(number, False), inherited

    def __enter__(self) -> _Placement:
        return self

    def __exit__(self, *_: object) -> None:
        if self._directory is not None:
            os.fchdir(self._directory)
        for number, before in self._before.items():
            with suppress(OSError):
                if before is None:
                    os.close(number)
                else:
                    os.dup2(before[0], number, inheritable=before[1])
        for stray in self._strays:
            with suppress(OSError):
                os.set_inheritable(stray, True)
        for each in self._made:
            os.close(each)


def _open_descriptors() -> list[int]:
    """Return the calling thread's own: they need not be the process's any more (`_apart`)."""
    try:
        return [int(name) for name in os.listdir("/proc/thread-self/fd")]
    except OSError:
        return list(range(256))
