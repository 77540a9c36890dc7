"""Functions at the border: exports that the host calls, host functions that Wasm calls.

Inside the engine a function is a plain Python function over values in engine
form.  `Func` is what the host holds.  The code that crosses the border is made
from source text, once for each function type: checks and conversions are then
straight lines of Python.

A call from the host counts itself in a cell of its thread (`depth.entries`),
because each one that comes from within a guest uses stack of the C language.
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Callable
from functools import lru_cache
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pywasmjit.errors import StackExhausted
from pywasmjit.runtime import values
from pywasmjit.runtime.depth import ENTRY_LIMIT, entries, entry_cell
from pywasmjit.runtime.traps import translate
from pywasmjit.wasm.types import FuncType, ValType

if TYPE_CHECKING:
    from inspect import Signature

    from pywasmjit.codegen.conventions import Conventions


class SafePoint(NamedTuple):
    """How a provider interrupts loops where CPython does not: of threads other than its main one, most of all.

    Modules that can start threads test `alerted` at every loop edge, and call `look_up` while it is true.  The list is
    emptied by whoever is done, and never replaced.
    """

    alerted: list[bool]
    look_up: Callable[[], object]


class Direct(NamedTuple):
    """An import that takes and returns values in engine form and is called by compiled code without conversion.

    For providers such as WALI that know what they do: results are not checked.
    A plain Python function is best; its frame is the host's in tracebacks.
    """

    callable: Callable[..., Any]
    returns_twice: Callable[..., Any] | None = None
    """For `setjmp` and its like: what compiled code calls instead, with (activation, site, stack pointer) in front.

    It notes the three where a later jump finds them (see `runtime.jumps`), and returns what the plain call would.
    """
    safe_point: SafePoint | None = None
    """For what starts threads: how their loops are interrupted."""
    conventions: Conventions | None = None
    """What the interface that it belongs to agrees on with its guests, if anything."""


_CALL_TEXT: Final = """
def __call__(self{comma}{parameters}):
{checks}
    cell = entries.get(get_ident()) or entry_cell()
    depth = cell[0]
    if depth >= {limit}:
        raise StackExhausted("host and guest call each other more than {limit} levels deep")
    cell[0] = depth + 1
    try:
        result = self.function({parameters})
    except BaseException as error:
        cell[0] = depth
        trap = translate(error)
        if trap is None:
            raise
        raise trap.with_traceback(error.__traceback__) from None
    cell[0] = depth
    return {result}
