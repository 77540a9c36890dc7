"""Proof that a code object cannot harm the interpreter, before it first runs.

Enters: a code object of anybody's.  Leaves: nothing, or a `VerificationError`.
May not know: the compilers, the target; it shares no code with them, or it would share their mistakes.

`sweep` walks over the code, `rules` has what each instruction does to the stack, `state` what is known before one,
`facts` what differs between CPython versions, `tables` the two tables of a code object.
"""

from pywasmjit.codegen.verifier.state import VerificationError
from pywasmjit.codegen.verifier.sweep import verify

__all__ = ["VerificationError", "verify"]
