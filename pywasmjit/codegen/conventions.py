"""What an interface and a guest's linker agree on beside the binary format.

A module does not say that an import returns twice or starts threads, nor which global is its stack pointer.  The
interface that provides its imports knows, and hands this record in with them; compiled code depends on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pywasmjit.records import record

if TYPE_CHECKING:
    from pywasmjit.wasm.module import ModuleSyntax


@record(frozen=True)
class Conventions:
    """The conventions of one interface.

    returning_twice: imports, as (module, name), that return again when somebody jumps to them.
    starting_threads: imports that make loops look whether their thread is wanted elsewhere: CPython interrupts its
    main thread only.
    stack_pointer: index of the global that holds the guest's stack pointer.
    """

    returning_twice: frozenset[tuple[str, str]] = frozenset()
    starting_threads: frozenset[tuple[str, str]] = frozenset()
    stack_pointer: int | None = None

    def relevant_to(self, module: ModuleSyntax) -> Conventions:
        """Return what of these conventions makes a difference to the code of a module."""
        imported = {each[:2] for each in module.imported("func")}
        twice = self.returning_twice & imported
        pointer = self.stack_pointer if twice and has_pointer(module, self.stack_pointer) else None
        return Conventions(twice, self.starting_threads & imported, pointer)


NO_CONVENTIONS: Final = Conventions()
"""What holds where no interface says anything."""


def has_pointer(module: ModuleSyntax, index: int | None) -> bool:
    """Return whether there is such a global, and it can hold an address that changes."""
    if index is None or index >= len(module.global_types):
        return False
    return module.global_types[index].mutable and module.global_types[index].content in ("i32", "i64")
