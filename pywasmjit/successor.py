"""What a new engine does that takes the place of one whose program has executed a Wasm program.

Started by `wali.execution`, never by hand: what to run, and with which rights, comes in a sealed memory file.
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from pywasmjit import Module
from pywasmjit.diagnostics import attempt, leave, restore_signals
from pywasmjit.program import Program
from pywasmjit.records import record

if TYPE_CHECKING:
    from pywasmjit.wali.provider import Wali


@record(frozen=True, kw_only=True, slots=False)
class Successor(Program):
    """A program that goes on where another has executed it; state: what the engine before says."""

    state: dict[str, Any]

    def _module(self) -> Module:
        from pywasmjit.wali.succession import read_module

        return Module(read_module(self.state), name=self.state["name"])

    def _wali(self) -> Wali:
        from pywasmjit.wali.succession import take_over

        return take_over(self.state, self._report)


def main(descriptor: int) -> NoReturn:
    """Run the program that the memory file `descriptor` tells of, then end the process."""
    from pywasmjit.wali.succession import read_state

    restore_signals()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    state = read_state(descriptor)
    for number in state["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    name = state["name"]
    program = Successor(file=name, timeout=state["timeout"], state=state, **state["options"])
    leave(attempt(program.run, name, verbose=program.verbose))
