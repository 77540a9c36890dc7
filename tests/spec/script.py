"""Commands of a script, as data: what to do, in which line, and what is expected.

Each command knows the `Column` of the table under which it counts.  What a module's text says is not looked into: a
`ModuleSource` holds the text, cut out of the script, for someone else to convert.

Spec: the script grammar of the reference interpreter.
"""

from __future__ import annotations

import enum
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from .lexer import ScriptError
from .sexpr import Atom, List, Node, Reader, parse
from .values import Pattern, Value, read_argument, read_pattern


class Column(enum.Enum):
    """The kinds of commands that are counted apart; the value is the heading in the specification folder's README."""

    MODULE = "modules"
    ACTION = "actions"
    RETURN = "return"
    TRAP = "trap"
    EXHAUSTION = "exhaust."
    EXCEPTION = "except."
    INVALID = "invalid"
    MALFORMED = "malf. bin"
    TEXT_ONLY = "text-only"
    UNLINKABLE = "unlink."
    UNINSTANTIABLE = "uninst."
    OTHER = "other"

    @property
    def is_assertion(self) -> bool:
        return self not in (Column.MODULE, Column.ACTION, Column.OTHER)


class Format(enum.Enum):
    """How a script gives a module."""

    TEXT = "text"
    BINARY = "binary"
    QUOTE = "quote"


@dataclass(frozen=True, slots=True)
class ModuleSource:
    """A module in a script.

    name: its identifier; content: the bytes of the binary format, or of a text, which may lack its `(module ...)`.
    """

    name: str | None
    format: Format
    content: bytes


@dataclass(frozen=True, slots=True)
class Invoke:
    """Call the function exported as `export`; module: identifier, None for the latest."""

    module: str | None
    export: str
    arguments: tuple[Value, ...]

    def __str__(self) -> str:
        return f"invoke {self.export!r}"


@dataclass(frozen=True, slots=True)
class Get:
    """Read the global exported as `export`; module: identifier, None for the latest."""

    module: str | None
    export: str

    def __str__(self) -> str:
        return f"get {self.export!r}"


Action: TypeAlias = Invoke | Get


@dataclass(frozen=True, slots=True)
class DefineModule:
    """Compile a module, without an instance."""

    line: int
    source: ModuleSource
    column: Column = Column.OTHER


@dataclass(frozen=True, slots=True)
class InstantiateDefinition:
    """Make an instance, called `name`, of the definition `definition` (None: the latest)."""

    line: int
    name: str | None
    definition: str | None
    column: Column = Column.OTHER


@dataclass(frozen=True, slots=True)
class RunModule:
    """Compile a module and make its instance the current one."""

    line: int
    source: ModuleSource
    column: Column = Column.MODULE


@dataclass(frozen=True, slots=True)
class Register:
    """Offer the exports of an instance (None: the latest) for import under `module`."""

    line: int
    module: str
    name: str | None
    column: Column = Column.OTHER


@dataclass(frozen=True, slots=True)
class RunAction:
    """Do something and ignore its results."""

    line: int
    action: Action
    column: Column = Column.ACTION


@dataclass(frozen=True, slots=True)
class AssertReturn:
    """Expect results, one pattern each."""

    line: int
    action: Action
    patterns: tuple[Pattern, ...]
    column: Column = Column.RETURN


@dataclass(frozen=True, slots=True)
class AssertStop:
    """Expect that an action ends by a trap, an exhausted stack or an exception; the column says which."""

    line: int
    action: Action
    message: str
    column: Column


@dataclass(frozen=True, slots=True)
class AssertModule:
    """Expect that a module is refused: at which stage is said by the column."""

    line: int
    source: ModuleSource
    message: str
    column: Column


