"""A program and how the command line runs it: load, link, run, report.

The system that a program is made for is found from what it imports; without
one, an export is called.  The guest's main thread is Python's main thread, so
signals reach it without any polling code; its stack is made large first.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from pywasmjit import Func, FuncType, ImportType, Instance, Limits, Module, deadline, starting
from pywasmjit.diagnostics import USAGE, Refusal, complain, is_forked_child
from pywasmjit.display import quoted, shown
from pywasmjit.records import fresh, record
from pywasmjit.runtime.depth import PROGRAM_CALL_DEPTH, raise_stack_limit

if TYPE_CHECKING:
    from pywasmjit.guest.policy.policy import Policy
    from pywasmjit.wali.provider import Wali
    from pywasmjit.wali.strace import Trace


_HANDED_ON = ("max_memory", "max_depth", "tier", "quiet", "verbose")
"""Options that also hold for the Wasm programs that a program executes; grants and the time limit do so anyway."""


@record(frozen=True, kw_only=True, slots=False)
class Program:
    """What `pywasmjit run` was asked for; the fields are its options."""

    file: str
    args: Sequence[str] = ()
    dirs: Sequence[str] = ()
    env: Sequence[str] = ()
    env_inherit: bool = False
    allow: Sequence[str] = ()
    allow_all: bool = False
    walls: str = "auto"
    invoke: str | None = None
    preload: Sequence[tuple[str, str]] = ()
    argv0: str | None = None
    timeout: float | None = None
    max_memory: int | None = None
    max_depth: int | None = None
    tier: str = "auto"
    strace: str | None = None
    strace_only: Sequence[str] | None = None
    stats: bool = False
    quiet: bool = False
    verbose: bool = False

    def run(self) -> int:
        """Run the program; return its exit status.  Raises what the engine raises, and Refusal."""
        raise_stack_limit()
        stopwatch = Stopwatch()
        try:
            with deadline(self.timeout) if self.timeout is not None else nullcontext():
                return self._run(stopwatch)
        finally:
            if self.stats and not is_forked_child():
                print(stopwatch.report(), file=sys.stderr)

    def _run(self, stopwatch: Stopwatch) -> int:
        with _collector_at_rest():
            with stopwatch("load"):
                module = self._module()
            wali = self._system(module)
            with stopwatch("link"):
                instance = Instance(module, self._imports(wali), limits=self._limits())
        stopwatch.watch(instance)
        starting.ready()
        with stopwatch("run"):
            if self.invoke is not None:
                if wali is not None and "memory" in instance.exports:
                    wali.process.bind(instance.exports["memory"])
                with wali or nullcontext():
                    return self._invoke(instance, self.invoke)
            if wali is not None:
                return wali.start(instance)
            return self._call_entry(instance)

    def _module(self) -> Module:
        return Module.from_file(self.file)

    # Linking

    def _system(self, module: Module) -> Wali | None:
        """Return the system that the module imports from, None if it imports from none."""
        from pywasmjit.inspection import detect_abi

        abi = detect_abi(module.imports)
        if abi == "wasi":
            raise Refusal(f"{self.file}: the program is made for WASI, which this version does not offer yet")
        if abi is None:
            return None
        self._import_behind_walls()
        wali = self._wali()
        if self.strace is not None or self.strace_only:
            wali.process.trace = self._trace(wali.process.policy)
        wali.process.engine_options = {name: getattr(self, name) for name in _HANDED_ON}
        return wali

    def _import_behind_walls(self) -> None:
        """Import what is needed later, when Python's files may be out of reach."""
        if self.invoke is not None:
            import pywasmjit.invocation  # noqa: F401
        if self.verbose:
            import traceback  # noqa: F401

    def _wali(self) -> Wali:
        from pywasmjit.wali.provider import Wali

        arguments = [self.argv0 or self.file, *self.args]
        return Wali(
            arguments, self._environment(), self._policy(), report=self._report, owns_process=True, walls=self.walls
        )

    def _trace(self, policy: Policy) -> Trace:
        from pywasmjit.wali.strace import Trace

        try:
            return Trace.asked_for(self.strace or "", self.strace_only or (), policy)
        except ValueError as error:
            raise Refusal(str(error), USAGE) from None

    @property
    def _report(self) -> Callable[[str], None] | None:
        return None if self.quiet else complain

    def _imports(self, wali: Wali | None) -> Any:
        linked: dict[str, Any] = {}
        for name, file in self.preload:
            linked[name] = Instance(Module.from_file(file), dict(linked), limits=self._limits()).exports
        return linked if wali is None else _Providers(linked, wali)

    def _limits(self) -> Limits:
        return Limits(memory=self.max_memory, call_depth=self.max_depth or PROGRAM_CALL_DEPTH)

    def _environment(self) -> dict[str, str]:
        chosen = dict(os.environ) if self.env_inherit else {}
        for item in self.env:
            name, equals, value = item.partition("=")
            if equals:
                chosen[name] = value
            elif name in os.environ:
                chosen[name] = os.environ[name]
        return chosen

    def _policy(self) -> Policy:
        from pywasmjit.guest.policy.policy import Policy

        if self.allow_all:
            if self.walls == "require":
                raise Refusal("--allow-all leaves nothing that walls could hold back", USAGE)
            return Policy.allow_all()
        try:
            policy = Policy.sandbox(self.dirs, self.allow)
        except ValueError as error:
            raise Refusal(str(error), USAGE) from None
        self._guard_imports(policy)
        return policy

    def _guard_imports(self, policy: Policy) -> None:
        """See to it that the program does not choose what Python imports, now or the next time."""
        searched = starting.searched_directory
        if searched is not None and (policy.writes_below(searched) or policy.makes_module(searched)):
            raise Refusal(
                "python -m looks for modules in the working directory, where the program may write;"
                " start it by `pywasmjit`, or by `python -P -m pywasmjit`",
                USAGE,
            )
        if not self.quiet:
            for directory in filter(os.path.isdir, sys.path):
                if (grant := policy.writes_below(directory)) is not None:
                    complain(
                        f"warning: the program may write in {grant.host}, and Python imports from {directory}:"
                        " what it leaves there will run with all your rights; grant less, or add :ro"
                    )
                    return

    # Calling

    def _invoke(self, instance: Instance, name: str) -> int:
        """Call an export with the program's arguments and print its results."""
        from pywasmjit.invocation import format_value, parse_value

        function = instance.exports.get(name)
        if not isinstance(function, Func):
            raise Refusal(f"no exported function {quoted(name)}; there are: {_functions(instance)}", USAGE)
        type = function.type
        if len(self.args) != len(type.params):
            wanted = f"{len(type.params)} argument{'' if len(type.params) == 1 else 's'}"
            raise Refusal(f"{name}{type} takes {wanted}, {len(self.args)} given", USAGE)
        try:
            arguments = [parse_value(text, kind) for text, kind in zip(self.args, type.params, strict=True)]
        except ValueError as error:
            raise Refusal(f"{name}{type}: {error}", USAGE) from None
        results = function.call_bits(*arguments)
        for value, kind in zip(results, type.results, strict=True):
            print(format_value(value, kind), flush=True)
        return 0

    def _call_entry(self, instance: Instance) -> int:
        """Call `_start` or `main` of a module without a system."""
        for name, types in (("_start", [FuncType()]), ("main", [FuncType(), FuncType((), ("i32",))])):
            entry = instance.exports.get(name)
            if isinstance(entry, Func) and entry.type in types:
                if self.args:
                    raise Refusal("the module imports no system that could hand arguments to it", USAGE)
                return (entry() or 0) & 255
        raise Refusal(f"{self.file}: nothing to start; call an export with --invoke: {_functions(instance)}")


