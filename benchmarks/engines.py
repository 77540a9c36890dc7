"""One adapter for each engine: how it is imported, and how a kernel becomes a callable.

An adapter runs inside a worker process.  `start` imports the engine (it may take
long, and is timed apart), `load` turns a kernel into `run(reps) -> number`.
"""

from __future__ import annotations

import importlib
import importlib.util
import io
import sys
from collections.abc import Callable
from typing import Any, ClassVar

from benchmarks.kernels import Kernel

Run = Callable[[int], "int | float"]


class Engine:
    """What the workers ask of an engine."""

    name: ClassVar[str]
    title: ClassVar[str]
    requires: ClassVar[str]
    """The distribution's import name, looked for before the engine is measured."""
    flavour: ClassVar[str] = "wasm"

    @classmethod
    def is_installed(cls) -> bool:
        return importlib.util.find_spec(cls.requires) is not None

    def start(self) -> None:
        self.api: Any = importlib.import_module(self.requires)

    def load(self, kernel: Kernel) -> Run:
        raise NotImplementedError


class Pywasmjit(Engine):
    """This engine."""

    name, title, requires = "pywasmjit", "pywasmjit", "pywasmjit"

    def load(self, kernel: Kernel) -> Run:
        instance = self.api.Instance(self.api.Module(kernel.module(self.flavour)))
        run: Run = instance.exports.run
        return run


class Handwritten(Engine):
    """The same algorithm in idiomatic Python: what all ratios refer to."""

    name, title, requires = "python", "Python by hand", "benchmarks.kernels.python"

    def load(self, kernel: Kernel) -> Run:
        run: Run = importlib.import_module(f"{self.requires}.{kernel.name}").run
        return run


class Wasmtime(Engine):
    """A compiler to machine code, written in Rust."""

    name, title, requires = "wasmtime", "wasmtime", "wasmtime"

    def load(self, kernel: Kernel) -> Run:
        store = self.api.Store()
        module = self.api.Module(store.engine, kernel.module(self.flavour))
        run = self.api.Instance(store, module, []).exports(store)["run"]
        return lambda reps: run(store, reps)


class Ppci(Engine):
    """A compiler collection in Python; here Wasm to Python source."""

    name, title, requires, flavour = "ppci", "ppci", "ppci", "wasm-mvp"

    def start(self) -> None:
        self.api = importlib.import_module("ppci.wasm")

    def load(self, kernel: Kernel) -> Run:
        module = self.api.Module(kernel.module(self.flavour))
        run: Run = self.api.instantiate(module, {}, target="python").exports.run
        return run


class Pywasm(Engine):
    """An interpreter in Python."""

    name, title, requires = "pywasm", "pywasm", "pywasm"

    def start(self) -> None:
        super().start()
        self.api.log.lvl = 0
        sys.setrecursionlimit(20_000)

    def load(self, kernel: Kernel) -> Run:
        runtime = self.api.core.Runtime()
        instance = runtime.instance(self.api.core.ModuleDesc.from_reader(io.BytesIO(kernel.module(self.flavour))))
        return lambda reps: runtime.invocate(instance, "run", [reps])[0]


ENGINES: dict[str, type[Engine]] = {engine.name: engine for engine in (Wasmtime, Handwritten, Pywasmjit, Ppci, Pywasm)}
