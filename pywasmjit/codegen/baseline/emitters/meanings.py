"""Instructions that become a call of their meaning in `pywasmjit.wasm.numerics`."""

from __future__ import annotations

from typing import Final

from pywasmjit.codegen.baseline.context import Context, Emitter
from pywasmjit.wasm.opcodes import BY_NAME

MEANINGS: Final = (
    "i32.ctz",
    "i32.popcnt",
    "i64.ctz",
    "i64.popcnt",
    "f32.ceil",
    "f32.floor",
    "f32.trunc",
    "f32.nearest",
    "f32.sqrt",
    "f32.min",
    "f32.max",
    "f32.copysign",
    "f64.ceil",
    "f64.floor",
    "f64.trunc",
    "f64.nearest",
    "f64.sqrt",
    "f64.min",
    "f64.max",
    "f64.copysign",
    "i32.reinterpret_f32",
    "f32.reinterpret_i32",
    "i32.trunc_f32_s",
    "i32.trunc_f32_u",
    "i32.trunc_f64_s",
    "i32.trunc_f64_u",
    "i32.trunc_sat_f32_s",
    "i32.trunc_sat_f32_u",
    "i32.trunc_sat_f64_s",
    "i32.trunc_sat_f64_u",
    "i64.trunc_f32_s",
    "i64.trunc_f32_u",
    "i64.trunc_f64_s",
    "i64.trunc_f64_u",
    "i64.trunc_sat_f32_s",
    "i64.trunc_sat_f32_u",
    "i64.trunc_sat_f64_s",
    "i64.trunc_sat_f64_u",
    "f32.convert_i64_s",
    "f32.convert_i64_u",
)
"""Those that are too long, or too rare, to be emitted in place."""


def _meaning(mnemonic: str) -> Emitter:
    op = BY_NAME[mnemonic]
    assert op.params is not None
    assert op.results is not None
    count = len(op.params)
    result_type = op.results[0]

    def emit(c: Context, _: None) -> None:
        operands = c.pop_normal(count)
        c.call(c.meaning(mnemonic), operands)
        c.push_result(result_type, operands)

    return emit


EMITTERS: Final[dict[str, Emitter]] = {mnemonic: _meaning(mnemonic) for mnemonic in MEANINGS}
