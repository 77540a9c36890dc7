"""Binding compiled code to one instance.

Each instance has a namespace, the `__globals__` of all its functions.  What a
template refers to is put there under the template's name for it the first time
a function that uses it is linked.  Functions start as stubs; the stub of
function i calls `Linkage.link(i)`, which swaps in the compiled code, and then
calls the function again.  The function object never changes.

Live objects sit in the namespace and not in constants: code objects are unknown
to Python's garbage collector, so a cycle through a constant would never be
collected.
"""

from __future__ import annotations

import linecache
import weakref
from collections.abc import Callable
from types import CellType, CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Final

from pywasmjit.codegen import template as kinds
from pywasmjit.codegen.baseline.slots import ZERO
from pywasmjit.codegen.conventions import NO_CONVENTIONS, has_pointer
from pywasmjit.codegen.template import CodeTemplate
from pywasmjit.codegen.unit import LINK, CompilationUnit
from pywasmjit.runtime.functions import Func, SafePoint, wrap
from pywasmjit.runtime.globals import Global
from pywasmjit.runtime.memories import Memory
from pywasmjit.runtime.support import SUPPORT
from pywasmjit.runtime.tables import Items, Table
from pywasmjit.runtime.traps import LINKAGE
from pywasmjit.runtime.values import FUNCTION_ATTRIBUTE
from pywasmjit.wasm import numerics
from pywasmjit.wasm.instructions import decode_expr
from pywasmjit.wasm.opcodes import Op
from pywasmjit.wasm.printer import print_body

if TYPE_CHECKING:
    from pywasmjit.wasm.module import Expr


