"""What links a module against WALI, and starts it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias

from pywasmjit.errors import LinkError
from pywasmjit.guest.policy.policy import WALLS, Policy
from pywasmjit.guest.process import Process
from pywasmjit.wali.conventions import CONVENTIONS, MODULE
from pywasmjit.wali.environment import EnvironmentFile
from pywasmjit.wasm.types import FuncType, ImportType

if TYPE_CHECKING:
    from pywasmjit.guest.processes.execution import Leap
    from pywasmjit.runtime.instance import Instance
    from pywasmjit.wali.strace import Trace

Stream: TypeAlias = "int | IO[Any] | None"
"""A standard stream: a host descriptor, a file that has one, or None for the caller's own."""

_ASYNCHRONOUS: Final = frozenset({"__wasm_thread_spawn", "SYS_rt_sigaction"})


class WaliProcess(Process):
    """A process and what WALI adds to it.

    Attributes: environment; trace (None if calls are not told) and engine_options (what an engine that runs an
    executed program is told), both set before a module is linked.
    """

    early_imports = ("pywasmjit.wali.dispatch", "pywasmjit.wali.syscalls")

    def __init__(self, args: Iterable[bytes], environment: Mapping[str, str], policy: Policy, **options: Any) -> None:
        """Take what `Process` takes.  environment: the program's variables."""
        self.environment = EnvironmentFile(environment)
        self.trace: Trace | None = None
        self.engine_options: Mapping[str, Any] = {}
        super().__init__(args, policy, **options)
        self.succession = _hand_over

    def close(self) -> None:
        try:
            super().close()
        finally:
            self.environment.close()


def _hand_over(leap: Leap, copy: Callable[[int], int]) -> int:
    from pywasmjit.wali.succession import hand_over

    return hand_over(leap, copy)


def _print_report(text: str) -> None:
    print(f"pywasmjit: {text}", file=sys.stderr)


class Wali:
    """Linux for one program: link a module against it, then `start` the instance.

    args: the program's arguments, its own name first.  env: its environment variables; the host's are not seen.
    policy: what it may do, by default `Policy.sandbox()`.  stdin, stdout, stderr: host descriptors or open files with
    one, None for the process's own; they are used, not closed.  cwd: its working directory as the guest names it.
    report: called with one line for each kind of denied request, None for silence.
    owns_process: whether the host's process exists for this program alone: signals are then the process's own, and its
    end the program's.  Only for `start` in Python's main thread.  walls: for such a process, whether the kernel is told
    of the policy too (`walls`): "auto", if it can be; "require", raise OSError else; "off".  That is done when the
    first import is resolved, and holds for the process and for good.  Where everything is allowed there are none.
    Raises ValueError for a NUL in an argument or walls that cannot be, OSError if a granted directory or `cwd` cannot
    be opened.
    """

    def __init__(
        self,
        args: Iterable[str | bytes | os.PathLike[str]] = ("program",),
        env: Mapping[str, str] | None = None,
        policy: Policy | None = None,
        *,
        stdin: Stream = None,
        stdout: Stream = None,
        stderr: Stream = None,
        cwd: str | None = None,
        report: Callable[[str], None] | None = _print_report,
        owns_process: bool = False,
        walls: str = "auto",
    ) -> None:
        encoded = [os.fsencode(each) for each in args]
        if any(b"\0" in each for each in encoded):
            raise ValueError("an argument holds a NUL")
        streams = (_descriptor(stdin, 0), _descriptor(stdout, 1), _descriptor(stderr, 2))
        chosen = Policy.sandbox() if policy is None else policy
        _check_walls(walls, owns_process)
        self.process = WaliProcess(
            encoded, env or {}, chosen, streams=streams, cwd=cwd, report=report, owns_host=owns_process
        )
        self.process.walls = walls if owns_process and not chosen.everything else "off"
        self._enclosed = False

    def resolve_import(self, wanted: ImportType) -> object:
        """Return the `Direct` for an import from "wali", NotImplemented for any other.

        Unknown system calls answer -ENOSYS.  Raises LinkError where the declared type cannot be right, OSError if
        walls are required and cannot be.
        """
        from pywasmjit.runtime.functions import Direct, SafePoint
        from pywasmjit.wali.dispatch import absent, bind, unavailable
        from pywasmjit.wali.syscalls import TABLE

        if wanted.module != MODULE or not isinstance(wanted.type, FuncType):
            return NotImplemented
        self._enclose()
        declaration = TABLE.get(wanted.name)
        if wanted.name in _ASYNCHRONOUS:
            self.process.threads.may_be_interrupted = True
        if declaration is not None:
            twice = declaration.returns_twice
            noted = None if twice is None else partial(twice, self.process)
            bound = bind(declaration, self.process, wanted.type)
            if self.process.trace is not None:
                bound = self.process.trace.wrap(declaration, bound, self.process, wanted.type)
            arrivals = self.process.signals.arrivals
            safe_point = SafePoint(arrivals.alerted, arrivals.at_loop_edge) if wanted.name in _ASYNCHRONOUS else None
            return Direct(bound, noted, safe_point, CONVENTIONS)
        return Direct(absent(wanted.type) if wanted.name.startswith("SYS_") else unavailable(wanted.name))

    def _enclose(self) -> None:
        """Raise the walls, once: whoever has no import yet can do nothing yet, in whichever function it begins."""
        if not self._enclosed:
            self._enclosed = True
            if self.process.walls != "off":
                from pywasmjit.guest.policy.walls import enclose

                enclose(self.process)

    def start(self, instance: Instance) -> int:
        """Run the program to its end and return its exit status, 0 to 255.

        Raises Trap and what else ends a guest from outside; LinkError if the module has no `_start`.
        """
        if "_start" not in instance.exports:
            raise LinkError("the program has no function _start to begin with")
        if "memory" in instance.exports:
            self.process.bind(instance.exports["memory"])
        try:
            return self.process.run(instance)
        finally:
            self.close()

    def close(self) -> None:
        """Close what the program has open; `start` does so at its end."""
        self.process.close()

    def __enter__(self) -> Wali:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_walls(walls: str, owns_process: bool) -> None:
    """Raise ValueError for another word than those of `WALLS`, or walls around a larger program."""
    if walls not in WALLS:
        raise ValueError(f"walls={walls!r} is none of {', '.join(WALLS)}")
    if walls == "require" and not owns_process:
        raise ValueError("walls can only be raised round a process of the guest's own: owns_process=True")


def _descriptor(stream: Stream, default: int) -> int:
    if stream is None:
        return default
    return stream if isinstance(stream, int) else stream.fileno()
