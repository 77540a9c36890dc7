"""Run the commands of a script on an engine: one outcome for each command.

A command may need an instance that is not there: because its module needs a feature that the engine lacks, or because
something failed.  Then the command has the same outcome as what it needs, so a missing feature never looks like a
defect, nor the other way round.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from .convert import ConversionError, Converter
from .engines import Engine, Exhausted, Invalid, Malformed, Refused, Thrown, Trapped, Unlinkable, Unsupported, Verdict
from .script import (
    Action,
    AssertModule,
    AssertReturn,
    AssertStop,
    Column,
    Command,
    DefineModule,
    Get,
    InstantiateDefinition,
    ModuleSource,
    Register,
    RunAction,
    RunModule,
    Thread,
    Wait,
)
from .values import Value, show_values

THREAD_TIMEOUT_S: Final = 60.0


class Status(enum.Enum):
    PASSED = "passed"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"
    TEXT_ONLY = "text-only"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one command.

    feature: what the engine lacks, if the status is UNSUPPORTED; expected, got: for a reader, if it is FAILED;
    is_consequence: it failed because an earlier command failed.
    """

    command: Command
    status: Status
    feature: str = ""
    expected: str = ""
    got: str = ""
    is_consequence: bool = False

    @property
    def line(self) -> int:
        return self.command.line

    def __str__(self) -> str:
        return f"{self.line}: {_describe(self.command)}: expected {self.expected}, got {self.got}"


class _Unavailable(Exception):
    """Something that a command needs is not there, for the reason in `status` and `feature` or `reason`.

    is_consequence: another command failed to make it.
    """

    def __init__(self, status: Status, feature: str = "", reason: str = "", is_consequence: bool = False) -> None:
        super().__init__(status, feature, reason, is_consequence)
        self.status = status
        self.feature = feature
        self.reason = reason
        self.is_consequence = is_consequence