class Linkage:
    """The live side of an instance's code: its index spaces and its namespace.

    functions: engine functions, imports first.  globals: a Global, or the cell of a private one.
    """

    def __init__(self, unit: CompilationUnit) -> None:
        self.unit = unit
        self.functions: list[Callable[..., Any]] = []
        self.returning_twice: dict[int, Callable[..., Any]] = {}
        self.safe_point = SafePoint([], int)
        self.conventions = self._relevant = NO_CONVENTIONS
        self.tables: list[Table] = []
        self.memories: list[Memory] = []
        self.globals: list[Global | CellType] = []
        self.elements: list[Items] = []
        self.datas: list[memoryview | bytes] = []
        self.namespace: dict[str, Any] = {
            "__builtins__": {},
            "__name__": unit.module_name,
            LINKAGE: self,
            LINK: self.link,
        }
        self._templates: dict[int, CodeTemplate] = {}
        self._views: dict[int, dict[str, tuple[str, int]]] = {}
        self._closure: tuple[CellType, ...] | None = None
        self.linked = 0

    # ----------------------------------------------------------------- functions

    def share_imports(self, other: Linkage) -> None:
        """Take over the imports of another instance of the module, and all its memories."""
        count = self.unit.module.imported_count
        self.functions += other.functions[: count("func")]
        self.returning_twice.update(other.returning_twice)
        self.safe_point = other.safe_point
        self.conventions = other.conventions
        self.tables += other.tables[: count("table")]
        self.globals += other.globals[: count("global")]
        self.memories += other.memories

    def add_stubs(self) -> None:
        """Append a function for each of the module's own, when all imports are there."""
        module, unit = self.unit.module, self.unit
        self._relevant = self.conventions.relevant_to(module)
        self._closure = tuple(CellType(None) for _ in unit.cells) or None
        first = len(self.functions)
        types, indices = module.types, module.function_type_indices
        for index in range(first, first + len(module.bodies)):
            code = unit.stub(index, len(types[indices[index]].params))
            function = FunctionType(code, self.namespace, f"func[{index}]", None, self._closure)
            self.functions.append(function)
        for index, callee in enumerate(self.functions):
            self.namespace[kinds.global_name(kinds.FUNCTION, index)] = callee

    def cell(self, index: int) -> CellType | None:
        """Return the cell of a private mutable global, None if it has a box."""
        place = self.unit.cells.get(index)
        return None if place is None or self._closure is None else self._closure[place]

    def link(self, index: int) -> None:
        """Compile function `index` if no instance has yet, and give it its code here."""
        template = self.unit.template(index, self._relevant)
        for name, (kind, arguments) in template.references.items():
            if kind == kinds.VIEW:
                self._add_view(name, *arguments)
            elif name not in self.namespace:
                self.namespace[name] = _BINDERS[kind](self, *arguments)
        code = template.code.replace(co_filename=self.unit.filename(index))  # with inline caches of its own
        self._templates[id(code)] = template
        self._register_source(index, code.co_filename)
        function: Any = self.functions[index]
        function.__name__, function.__qualname__ = code.co_name, code.co_qualname
        function.__code__ = code
        self.linked += 1

    def func(self, index: int) -> Func:
        """Return the Func of function `index`; references to functions are made here."""
        function: Any = self.functions[index]
        known = function.__dict__.get(FUNCTION_ATTRIBUTE) if isinstance(function, FunctionType) else None
        if known is not None:
            return known  # type: ignore[no-any-return]
        module = self.unit.module
        return wrap(module.function_type(index), function, module.display_name(index))

    def reference(self, index: int) -> Callable[..., Any]:
        """Return the engine form of a reference to function `index`."""
        return self.func(index).function

    # ----------------------------------------------------------------- for tracebacks

    def template_of(self, code: CodeType) -> CodeTemplate | None:
        """Return the template that a code object was linked from, None for a stub."""
        return self._templates.get(id(code))

    def op_at(self, template: CodeTemplate, place: int) -> Op | None:
        """Return the opcode of a function's instruction, by its ordinal."""
        module = self.unit.module
        body = module.bodies[template.index - module.imported_count("func")]
        instructions = decode_expr(module, body.start, body.end)
        return instructions[place][1] if place < len(instructions) else None

    def _register_source(self, index: int, filename: str) -> None:
        """Let tracebacks show Wasm text; it is printed when somebody asks."""
        module = weakref.ref(self.unit.module)

        def lines() -> str | None:
            alive = module()
            return None if alive is None else "\n".join(print_body(alive, index)) + "\n"

        if len(linecache.cache.get(filename, (None,))) == 1:  # none, or one of a module that may be gone
            linecache.cache[filename] = (lines,)
            self.unit.sources.add(filename)

    # ----------------------------------------------------------------- memories

    def _add_view(self, name: str, index: int, format: str, offset: int) -> None:
        """Bind a view for compiled code; it is renewed whenever the memory changes its size."""
        if name in self.namespace:
            return
        memory = self.memories[index]
        if index not in self._views:
            memory.attach(self)
            self._views.setdefault(index, {})
        self._views[index][name] = format, offset
        size = -1
        while size != memory.size_bytes:  # another thread may grow it meanwhile, before or after it sees the new name
            size = memory.size_bytes
            self.namespace[name] = memory.strided(format, offset)

    def refresh_memory(self, memory: Memory) -> None:
        """Renew the views of a memory that changed its size."""
        for index, views in list(self._views.items()):
            if self.memories[index] is memory:
                for name, (format, offset) in list(views.items()):
                    self.namespace[name] = memory.strided(format, offset)

    @property
    def stack_pointer(self) -> int:
        """The guest's stack pointer, 0 if the conventions name none."""
        index = self.conventions.stack_pointer
        return int(self.global_value(index)) if index is not None and has_pointer(self.unit.module, index) else 0

    @stack_pointer.setter
    def stack_pointer(self, address: int) -> None:
        index = self.conventions.stack_pointer
        if index is None or not has_pointer(self.unit.module, index):
            return
        found = self.globals[index]
        if isinstance(found, Global):
            found.box[0] = address & 0xFFFF_FFFF
        else:
            found.cell_contents = address & 0xFFFF_FFFF

    # ----------------------------------------------------------------- constant expressions

    def global_value(self, index: int) -> Any:
        """Return the engine value of a global."""
        found = self.globals[index]
        return found.box[0] if isinstance(found, Global) else found.cell_contents

    def evaluate(self, expr: Expr) -> Any:
        """Return the engine value of a constant expression."""
        stack: list[Any] = []
        for _, op, immediate in expr:
            constant = _CONSTANT_OPS.get(op.mnemonic)
            if constant is not None:
                stack.append(constant(self, immediate))
            elif op.mnemonic != "end":
                right, left = stack.pop(), stack.pop()
                stack.append(numerics.FUNCTIONS[op.mnemonic](left, right))
        return stack.pop()


_CONSTANT_OPS: Final[dict[str, Callable[[Linkage, Any], Any]]] = {
    "i32.const": lambda _, value: value,
    "i64.const": lambda _, value: value,
    "f32.const": lambda _, bits: numerics.f32_from_bits(bits),
    "f64.const": lambda _, bits: numerics.f64_from_bits(bits),
    "ref.null": lambda _, type: ZERO.get(type),
    "ref.func": Linkage.reference,
    "global.get": Linkage.global_value,
}