@dataclass(frozen=True, slots=True)
class Thread:
    """Run commands in a thread of their own, which sees the instances `shared` and nothing else."""

    line: int
    name: str
    shared: tuple[str, ...]
    commands: tuple[Command, ...]
    column: Column = Column.OTHER


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for the end of a thread."""

    line: int
    name: str
    column: Column = Column.OTHER


Command: TypeAlias = (
    DefineModule
    | InstantiateDefinition
    | RunModule
    | Register
    | RunAction
    | AssertReturn
    | AssertStop
    | AssertModule
    | Thread
    | Wait
)


def read_script(path: Path) -> list[Command]:
    """Return the commands of a file; ScriptError, with the file and line in its message, if it cannot be read."""
    source = path.read_bytes().decode("latin-1")
    reader = _ScriptReader(source)
    try:
        return reader.commands(parse(source))
    except ScriptError as error:
        raise ScriptError(f"{path.name}:{reader.line(error.offset)}: {error}", error.offset) from None


def flatten(commands: list[Command] | tuple[Command, ...]) -> list[Command]:
    """Return the commands, those of threads behind the thread that they belong to."""
    found: list[Command] = []
    for command in commands:
        found.append(command)
        if isinstance(command, Thread):
            found += flatten(command.commands)
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


class _ScriptReader:
    """Turns the trees of one source into commands."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._line_ends = [n for n, character in enumerate(source) if character == "\n"]

    def line(self, offset: int) -> int:
        """Return the line, from 1, of an offset."""
        return bisect_left(self._line_ends, offset) + 1

    def commands(self, nodes: list[Node]) -> list[Command]:
        """Return the commands of a script; bare module fields are one module."""
        if nodes and isinstance(nodes[0], List) and nodes[0].head not in _READERS:
            return [RunModule(1, ModuleSource(None, Format.TEXT, self._source.encode("latin-1")))]
        return [self._command(node) for node in nodes]

    def _command(self, node: Node) -> Command:
        if isinstance(node, Atom) or node.head not in _READERS:
            raise ScriptError("unknown command", node.start)
        return _READERS[node.head](self, node)

    def _module_command(self, node: List) -> Command:
        line = self.line(node.start)
        reader = node.reader()
        if reader.word("instance"):
            return InstantiateDefinition(line, reader.identifier(), reader.identifier())
        source = self._module(node)
        return DefineModule(line, source) if reader.word("definition") else RunModule(line, source)

    def _module(self, node: List) -> ModuleSource:
        """Return a module's source, `definition` left out."""
        reader = node.reader()
        start = (reader.word("definition") or node.items[0]).end
        name = reader.identifier()
        if word := reader.word("binary", "quote"):
            content = b"".join(_string(item) for item in reader.rest())
            return ModuleSource(name, Format(word.text), content)
        return ModuleSource(name, Format.TEXT, b"(module" + self._source[start : node.end].encode("latin-1"))

    def _action(self, node: List) -> Action:
        reader = node.reader()
        module = reader.identifier()
        export = _text(reader.string())
        if node.head == "get":
            return Get(module, export)
        return Invoke(module, export, tuple(read_argument(_list(item)) for item in reader.rest()))

    def _register(self, node: List) -> Command:
        reader = node.reader()
        return Register(self.line(node.start), _text(reader.string()), reader.identifier())

    def _run_action(self, node: List) -> Command:
        return RunAction(self.line(node.start), self._action(node))

    def _assert_return(self, node: List) -> Command:
        reader = node.reader()
        action = self._action(reader.list("invoke", "get"))
        return AssertReturn(self.line(node.start), action, tuple(read_pattern(_list(item)) for item in reader.rest()))

    def _assert_stop(self, node: List) -> Command:
        reader = node.reader()
        subject = reader.list("invoke", "get", "module")
        message = "" if reader.peek() is None else _text(reader.string())
        line = self.line(node.start)
        if subject.head == "module":
            return AssertModule(line, self._module(subject), message, Column.UNINSTANTIABLE)
        return AssertStop(line, self._action(subject), message, _STOPS[node.head])

    def _assert_module(self, node: List) -> Command:
        reader = node.reader()
        source = self._module(reader.list("module"))
        column = _REFUSALS[node.head]
        if column is Column.MALFORMED and source.format is not Format.BINARY:
            column = Column.TEXT_ONLY
        return AssertModule(self.line(node.start), source, _text(reader.string()), column)

    def _thread(self, node: List) -> Command:
        reader = node.reader()
        name = reader.identifier() or ""
        rest = [_list(item) for item in reader.rest()]
        shared = [item for item in rest if item.head == "shared"]
        names = tuple(name for item in shared for name in self._shared(item))
        commands = tuple(self._command(item) for item in rest if item.head != "shared")
        return Thread(self.line(node.start), name, names, commands)

    def _shared(self, node: List) -> list[str]:
        names = [_list(item).reader().identifier() for item in node.items[1:]]
        return [name for name in names if name is not None]

    def _wait(self, node: List) -> Command:
        return Wait(self.line(node.start), node.reader().identifier() or "")


_READERS: Final[dict[str, Callable[[_ScriptReader, List], Command]]] = {
    "module": _ScriptReader._module_command,
    "register": _ScriptReader._register,
    "invoke": _ScriptReader._run_action,
    "get": _ScriptReader._run_action,
    "assert_return": _ScriptReader._assert_return,
    "assert_trap": _ScriptReader._assert_stop,
    "assert_exhaustion": _ScriptReader._assert_stop,
    "assert_exception": _ScriptReader._assert_stop,
    "assert_invalid": _ScriptReader._assert_module,
    "assert_malformed": _ScriptReader._assert_module,
    "assert_unlinkable": _ScriptReader._assert_module,
    "assert_uninstantiable": _ScriptReader._assert_module,
    "assert_malformed_custom": _ScriptReader._assert_module,
    "assert_invalid_custom": _ScriptReader._assert_module,
    "thread": _ScriptReader._thread,
    "wait": _ScriptReader._wait,
}
_STOPS: Final = {
    "assert_trap": Column.TRAP,
    "assert_exhaustion": Column.EXHAUSTION,
    "assert_exception": Column.EXCEPTION,
}
_REFUSALS: Final = {
    "assert_invalid": Column.INVALID,
    "assert_malformed": Column.MALFORMED,
    "assert_unlinkable": Column.UNLINKABLE,
    "assert_uninstantiable": Column.UNINSTANTIABLE,
    "assert_malformed_custom": Column.TEXT_ONLY,
    "assert_invalid_custom": Column.TEXT_ONLY,
}


def _list(node: Node) -> List:
    return Reader(List([node], node.start, node.end)).list()


def _string(node: Node) -> bytes:
    return Reader(List([node], node.start, node.end)).string()