def _functions(instance: Instance) -> str:
    found = [f"{shown(name)}{value.type}" for name, value in instance.exports.items() if isinstance(value, Func)]
    return ", ".join(found) or "it exports no function"


class _Providers:
    """Imports from instances that were loaded before, else from the system."""

    def __init__(self, linked: dict[str, Any], system: Any) -> None:
        self._linked = linked
        self._system = system

    def resolve_import(self, wanted: ImportType) -> object:
        if wanted.module in self._linked:
            return self._linked[wanted.module].get(wanted.name)
        return self._system.resolve_import(wanted)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Keep the garbage collector from going over what is being loaded, which lives as long as the process."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@record(slots=False)
class Stopwatch:
    """Times of the stages of a run, and what they cost."""

    stages: list[tuple[str, float, float]] = fresh(default_factory=list)
    instance: Instance | None = None

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        elapsed, used = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.stages.append((name, time.perf_counter() - elapsed, time.process_time() - used))

    def watch(self, instance: Instance) -> None:
        self.instance = instance

    def report(self) -> str:
        """Return a line for each stage, and one that says how much was compiled."""
        lines = [f"{name:<6}{wall * 1e3:10.1f} ms {cpu * 1e3:10.1f} ms CPU" for name, wall, cpu in self.stages]
        if self.instance is not None:
            module = self.instance.module
            lines.append(f"compiled {module._unit.compiled} of {len(module.syntax.bodies)} functions")
        return "\n".join(f"pywasmjit: {line}" for line in lines)