# --------------------------------------------------------------------------- what references mean


def _memory_method(linkage: Linkage, index: int, method: str) -> Callable[..., Any]:
    memory = linkage.memories[index]
    return _MEMORY_METHODS[method](memory)


def _signed(timeout: int) -> int:
    return timeout - (1 << 64) if timeout >> 63 else timeout


def _size(memory: Memory) -> Callable[[], int]:
    return lambda: memory.pages


def _grow(memory: Memory) -> Callable[[int], int]:
    return lambda delta: memory.grow(delta) & 0xFFFFFFFF


_MEMORY_METHODS: Final[dict[str, Callable[[Memory], Callable[..., Any]]]] = {
    "size": _size,
    "grow_u32": _grow,
    "fill": lambda memory: memory.fill,
    "atomic": lambda memory: memory.atomic,
    "atomic_wait32": lambda memory: lambda address, value, time: memory.wait32(address, value, _signed(time)),
    "atomic_wait64": lambda memory: lambda address, value, time: memory.wait64(address, value, _signed(time)),
    "atomic_notify": lambda memory: memory.notify,
}


def _memory_copy(linkage: Linkage, target: int, source: int) -> Callable[..., None]:
    copy, other = linkage.memories[target].copy, linkage.memories[source]
    return lambda address, start, count: copy(address, other, start, count)


def _memory_init(linkage: Linkage, segment: int, memory: int) -> Callable[..., None]:
    init, datas = linkage.memories[memory].init, linkage.datas
    return lambda address, start, count: init(address, datas[segment], start, count)


def _data_drop(linkage: Linkage, segment: int) -> Callable[[], None]:
    datas = linkage.datas
    return lambda: datas.__setitem__(segment, b"")


def _table_copy(linkage: Linkage, target: int, source: int) -> Callable[..., None]:
    copy, other = linkage.tables[target].copy, linkage.tables[source]
    return lambda index, start, count: copy(index, other, start, count)


def _table_init(linkage: Linkage, segment: int, table: int) -> Callable[..., None]:
    init, elements = linkage.tables[table].init, linkage.elements
    return lambda index, start, count: init(index, elements[segment], start, count)


def _elem_drop(linkage: Linkage, segment: int) -> Callable[[], None]:
    elements = linkage.elements
    return lambda: elements.__setitem__(segment, ())


_SEGMENT_OPS: Final[dict[str, Callable[..., Callable[..., None]]]] = {
    "memory.copy": _memory_copy,
    "memory.init": _memory_init,
    "data.drop": _data_drop,
    "table.copy": _table_copy,
    "table.init": _table_init,
    "elem.drop": _elem_drop,
}


def _returning_twice(linkage: Linkage, index: int) -> Callable[..., Any]:
    """Return what notes a site; a host function that knows nothing of sites is called as it is, and returns once."""
    function = linkage.functions[index]
    return linkage.returning_twice.get(index) or (lambda activation, site, pointer, *rest: function(*rest))


def _global_box(linkage: Linkage, index: int) -> list[Any]:
    found = linkage.globals[index]
    assert isinstance(found, Global)
    return found.box


_BINDERS: Final[dict[str, Callable[..., Any]]] = {
    kinds.FUNCTION: lambda linkage, index: linkage.functions[index],
    kinds.REFERENCE: Linkage.reference,
    kinds.GLOBAL: Linkage.global_value,
    kinds.GLOBAL_BOX: _global_box,
    kinds.CALLEES: lambda linkage, table, type: linkage.tables[table].callees(linkage.unit.module.types[type]),
    kinds.MEANING: lambda _, mnemonic: numerics.FUNCTIONS[mnemonic],
    kinds.MEMORY: _memory_method,
    kinds.TABLE: lambda linkage, index, method: getattr(linkage.tables[index], method),
    kinds.SEGMENT: lambda linkage, mnemonic, *rest: _SEGMENT_OPS[mnemonic](linkage, *rest),
    kinds.RETURNS_TWICE: _returning_twice,
    kinds.ALERTED: lambda linkage: linkage.safe_point.alerted,
    kinds.LOOK_UP: lambda linkage: linkage.safe_point.look_up,
    kinds.SUPPORT: lambda _, name: SUPPORT[name],
}
