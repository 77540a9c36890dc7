"""What each instruction becomes, one small function each, by kind of instruction.

Importing this package fills `pywasmjit.codegen.baseline.EMITTERS`.  An
instruction without an emitter of its own becomes a call of its meaning in
`pywasmjit.wasm.numerics` (see `calls.declare_meanings`).
"""

from pywasmjit.codegen.emitters import (
    atomics,
    calls,
    control,
    conversions,
    floats,
    integers,
    memory,
    tables,
    variables,
)

calls.declare_meanings()

__all__ = ["atomics", "calls", "control", "conversions", "floats", "integers", "memory", "tables", "variables"]
