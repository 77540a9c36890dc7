"""The library as its users see it: modules, instances, and ways to make them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any
from zlib import crc32

from pywasmjit.codegen.unit import CompilationUnit
from pywasmjit.display import shown
from pywasmjit.errors import CompileError
from pywasmjit.runtime import instance as _instance
from pywasmjit.runtime.deadlines import deadline
from pywasmjit.runtime.limits import Limits
from pywasmjit.wasm.decoder import decode
from pywasmjit.wasm.features import Features
from pywasmjit.wasm.module import ModuleSyntax
from pywasmjit.wasm.types import ExportType, ImportType
from pywasmjit.wasm.validator import validate as _validate


class Module:
    """A decoded and validated module; its functions compile when first called.

    data: the binary format, any bytes-like object.  features: what the module
    may use, by default WebAssembly 3.0 as far as this version runs it.
    lazy=False compiles all functions at once.  cache: whether compiled code may be
    kept on disk; this version keeps none.  name: for tracebacks, by default
    what the name section says.
    Raises MalformedError, ValidationError, UnsupportedFeature, ResourceLimit.

    Modules hold no live state: they can be shared, instantiated any number of
    times from any thread, and pickled.
    """

    def __init__(
        self,
        data: bytes | bytearray | memoryview,
        *,
        features: Features | None = None,
        lazy: bool = True,
        cache: bool = True,
        name: str | None = None,
    ) -> None:
        self._features = features or Features.default()
        self._syntax = _decode_and_validate(bytes(data), self._features)
        self._cache = cache
        self.name = name or shown(self._syntax.module_name or "") or f"wasm-{crc32(self._syntax.data):08x}"
        self._unit = CompilationUnit(self._syntax, self.name)
        if not lazy:
            self.compile()

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **options: Any) -> Module:
        """Return the module in a file; OSError if it cannot be read, else as the constructor."""
        options.setdefault("name", os.path.basename(path))
        with open(path, "rb") as file:
            return cls(file.read(), **options)

    @property
    def imports(self) -> tuple[ImportType, ...]:
        """What the module needs, in order."""
        return tuple(ImportType(item.module, item.name, item.type) for item in self._syntax.imports)

    @property
    def exports(self) -> tuple[ExportType, ...]:
        """What the module offers, in order."""
        return tuple(ExportType(item.name, self._syntax.export_type(item)) for item in self._syntax.exports)

    @property
    def syntax(self) -> ModuleSyntax:
        """The module as data: sections, bodies, names."""
        return self._syntax

    def custom_sections(self, name: str) -> list[bytes]:
        """Return the contents of the custom sections of that name."""
        return self._syntax.custom_sections(name)

    def compile(self) -> None:
        """Compile every function now rather than when it is first called."""
        first = self._syntax.imported_count("func")
        for index in range(first, first + len(self._syntax.bodies)):
            self._unit.template(index)

    def __repr__(self) -> str:
        return f"<Module {self.name}: {len(self._syntax.bodies)} functions, {len(self._syntax.data)} bytes>"

    def __reduce__(self) -> Any:
        return _unpickle, (self._syntax.data, self._features, self._cache, self.name)


def _unpickle(data: bytes, features: Features, cache: bool, name: str) -> Module:
    return Module(data, features=features, cache=cache, name=name)


def _decode_and_validate(data: bytes, features: Features) -> ModuleSyntax:
    syntax = decode(data, features)
    _validate(syntax, features)
    return syntax


def validate(data: bytes | bytearray | memoryview, features: Features | None = None) -> None:
    """Check a module without keeping it; raises as `Module` does."""
    _decode_and_validate(bytes(data), features or Features.default())


def is_valid(data: bytes | bytearray | memoryview, features: Features | None = None) -> bool:
    """Return whether `validate` has nothing to object."""
    try:
        validate(data, features)
    except CompileError:
        return False
    return True


class Instance(_instance.Instance):
    """A module brought to life: `exports` has its functions, memories, tables and globals.

    imports: a mapping of mappings of callables and other objects, another
    instance's exports under a module name, or a provider such as `Wali`.
    limits: see `Limits`.
    Raises LinkError, Trap, ResourceLimit, and what host functions raise.
    """

    def __init__(
        self, module: Module, imports: Mapping[str, Any] | Any = None, *, limits: Limits | None = None
    ) -> None:
        self.module = module
        super().__init__(module._unit, {} if imports is None else imports, limits or Limits())

    def limit(self, *, timeout: float) -> AbstractContextManager[object]:
        """Return a scope in which calls of this instance end with TimedOut after `timeout` seconds."""
        return deadline(timeout)


def load(path: str | os.PathLike[str], imports: Mapping[str, Any] | Any = None, **options: Any) -> Instance:
    """Return an instance of the module in a file; options are those of `Module` and `Instance`."""
    limits = options.pop("limits", None)
    return Instance(Module.from_file(path, **options), imports, limits=limits)
