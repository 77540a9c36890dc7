"""The engine under test, behind one small interface: the runner knows no other.

An engine answers with Python values (see `values`) or by raising one of the verdicts below.  Whatever else it raises is
a defect of the engine, and the runner reports it as such.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from .values import HostReference, Value


class Verdict(Exception):
    """Root of what an engine may answer instead of a value; `message` in the engine's own words."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return f"{type(self).__name__}: {self.message}"


class Refused(Verdict):
    """The module is wrong; an engine that tells the two kinds apart raises one of the subclasses."""


class Malformed(Refused):
    """The bytes are no module."""


class Invalid(Refused):
    """The module breaks a rule of validation."""


class Unsupported(Verdict):
    """The module needs a feature that the engine does not have; `message` is the feature's name."""


class Unlinkable(Verdict):
    """An import is missing or does not fit."""


class Trapped(Verdict):
    """The guest trapped."""


class Exhausted(Verdict):
    """The guest's stack is exhausted."""


class Thrown(Verdict):
    """An exception of the guest was not caught."""


class Engine(Protocol):
    """A store's worth of an engine; a thread of a script has one of its own.

    Modules and instances are the engine's own objects.  missing_proposal: the name of the proposal that the script is
    about, if the engine has never heard of it; else "".
    """

    missing_proposal: str

    def compile(self, data: bytes) -> Any:
        """Return a module.  Raises Refused, Unsupported."""

    def import_modules(self, module: Any) -> set[str]:
        """Return the names of the modules that a module imports from."""

    def instantiate(self, module: Any, registry: Mapping[str, Any]) -> Any:
        """Return an instance; registry: instances by name, without `spectest`.  Raises Unlinkable, Trapped, ..."""

    def invoke(self, instance: Any, export: str, arguments: tuple[Value, ...]) -> tuple[Value, ...]:
        """Return the results of an exported function.  Raises Trapped, Exhausted, Thrown."""

    def get(self, instance: Any, export: str) -> Value:
        """Return the value of an exported global."""

    def kind_of(self, reference: object) -> str:
        """Return the kind of a reference, as in `values.KindOf`."""

    def new_thread(self) -> Engine:
        """Return the engine for a thread of the script."""

    def share(self, instance: Any, thread: Engine) -> Any:
        """Return what `thread` may use of an instance of this engine."""


class Pywasmjit:
    """This project's engine, through its public interface; proposal: what is to be on beside WebAssembly 3.0."""

    def __init__(self, proposal: str = "") -> None:
        import pywasmjit

        self._api = pywasmjit
        self._proposal = proposal
        self._features = pywasmjit.Features.default()
        is_known = not proposal or hasattr(self._features, proposal.replace("-", "_"))
        self.missing_proposal = "" if is_known else proposal
        if proposal and is_known:
            self._features = dataclasses.replace(self._features, **{proposal.replace("-", "_"): True})
        self._spectest: dict[str, object] = self._make_spectest()

    def compile(self, data: bytes) -> Any:
        with self._verdicts():
            return self._api.Module(data, features=self._features)

    def import_modules(self, module: Any) -> set[str]:
        return {item.module for item in module.imports}

    def instantiate(self, module: Any, registry: Mapping[str, Any]) -> Any:
        imports: dict[str, object] = {name: instance.exports for name, instance in registry.items()}
        with self._verdicts():
            return self._api.Instance(module, {"spectest": self._spectest, **imports})

    def invoke(self, instance: Any, export: str, arguments: tuple[Value, ...]) -> tuple[Value, ...]:
        with self._verdicts():
            results: tuple[Value, ...] = instance.exports[export].call_bits(*arguments)
            return results

    def get(self, instance: Any, export: str) -> Value:
        with self._verdicts():
            bits: Value = instance.exports[export].bits
            return bits

    def kind_of(self, reference: object) -> str:
        if isinstance(reference, HostReference):
            return "extern"
        if isinstance(reference, self._api.Func):
            return "func"
        kind = getattr(reference, "kind", "")
        return kind if isinstance(kind, str) else ""

    def new_thread(self) -> Engine:
        return Pywasmjit(self._proposal)

    def share(self, instance: Any, thread: Engine) -> Any:
        return instance

    @contextmanager
    def _verdicts(self) -> Iterator[None]:
        from pywasmjit import errors

        try:
            yield
        except errors.UnsupportedFeature as error:
            raise Unsupported(error.feature) from error
        except errors.MalformedError as error:
            raise Malformed(str(error)) from error
        except errors.ValidationError as error:
            raise Invalid(str(error)) from error
        except errors.LinkError as error:
            raise Unlinkable(str(error)) from error
        except errors.StackExhausted as error:
            raise Exhausted(str(error)) from error
        except errors.Trap as error:
            raise Trapped(str(error)) from error
        except errors.WasmError as error:
            if type(error).__name__ != "WasmException":
                raise
            raise Thrown(str(error)) from error

    def _make_spectest(self) -> dict[str, object]:
        """Return the host module of the scripts.  Its 64-bit table is missing as long as the engine has none."""
        api = self._api
        printers: dict[str, tuple[str, ...]] = {
            "print": (),
            "print_i32": ("i32",),
            "print_i64": ("i64",),
            "print_f32": ("f32",),
            "print_f64": ("f64",),
            "print_i32_f32": ("i32", "f32"),
            "print_f64_f64": ("f64", "f64"),
        }
        return {
            **{name: api.Func(api.FuncType(params, ()), _ignore) for name, params in printers.items()},
            "global_i32": api.Global("i32", 666),
            "global_i64": api.Global("i64", 666),
            "global_f32": api.Global("f32", 666.6),
            "global_f64": api.Global("f64", 666.6),
            "table": api.Table("funcref", 10, 20),
            "memory": api.Memory(1, 2),
            "shared_memory": api.Memory(1, 2, shared=True),
        }


def _ignore(*arguments: object) -> None:
    """Stand for the printing functions: nobody reads what they print."""