class _Mismatch(Exception):
    """An assertion that does not hold."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.expected = expected
        self.got = got


@dataclass
class _ThreadState:
    """A running thread of a script and the outcomes that it has had so far."""

    thread: threading.Thread
    session: Session


@dataclass
class Session:
    """The state of a script, or of one thread in it: what is called how, and the outcomes so far."""

    engine: Engine
    converter: Converter
    left_out: frozenset[int] = frozenset()
    outcomes: list[Outcome] = field(default_factory=list)
    _instances: dict[str | None, Any] = field(default_factory=dict)
    _definitions: dict[str | None, Any] = field(default_factory=dict)
    _registry: dict[str, Any] = field(default_factory=dict)
    _threads: dict[str, _ThreadState] = field(default_factory=dict)

    def run(self, commands: Iterable[Command]) -> None:
        """Run commands in their order and keep their outcomes; None of them raises."""
        for command in commands:
            outcome = self._outcome(command)
            if outcome.status is Status.FAILED and self.engine.missing_proposal:
                outcome = Outcome(command, Status.UNSUPPORTED, self.engine.missing_proposal)
            self.outcomes.append(outcome)
        for name in [*self._threads]:
            self._join(name)

    def _outcome(self, command: Command) -> Outcome:
        if command.line in self.left_out:
            return Outcome(command, Status.LEFT_OUT)
        if command.column is Column.TEXT_ONLY:
            return Outcome(command, Status.TEXT_ONLY)
        try:
            _RUN[type(command)](self, command)
        except _Mismatch as mismatch:
            return Outcome(command, Status.FAILED, expected=mismatch.expected, got=mismatch.got)
        except Unsupported as missing:
            return Outcome(command, Status.UNSUPPORTED, missing.message)
        except _Unavailable as reason:
            return Outcome(
                command, reason.status, reason.feature, "what it needs", reason.reason, reason.is_consequence
            )
        except Exception as error:  # whatever escapes from the engine is an outcome, and the rest of the script goes on
            return Outcome(command, Status.FAILED, expected="no such error", got=_show_error(error))
        return Outcome(command, Status.PASSED)

    # Modules and instances

    def _compile(self, source: ModuleSource) -> Any:
        try:
            data = self.converter.binary(source)
        except ConversionError as error:
            raise _Unavailable(Status.FAILED, reason=f"text that wat2wasm refuses: {error}") from None
        return self.engine.compile(data)

    def _instantiate(self, module: Any) -> Any:
        names = self.engine.import_modules(module)
        imports = {name: self._registry[name] for name in self._registry}
        for name in names & imports.keys():
            _available(imports[name])
        usable = {name: instance for name, instance in imports.items() if not isinstance(instance, _Unavailable)}
        return self.engine.instantiate(module, usable)

    def _keep(self, table: dict[str | None, Any], name: str | None, make: Callable[[], Any], line: int) -> None:
        """Put what `make` returns into a table, as the latest and by name; the reason, if it fails."""
        kept: Any = _Unavailable(Status.FAILED, reason=f"the module in line {line} failed")
        try:
            kept = make()
        except (Unsupported, _Unavailable) as error:
            kept = _reason(error)
            raise
        except Exception as error:
            raise _Mismatch("a module that works", _show_error(error)) from error
        finally:
            table[None] = kept
            if name is not None:
                table[name] = kept

    def _define(self, command: DefineModule) -> None:
        source = command.source
        self._keep(self._definitions, source.name, lambda: self._compile(source), command.line)

    def _instantiate_definition(self, command: InstantiateDefinition) -> None:
        definition = _find(self._definitions, command.definition)
        self._keep(self._instances, command.name, lambda: self._instantiate(_available(definition)), command.line)

    def _run_module(self, command: RunModule) -> None:
        source = command.source
        self._keep(self._instances, source.name, lambda: self._instantiate(self._compile(source)), command.line)

    def _register(self, command: Register) -> None:
        self._registry[command.module] = _find(self._instances, command.name)
        _available(self._registry[command.module])

    # Actions and assertions about them

    def _act(self, action: Action) -> tuple[Value, ...]:
        instance = _available(_find(self._instances, action.module))
        if isinstance(action, Get):
            return (self.engine.get(instance, action.export),)
        return self.engine.invoke(instance, action.export, action.arguments)

    def _run_action(self, command: RunAction) -> None:
        self._act(command.action)

    def _assert_return(self, command: AssertReturn) -> None:
        patterns = command.patterns
        expected = " ".join(map(str, patterns)) or "nothing"
        try:
            values = self._act(command.action)
        except Unsupported:
            raise
        except Verdict as verdict:
            raise _Mismatch(expected, str(verdict)) from verdict
        kind_of = self.engine.kind_of
        if len(values) != len(patterns) or not all(
            pattern.matches(value, kind_of) for pattern, value in zip(patterns, values, strict=True)
        ):
            raise _Mismatch(expected, show_values(values))

    def _assert_stop(self, command: AssertStop) -> None:
        wanted = _STOPS[command.column]
        expected = f"{wanted.__name__}: {command.message}"
        try:
            values = self._act(command.action)
        except wanted as verdict:
            if not _agree(command.message, verdict.message):
                raise _Mismatch(expected, str(verdict)) from verdict
        except Unsupported:
            raise
        except Verdict as verdict:
            raise _Mismatch(expected, str(verdict)) from verdict
        else:
            raise _Mismatch(expected, show_values(values))

    # Assertions about modules

    def _assert_module(self, command: AssertModule) -> None:
        check = self._assert_refused if command.column in _REFUSALS else self._assert_not_instantiable
        check(command)

    def _assert_refused(self, command: AssertModule) -> None:
        wanted = _REFUSALS[command.column]
        expected = f"{wanted.__name__}: {command.message}"
        try:
            self._compile(command.source)
        except Refused as verdict:
            if not isinstance(verdict, wanted) and type(verdict) is not Refused:
                raise _Mismatch(expected, str(verdict)) from verdict
        else:
            raise _Mismatch(expected, "a module")

    def _assert_not_instantiable(self, command: AssertModule) -> None:
        is_link = command.column is Column.UNLINKABLE
        expected = f"{'Unlinkable' if is_link else 'Trapped'}: {command.message}"
        try:
            module = self._compile(command.source)
        except Refused as verdict:
            raise _Mismatch(expected, str(verdict)) from verdict
        try:
            self._instantiate(module)
        except Unlinkable as verdict:
            if not is_link:
                raise _Mismatch(expected, str(verdict)) from verdict
        except (Trapped, Exhausted, Thrown) as verdict:
            if is_link or not _agree(command.message, verdict.message):
                raise _Mismatch(expected, str(verdict)) from verdict
        else:
            raise _Mismatch(expected, "an instance")

    # Threads

    def _start_thread(self, command: Thread) -> None:
        engine = self.engine.new_thread()
        session = Session(engine, self.converter, self.left_out)
        for name in command.shared:
            instance = _find(self._instances, name)
            if not isinstance(instance, _Unavailable):
                instance = self.engine.share(instance, engine)
            session._instances[name] = instance
        thread = threading.Thread(target=session.run, args=(command.commands,), daemon=True)
        self._threads[command.name] = _ThreadState(thread, session)
        thread.start()

    def _wait(self, command: Wait) -> None:
        if command.name in self._threads and not self._join(command.name):
            raise _Mismatch("the end of the thread", f"none within {THREAD_TIMEOUT_S:g} s")

    def _join(self, name: str) -> bool:
        """Wait for a thread and take over its outcomes; False if it does not end."""
        state = self._threads.pop(name)
        state.thread.join(THREAD_TIMEOUT_S)
        self.outcomes += [*state.session.outcomes]
        return not state.thread.is_alive()


_RUN: Final[Mapping[type, Callable[[Session, Any], None]]] = {
    DefineModule: Session._define,
    InstantiateDefinition: Session._instantiate_definition,
    RunModule: Session._run_module,
    Register: Session._register,
    RunAction: Session._run_action,
    AssertReturn: Session._assert_return,
    AssertStop: Session._assert_stop,
    AssertModule: Session._assert_module,
    Thread: Session._start_thread,
    Wait: Session._wait,
}
_STOPS: Final[Mapping[Column, type[Verdict]]] = {
    Column.TRAP: Trapped,
    Column.EXHAUSTION: Exhausted,
    Column.EXCEPTION: Thrown,
}
_REFUSALS: Final[Mapping[Column, type[Verdict]]] = {Column.INVALID: Invalid, Column.MALFORMED: Malformed}


def _find(table: Mapping[str | None, Any], name: str | None) -> Any:
    return table.get(name, _Unavailable(Status.FAILED, reason=f"no module {name or 'before'}"))


def _available(entry: Any) -> Any:
    """Return an entry of a table; raise the reason why there is none."""
    if isinstance(entry, _Unavailable):
        raise _Unavailable(entry.status, entry.feature, entry.reason, True)
    return entry


def _reason(error: Unsupported | _Unavailable) -> _Unavailable:
    """Return a fresh exception for an old reason: one that is raised again would gather tracebacks."""
    if isinstance(error, Unsupported):
        return _Unavailable(Status.UNSUPPORTED, error.message)
    return _Unavailable(error.status, error.feature, error.reason, error.is_consequence)


def _agree(expected: str, got: str) -> bool:
    """Tell whether two wordings of a trap say the same: one begins with the other."""
    return got.startswith(expected) or expected.startswith(got)


def _show_error(error: Exception) -> str:
    return str(error) if isinstance(error, Verdict) else f"{type(error).__name__}: {error}"


def _describe(command: Command) -> str:
    """Return a command's kind, with the action if it has one."""
    action = f" ({command.action})" if isinstance(command, RunAction | AssertReturn | AssertStop) else ""
    return f"{command.column.value}{action}"
