"""Whether a module obeys the typing rules.

`validate` checks a module whole; `validate_body` one function, for those who
put it off.  What surrounds bodies is checked here.  Bodies are checked by a
fast loop and, for all that is not plainly right, by the complete rules:
`rules.step` decides every instruction, and `fast_loop` may only agree sooner.

Nothing recurses over nesting.  Time is linear in the size of the module; where
few bytes can ask for much work (types with a thousand results, 50,000 locals)
there are limits.

Spec: Validation, Modules.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby
from typing import Final

from pywasmjit.display import quoted
from pywasmjit.errors import MalformedError, ValidationError
from pywasmjit.wasm import limits
from pywasmjit.wasm.binary_types import TypeReader
from pywasmjit.wasm.const_exprs import check_const_expr
from pywasmjit.wasm.context import Context, context_of
from pywasmjit.wasm.features import Features
from pywasmjit.wasm.instructions import read_instruction
from pywasmjit.wasm.module import Bodies, ElementSegment, ModuleSyntax
from pywasmjit.wasm.operands import Operands
from pywasmjit.wasm.rules import step
from pywasmjit.wasm.types import FUNCREF, FuncType, MemoryType, TableType

MEMORY_PAGES: Final = 1 << 16
TABLE_ELEMENTS: Final = (1 << 32) - 1
SMALL_MODULE_BYTES: Final = 4096
"""Below this the complete rules alone take less time than compiling the fast loop."""


def validate(module: ModuleSyntax, features: Features | None = None) -> None:
    """Validate a module with all its bodies.

    Raises ValidationError; MalformedError for bodies that are not well-formed, which `decode` does not look into;
    UnsupportedFeature; ResourceLimit.
    """
    validate_declarations(module, features)
    bodies = range(len(module.bodies))
    _validate_bodies(module, features, bodies)


def validate_body(module: ModuleSyntax, own_function_index: int, features: Features | None = None) -> None:
    """Validate the body of one of the module's own functions; the declarations must be valid.

    Raises as `validate` does.
    """
    _validate_bodies(module, features, range(own_function_index, own_function_index + 1))


def validate_declarations(module: ModuleSyntax, features: Features | None = None) -> None:
    """Validate everything but the bodies.  Raises as `validate` does."""
    context = context_of(module, features or Features.default())
    for check in (_check_limits, _check_memories, _check_tables, _check_globals, _check_exports, _check_start):
        check(module, context)
    for segment in module.elements:
        _check_element_segment(context, segment)
    _check_datas(module, context)


# Bodies


def complete_loop(operands: Operands, position: int, end: int) -> int:
    """Validate instructions by the complete rules alone; return the position behind the last."""
    while position < end:
        position = step(operands, position)
        if not operands.frames:
            break
    return position


def _validate_bodies(module: ModuleSyntax, features: Features | None, indices: range) -> None:
    assert isinstance(module.bodies, Bodies)
    context = context_of(module, features or Features.default())
    loop: Callable[[Operands, int, int], int] = complete_loop
    if len(module.data) >= SMALL_MODULE_BYTES:
        from pywasmjit.wasm.fast_loop import compiled_loop

        loop = compiled_loop()
    operands = Operands(context)
    extent = module.bodies.extent
    for index in indices:
        check_body(operands, index, *extent(index), loop)


def check_body(operands: Operands, index: int, start: int, end: int, loop: Callable[[Operands, int, int], int]) -> None:
    """Validate one body with the given loop."""
    position = operands.enter(index, start, end)
    try:
        position = loop(operands, position, end)
    except ValidationError as error:
        _check_decodes(operands)
        raise ValidationError(error.message, error.offset, operands.function) from None
    if operands.frames:
        raise MalformedError("unexpected end of section or function: END opcode expected", end)
    if position != end:
        raise MalformedError("section size mismatch: bytes behind the end of the function", position)


def _check_decodes(operands: Operands) -> None:
    """Raise MalformedError if the instruction at fault reaches past the end of its body; that comes first."""
    context = operands.context
    with suppress(ValidationError):
        read_instruction(TypeReader(context.data, operands.at, operands.end, context.features, context.types))


# What surrounds bodies


def _check_limits(module: ModuleSyntax, context: Context) -> None:
    limits.check("functions", len(context.function_types), limits.ITEMS)
    limits.check("tables", len(context.tables), limits.TABLES)
    limits.check("memories", len(context.memories), limits.MEMORIES)
    limits.check("globals", len(context.globals), limits.ITEMS)


def _check_range(minimum: int, maximum: int | None, greatest: int, message: str) -> None:
    if minimum > greatest or (maximum is not None and maximum > greatest):
        raise ValidationError(message)
    if maximum is not None and minimum > maximum:
        raise ValidationError("size minimum must not be greater than maximum")


def check_memory_type(type: MemoryType) -> None:
    """Raise ValidationError unless a memory can have this type."""
    _check_range(type.minimum, type.maximum, MEMORY_PAGES, "memory size must be at most 65536 pages (4GiB)")
    if type.shared and type.maximum is None:
        raise ValidationError("shared memory must have maximum")


def check_table_type(type: TableType) -> None:
    """Raise ValidationError unless a table can have this type."""
    _check_range(type.minimum, type.maximum, TABLE_ELEMENTS, "table size must be at most 2**32-1")


def _check_memories(module: ModuleSyntax, context: Context) -> None:
    for memory in context.memories:
        check_memory_type(memory)
    if len(context.memories) > 1 and "multi-memory" not in context.features:
        raise ValidationError("multiple memories")


def _check_tables(module: ModuleSyntax, context: Context) -> None:
    for type in context.tables:
        check_table_type(type)
    if len(context.tables) > 1 and "reference-types" not in context.features:
        raise ValidationError("multiple tables")
    imported_globals = module.imported_count("global")
    for table in module.tables:
        if table.init is not None:
            check_const_expr(context, table.init, table.type.element, 0, imported_globals)


def _check_globals(module: ModuleSyntax, context: Context) -> None:
    """Check initial values; each may read the globals before it."""
    first = module.imported_count("global")
    for number, own in enumerate(module.globals, first):
        check_const_expr(context, own.init, own.type.content, 0, number)


def _check_exports(module: ModuleSyntax, context: Context) -> None:
    counts = {
        "func": len(context.function_types),
        "table": len(context.tables),
        "memory": len(context.memories),
        "global": len(context.globals),
        "tag": len(module.tag_types),
    }
    names: set[str] = set()
    for export in module.exports:
        if export.index >= counts[export.kind]:
            what = "function" if export.kind == "func" else export.kind
            raise ValidationError(f"unknown {what} {export.index}")
        if export.name in names:
            raise ValidationError(f"duplicate export name {quoted(export.name)}")
        names.add(export.name)
        if export.kind == "global" and context.globals[export.index].mutable:
            _need_mutable_global(context)


def _need_mutable_global(context: Context) -> None:
    if "mutable-global" not in context.features:
        raise ValidationError("mutable globals cannot be exported")


def _check_start(module: ModuleSyntax, context: Context) -> None:
    if module.start is None:
        return
    if module.start >= len(context.function_types):
        raise ValidationError(f"unknown function {module.start}")
    if context.function_type(module.start) != FuncType():
        raise ValidationError("start function must take and give nothing", None, module.start)


def _check_element_segment(context: Context, segment: ElementSegment) -> None:
    if segment.offset is not None:
        if segment.table >= len(context.tables):
            raise ValidationError(f"unknown table {segment.table}")
        table = context.tables[segment.table]
        if table.element != segment.type:
            raise ValidationError(f"type mismatch: a segment of {segment.type} for a table of {table.element}")
        check_const_expr(context, segment.offset, table.address, 0, len(context.globals))
    _check_element_items(context, segment)


def _check_element_items(context: Context, segment: ElementSegment) -> None:
    """Check functions by the greatest index, and expressions one by one, equal neighbours once."""
    items = segment.items
    indices = items if isinstance(items, array) else [item for item in items if isinstance(item, int)]
    if indices and max(indices) >= len(context.function_types):
        raise ValidationError(f"unknown function {max(indices)}")
    if indices and segment.type != FUNCREF:
        raise ValidationError(f"type mismatch: a function in a segment of {segment.type}")
    if indices is items:
        return
    for _, expr in groupby(items, id):
        item = next(expr)
        if not isinstance(item, int):
            check_const_expr(context, item, segment.type, 0, len(context.globals))


def _check_datas(module: ModuleSyntax, context: Context) -> None:
    for segment in module.datas:
        if segment.offset is not None:
            if segment.memory >= len(context.memories):
                raise ValidationError(f"unknown memory {segment.memory}", segment.start)
            address = context.memories[segment.memory].address
            check_const_expr(context, segment.offset, address, segment.start, len(context.globals))
