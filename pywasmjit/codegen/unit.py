"""The compiled side of one module: templates made on demand, shared by its instances."""

from __future__ import annotations

import linecache
import os
import threading
import time
import weakref
from collections.abc import Callable
from functools import cached_property
from types import CodeType
from typing import Final
from zlib import crc32

from pywasmjit.codegen.baseline.driver import Driver
from pywasmjit.codegen.baseline.views import ViewBudget
from pywasmjit.codegen.conventions import NO_CONVENTIONS, Conventions
from pywasmjit.codegen.target import cpython
from pywasmjit.codegen.target import operations as t
from pywasmjit.codegen.template import BASELINE, FUNCTION, CodeTemplate, Options, TemplateKey, global_name
from pywasmjit.codegen.verifier import verify
from pywasmjit.display import shown
from pywasmjit.wasm.module import ModuleSyntax

try:
    from _blake2 import blake2b  # what `hashlib` would take 7 ms to find
except ImportError:
    from hashlib import blake2b

CELLS: Final = 4
"""Globals kept in closure cells; each costs 1 ns at every call of every function of the module."""

LINK: Final = "link"
"""Global name of the callable that compiles and installs a function, given its index."""


def plan_cells(module: ModuleSyntax) -> dict[int, int]:
    """Choose the mutable globals that live in closure cells: the first few that nobody outside can see.

    An exported or imported global is shared with other code, which finds it in its box.
    """
    first = module.imported_count("global")
    exported = {export.index for export in module.exports if export.kind == "global"}
    private = [
        first + place
        for place, definition in enumerate(module.globals)
        if definition.type.mutable and first + place not in exported
    ]
    return {index: place for place, index in enumerate(private[:CELLS])}


LOCK_SLICE: Final = 0.002
"""Seconds between two looks whether another thread has done compiling."""

LONGEST_FILE: Final = 100
"""Characters of a module's name in file names; each function has one."""

_digests: Final[dict[str, int]] = {}


def _distinct(name: str, data: bytes) -> str:
    """Return the name, with a suffix if another module goes by it: tracebacks find their text by file name.

    The guest chose it: it is cut, and what is not printable escaped; `linecache` would ask the system for such a file.
    """
    digest = crc32(data)
    name = shown(name, LONGEST_FILE)
    return name if _digests.setdefault(name, digest) == digest else f"{name}~{digest:08x}"


_units: Final[dict[weakref.ref[CompilationUnit], tuple[str, set[str]]]] = {}
"""Each unit with its file name and the files that tracebacks know of its functions."""

_dead: Final[list[weakref.ref[CompilationUnit]]] = []
"""Units that are gone.  A callback written in Python would swallow a deadline or Ctrl-C that hits it."""


def _remember(unit: CompilationUnit, file: str) -> None:
    """Keep track of a unit, and forget those that are gone."""
    while _dead:
        name, sources = _units.pop(_dead.pop(), ("", set()))
        _digests.pop(name, None)
        for filename in sources:
            linecache.cache.pop(filename, None)
    _units[weakref.ref(unit, _dead.append)] = file, unit.sources


def _renew_locks() -> None:
    for reference in list(_units):
        unit = reference()
        if unit is not None:
            unit.renew_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


class CompilationUnit:
    """Templates and stubs of a module's functions.

    module_name: for tracebacks.  Compiling is serialised by a lock; a template is verified once, when it is made.
    asserting: whether code that is compiled from now on checks what the compiler claims of integers, for tests.
    """

    def __init__(self, module: ModuleSyntax, module_name: str) -> None:
        self.module = module
        self.module_name = module_name
        self._file = _distinct(module_name, module.data)
        self.cells = plan_cells(module)
        self._cell_names = tuple(f"global{index}" for index in self.cells)
        self._views = ViewBudget()
        self._templates: dict[tuple[int, str, Options], CodeTemplate] = {}
        self._lock = threading.RLock()
        self._compiling = 0
        self.asserting = False
        self.sources: set[str] = set()
        _remember(self, self._file)
        self._stubs: dict[int, Callable[[int], CodeType]] = {}
        self.compiled = 0

    def renew_lock(self) -> None:
        """Forget who held the lock: only the forking thread lives on in a child process."""
        self._lock = threading.RLock()
        self._compiling = 0

    def _wait(self) -> None:
        """Wait while another thread compiles, where a deadline can interrupt it; taking the lock it could not."""
        while self._compiling not in (0, threading.get_ident()):
            time.sleep(LOCK_SLICE)

    def filename(self, index: int) -> str:
        """Return the file name under which tracebacks show function `index`."""
        return f"{self._file}:func[{index}]"

    @cached_property
    def _digest(self) -> bytes:
        return blake2b(self.module.data, digest_size=16).digest()

    def key(self, index: int, conventions: Conventions = NO_CONVENTIONS) -> TemplateKey:
        """Return by what the template of function `index` can be found again, in this process or another one."""
        return TemplateKey(self._digest, index, BASELINE, Options(conventions, self.asserting))

    def template(self, index: int, conventions: Conventions = NO_CONVENTIONS) -> CodeTemplate:
        """Return the template of function `index` (not an import), compiled on first use.

        conventions: those of the interface that provides the imports, as far as they are relevant to the module.
        Cost: about 5 µs per CPython instruction, once.
        """
        options = Options(conventions, self.asserting)
        key = index, BASELINE, options
        known = self._templates.get(key)
        if known is not None:
            return known
        self._wait()
        with self._lock:
            try:
                self._compiling = threading.get_ident()
                known = self._templates.get(key)
                if known is None:
                    known = self._templates[key] = self._compile(index, options)
            finally:
                self._compiling = 0
        return known

    def _compile(self, index: int, options: Options) -> CodeTemplate:
        driver = Driver(
            self.module,
            index,
            views=self._views,
            cells=self.cells,
            conventions=options.conventions,
            asserting=options.asserting,
        )
        template = driver.compile()
        verify(template.code, globals=template.references)
        self.compiled += 1
        return template

    def stub(self, index: int, parameters: int) -> CodeType:
        """Return code with the arity of function `index` that has it linked and calls it again."""
        make = self._stubs.get(parameters)
        if make is None:
            make = self._stubs[parameters] = self._stub_maker(parameters)
        return make(index)

    def _stub_maker(self, parameters: int) -> Callable[[int], CodeType]:
        marker = 0
        code = cpython.assemble(
            [
                (t.LOAD_CALLEE, LINK, 1),
                (t.LOAD_CONST, marker, 1),
                (t.CALL, 1, 1),
                (t.POP, None, 1),
                (t.LOAD_CALLEE, FUNCTION, 1),
                *((t.LOAD_FAST, slot, 1) for slot in range(parameters)),
                (t.CALL, parameters, 1),
                (t.RETURN, None, 1),
            ],
            name="stub",
            qualname="stub",
            filename=f"{self._file}:stub",
            parameters=parameters,
            slots=[f"local{slot}" for slot in range(parameters)],
            cells=self._cell_names,
        )
        verify(code, globals=(LINK, FUNCTION))
        replace, consts, names = code.replace, code.co_consts, code.co_names
        place, name_place = consts.index(marker), names.index(FUNCTION)

        def make(index: int) -> CodeType:
            return replace(
                co_consts=(*consts[:place], index, *consts[place + 1 :]),
                co_names=(*names[:name_place], global_name(FUNCTION, index), *names[name_place + 1 :]),
            )

        return make