"""

_INT_CHECK: Final = """\
    if type({0}) is not int or not {low} <= {0} <= {high}:
        {0} = to_{type}({0})
    else:
        {0} &= {high}"""


def _check(type: ValType, name: str) -> str:
    """Return the lines that bring the argument `name` into engine form."""
    if type == "i32" or type == "i64":
        bits = int(type[1:])
        return _INT_CHECK.format(name, type=type, low=-(1 << (bits - 1)), high=(1 << bits) - 1)
    if type == "f64":
        return f"    if type({name}) is not float:\n        {name} = to_f64({name})"
    if type == "f32":
        return f"    {name} = to_f32({name})"
    convert = values.to_engine(type)
    return "" if convert is values.same else f"    {name} = to_funcref({name})"


def _host_form(type: ValType, text: str) -> str:
    """Return an expression for the host form of an engine value."""
    if type == "i32":
        return f"({text} ^ 0x80000000) - 0x80000000"
    if type == "i64":
        return f"({text} ^ 0x8000000000000000) - 0x8000000000000000"
    return text if values.from_engine(type) is values.same else f"from_funcref({text})"


_NAMES: Final[dict[str, Any]] = {
    "entries": entries,
    "entry_cell": entry_cell,
    "get_ident": get_ident,
    "translate": translate,
    "StackExhausted": StackExhausted,
    "to_i32": values.to_i32,
    "to_i64": values.to_i64,
    "to_f32": values.to_f32,
    "to_f64": values.to_f64,
    "to_funcref": values.to_funcref,
    "from_funcref": values.from_funcref,
}


def _define(text: str, name: str, filename: str) -> Any:
    namespace = dict(_NAMES)
    exec(compile(text, filename, "exec"), namespace)
    return namespace[name]


class Func:
    """A WebAssembly function as the host holds it; call it like any Python function.

    type: its FuncType.  `Func(type, callable)` makes one of a host callable,
    to be shared between instances or put into tables.
    """

    __slots__ = ("__name__", "__weakref__", "function", "type")

    __name__: str
    function: FunctionType
    type: FuncType

    def __new__(cls, type: FuncType, callable: Callable[..., Any], name: str | None = None) -> Func:
        """Return a Func of a host callable, which takes and returns host values."""
        return wrap(type, adapt(type, callable), name or str(getattr(callable, "__name__", "host function")))

    def __call__(self, *arguments: Any) -> Any:
        """Call with host values; replaced by code made for the type (see `_class_of`)."""
        raise AssertionError("a Func is made by wrap()")

    def call_bits(self, *arguments: Any) -> tuple[Any, ...]:
        """Call with bits: unsigned ints for numbers, objects for references; always return a tuple of bits.

        Every NaN arrives exactly.  Raises as a plain call does.
        """
        params, results = self.type.params, self.type.results
        if len(arguments) != len(params):
            raise TypeError(f"{self.__name__}() takes {len(params)} arguments ({len(arguments)} given)")
        raw = call_raw(self, [values.from_bits(type)(value) for type, value in zip(params, arguments, strict=True)])
        if not results:
            return ()
        found = raw if len(results) > 1 else (raw,)
        return tuple(values.to_bits(type)(value) for type, value in zip(results, found, strict=True))

    @property
    def __signature__(self) -> Signature:
        from inspect import Parameter, Signature

        kind = Parameter.POSITIONAL_ONLY
        parameters = [Parameter(f"arg{n}", kind, annotation=str(type)) for n, type in enumerate(self.type.params)]
        results = ", ".join(map(str, self.type.results))
        return Signature(parameters, return_annotation=f"({results})" if results else None)

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return f"WebAssembly function {self.__name__}: {self.type}"

    def __repr__(self) -> str:
        return f"<Func {self.__name__}: {self.type}>"

    def __reduce__(self) -> Any:
        raise TypeError("a WebAssembly function belongs to a live instance and cannot be pickled")


def call_raw(func: Func, arguments: list[Any]) -> Any:
    """Call with values in engine form; return the engine's result (None, a value, or a tuple)."""
    cell = entries.get(get_ident()) or entry_cell()
    depth = cell[0]
    if depth >= ENTRY_LIMIT:
        raise StackExhausted(f"host and guest call each other more than {ENTRY_LIMIT} levels deep")
    cell[0] = depth + 1
    try:
        result = func.function(*arguments)
    except BaseException as error:
        cell[0] = depth
        trap = translate(error)
        if trap is None:
            raise
        raise trap.with_traceback(error.__traceback__) from None
    cell[0] = depth
    return result


@lru_cache(maxsize=1024)
def _class_of(type: FuncType) -> type[Func]:
    """Return the subclass of Func whose `__call__` is made for the type."""
    names = [f"arg{n}" for n in range(len(type.params))]
    parameters = ", ".join(names)
    results = [_host_form(t, f"result[{n}]" if len(type.results) > 1 else "result") for n, t in enumerate(type.results)]
    text = _CALL_TEXT.format(
        comma=", " if names else "",
        parameters=parameters,
        checks="\n".join(_check(t, name) for t, name in zip(type.params, names, strict=True)) or "    pass",
        limit=ENTRY_LIMIT,
        result="None" if not results else results[0] if len(results) == 1 else f"({', '.join(results)})",
    )

    def first_call(self: Func, *arguments: Any) -> Any:
        """Make the code for the type when somebody calls: a table's elements have many types that nobody does."""
        call = made.__call__ = _define(text, "__call__", "<call from the host>")
        return call(self, *arguments)

    made: Any = _metaclass("Func", (Func,), {"__slots__": (), "__call__": first_call, "__module__": Func.__module__})
    return made  # type: ignore[no-any-return]


