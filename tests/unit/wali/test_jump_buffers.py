"""Jumps that cannot be made: no call of these can return an error."""

from __future__ import annotations

import pytest
from guest import Guest

from pywasmjit.errors import Trap, TrapCode

END = 4 * 65536


@pytest.mark.parametrize("name", ["setjmp", "_setjmp", "longjmp", "_longjmp", "siglongjmp", "sigsetjmp"])
@pytest.mark.parametrize("buffer", [0, END - 216, END, 0xFFFF_FFFF])
def test_a_buffer_outside_of_memory_traps(name: str, buffer: int) -> None:
    with Guest() as guest, pytest.raises(Trap) as trap:
        getattr(guest, name)(*((buffer,) if name.endswith("_setjmp") or name == "setjmp" else (buffer, 1)))
    assert trap.value.code is TrapCode.MEMORY_OUT_OF_BOUNDS
