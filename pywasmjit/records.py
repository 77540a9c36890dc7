"""Classes of named fields, as the standard library's `dataclasses` makes them, at a twentieth of the cost.

A data class compiles several methods when it is defined, half a millisecond for each class; this package has dozens,
and a small program would spend a quarter of its time on classes that it hardly uses.  Here, equality, hash and text are
closures over the names of the fields, and `__init__` alone is compiled, when the first object is made.  Type checkers
take records for data classes, and so do the functions of the module `dataclasses`, should anybody ask.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, TypeVar, dataclass_transform

_Class = TypeVar("_Class", bound=type)
_Any = TypeVar("_Any")


class _Known:
    """What is known of a record class beside its fields."""

    __slots__ = ("defaults", "frozen", "kw_only")

    def __init__(self, frozen: bool, kw_only: bool, defaults: dict[str, Any]) -> None:
        self.frozen = frozen
        self.kw_only = kw_only
        self.defaults = defaults


_NOTHING: Final = _Known(False, False, {})


class _Factory:
    """Stands for a default value that is made anew for each object."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def fresh(*, default_factory: Callable[[], Any]) -> Any:
    """Declare a field whose default is made for each object."""
    return _Factory(default_factory)


@dataclass_transform(field_specifiers=(fresh,))
def record(
    *, frozen: bool = False, slots: bool = True, eq: bool = True, kw_only: bool = False
) -> Callable[[_Class], _Class]:
    """Make the annotated names of a class its fields; the options are those of `dataclasses.dataclass`.

    A method `__post_init__` is called at the end of `__init__`.  With `slots` the class is made anew: methods must not
    use `super()` without arguments.
    """

    def define(cls: _Class) -> _Class:
        own = cls.__dict__
        names = tuple(own.get("__annotations__", ()))
        base = cls.__mro__[1]
        fields = (*getattr(base, "__match_args__", ()), *names)
        defaults = getattr(base, "_record", _NOTHING).defaults | {name: own[name] for name in names if name in own}
        methods = _methods(fields, frozen, eq)
        if slots and frozen:
            methods["__reduce__"] = lambda self: (type(self), tuple(getattr(self, name) for name in fields))
        added = {name: method for name, method in methods.items() if name not in own}
        added["__match_args__"] = fields
        added["_record"] = _Known(frozen, kw_only, defaults)
        if not slots:
            for name, value in added.items():
                setattr(cls, name, value)
            return cls
        without = {"__dict__", "__weakref__", *names}
        namespace = {name: value for name, value in own.items() if name not in without}
        return type(cls)(cls.__name__, cls.__bases__, namespace | added | {"__slots__": names})

    return define


def replace(item: _Any, **changes: Any) -> _Any:
    """Return a record like `item` but for the fields that are given."""
    names: tuple[str, ...] = type(item).__match_args__  # type: ignore[attr-defined]
    return type(item)(**{name: changes[name] if name in changes else getattr(item, name) for name in names})


def _methods(fields: tuple[str, ...], frozen: bool, eq: bool) -> dict[str, Any]:
    """Return the methods of a class with these fields."""

    def __init__(self: Any, *arguments: Any, **named: Any) -> None:
        """Make the real method, which takes the place of this one."""
        _initializer(type(self))(self, *arguments, **named)

    def __repr__(self: Any) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in fields)})"

    methods: dict[str, Any] = {"__init__": __init__, "__repr__": __repr__}
    if eq:
        values = attrgetter(*fields)

        def __eq__(self: Any, other: Any) -> Any:
            return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

        methods.update(__eq__=__eq__, __hash__=(lambda self: hash(values(self))) if frozen else None)
    if frozen:
        methods.update(__setattr__=_refuse, __delattr__=_refuse)
    methods.update(__signature__=_Signature(), __dataclass_fields__=_Fields())
    return methods


def _refuse(self: Any, name: str, *_: Any) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot change the field {name!r}")


def _initializer(cls: Any) -> Callable[..., None]:
    """Return the method `__init__` of a record class, made from text and put in place now."""
    known = cls._record
    defaults = known.defaults
    fields = cls.__match_args__
    parameters = [f"{name}=defaults[{name!r}]" if name in defaults else name for name in fields]
    if known.kw_only:
        parameters.insert(0, "*")
    lines = [f"def __init__(self, {', '.join(parameters)}):"]
    for name in fields:
        if isinstance(defaults.get(name), _Factory):
            lines.append(f"    if {name} is defaults[{name!r}]: {name} = {name}.make()")
        lines.append(f"    store(self, {name!r}, {name})" if known.frozen else f"    self.{name} = {name}")
    if hasattr(cls, "__post_init__"):
        lines.append("    self.__post_init__()")
    namespace: dict[str, Any] = {"defaults": defaults, "store": object.__setattr__, "__name__": cls.__module__}
    exec(compile("\n".join(lines), "<record>", "exec"), namespace)
    made: Callable[..., None] = namespace["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    cls.__init__ = made
    return made


def _annotations(cls: type) -> dict[str, Any]:
    """Return what is said of the types of a record's fields, in order."""
    from inspect import get_annotations

    found: dict[str, Any] = {}
    for each in reversed(cls.__mro__):
        found.update(get_annotations(each))
    return found


class _Signature:
    """A class attribute: what `help` says of the arguments."""

    def __get__(self, instance: Any, owner: type) -> Any:
        from inspect import signature

        made = _initializer(owner)
        made.__annotations__ = _annotations(owner)
        found = signature(made)
        return found.replace(parameters=list(found.parameters.values())[1:])


class _Fields:
    """A class attribute: the fields as `dataclasses` describes them, so that its functions take records too."""

    def __get__(self, instance: Any, owner: Any) -> Any:
        import dataclasses

        given = owner._record.defaults
        described: list[Any] = []
        for name, type in _annotations(owner).items():
            default = given.get(name, dataclasses.MISSING)
            if isinstance(default, _Factory):
                described.append((name, type, dataclasses.field(default_factory=default.make)))
            else:
                described.append((name, type, dataclasses.field(default=default)))
        return dataclasses.make_dataclass(owner.__name__, described, kw_only=True).__dict__["__dataclass_fields__"]
