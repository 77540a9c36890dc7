"""What WALI's guests and their linker agree on beside the binary format."""

from __future__ import annotations

from typing import Final

from pywasmjit.codegen.conventions import Conventions

MODULE: Final = "wali"
"""Name of the interface in imports."""

CONVENTIONS: Final = Conventions(
    returning_twice=frozenset((MODULE, name) for name in ("setjmp", "_setjmp", "sigsetjmp", "__sigsetjmp")),
    starting_threads=frozenset({(MODULE, "__wasm_thread_spawn")}),
    stack_pointer=0,
)