_metaclass: Final[Any] = type(Func)


def wrap(type: FuncType, function: FunctionType, name: str) -> Func:
    """Return the Func of an engine function, made on first use; later calls return the same one."""
    known = function.__dict__.get(values.FUNCTION_ATTRIBUTE)
    if known is not None:
        return known  # type: ignore[no-any-return]
    func: Func = object.__new__(_class_of(type))
    func.function = function  # type: ignore[assignment]  # an attribute, though it looks like a method
    func.type = type
    func.__name__ = name
    winner: Func = function.__dict__.setdefault(values.FUNCTION_ATTRIBUTE, func)
    return winner


# --------------------------------------------------------------------------- host functions


_ADAPTER_TEXT: Final = """
def make(callable, multiple):
    def host_function({parameters}):
        {target}callable({arguments})
{conversion}
    return host_function
"""

_INT_RESULT: Final = """\
        if type({0}) is int and {low} <= {0} <= {high}:
            {0} &= {high}
        else:
            {0} = to_{type}({0})"""


def _result(type: ValType, name: str) -> str:
    """Return the lines that bring a host function's result into engine form."""
    if type == "i32" or type == "i64":
        bits = int(type[1:])
        return _INT_RESULT.format(name, type=type, low=-(1 << (bits - 1)), high=(1 << bits) - 1)
    lines = _check(type, name).splitlines()
    return "\n".join("    " + line for line in lines)


@lru_cache(maxsize=1024)
def _adapter_maker(type: FuncType) -> Callable[..., FunctionType]:
    names = [f"arg{n}" for n in range(len(type.params))]
    results = [f"result{n}" for n in range(len(type.results))]
    lines = [_result(t, name) for t, name in zip(type.results, results, strict=True)]
    if results:
        lines.append(f"        return {results[0] if len(results) == 1 else '(' + ', '.join(results) + ')'}")
    target = "" if not results else "result0 = " if len(results) == 1 else "results = multiple("
    arguments = ", ".join(_host_form(t, name) for t, name in zip(type.params, names, strict=True))
    if len(results) > 1:
        lines.insert(0, f"        {', '.join(results)} = results")
    text = _ADAPTER_TEXT.format(
        parameters=", ".join(names),
        arguments=arguments + ")" if len(results) > 1 else arguments,
        target=target,
        conversion="\n".join(line for line in lines if line),
    )
    if len(results) > 1:
        text = text.replace("results = multiple(callable(", f"results = multiple({len(results)}, callable(", 1)
    return _define(text, "make", "<call of the host>")  # type: ignore[no-any-return]


def _several(count: int, results: Any) -> tuple[Any, ...]:
    """Check that a host function returned the tuple that its type wants."""
    found = tuple(results)
    if len(found) != count:
        raise TypeError(f"a host function must return {count} results, not {len(found)}")
    return found


def adapt(type: FuncType, callable: Callable[..., Any]) -> FunctionType:
    """Return the engine function that calls a host callable with host values."""
    return _adapter_maker(type)(callable, _several)


@lru_cache(maxsize=1024)
def _forwarder_maker(count: int) -> Callable[..., FunctionType]:
    names = ", ".join(f"arg{n}" for n in range(count))
    text = f"def make(callable):\n    def forward({names}):\n        return callable({names})\n    return forward\n"
    return _define(text, "make", "<call of the host>")  # type: ignore[no-any-return]


def forward(type: FuncType, callable: Callable[..., Any]) -> FunctionType:
    """Return a Python function of its own identity that calls an engine-form callable."""
    return _forwarder_maker(len(type.params))(callable)


def host(*, caller: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare how a host function is called.

    caller: pass the calling instance as the first argument.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__wasm_caller__ = caller  # type: ignore[attr-defined]
        return function

    return declare
