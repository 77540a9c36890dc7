"""seccomp(2): commands, flags, what a filter looks at and returns, and the machine that filters are written for."""

from __future__ import annotations

from struct import Struct
from typing import Final

SET_MODE_FILTER: Final = 1
FILTER_FLAG_TSYNC: Final = 1
FILTER_FLAG_SPEC_ALLOW: Final = 4

RET_ERRNO: Final = 0x0005_0000
RET_ALLOW: Final = 0x7FFF_0000

ARCHITECTURES: Final = {
    "x86_64": 0xC000_003E,
    "aarch64": 0xC000_00B7,
    "riscv64": 0xC000_00F3,
    "loongarch64": 0xC000_0102,
}
"""`os.uname().machine` -> the word by which a filter tells the machine (AUDIT_ARCH_*)."""

# -- struct seccomp_data ----------------------------------------------------------------------------------------------

NUMBER_AT: Final = 0
ARCHITECTURE_AT: Final = 4
ARGUMENTS_AT: Final = 16
"""Six words of 64 bits."""

# -- BPF --------------------------------------------------------------------------------------------------------------

INSTRUCTION: Final = Struct("=HBBI")
"""code, how many to skip if true, and if false, operand."""
PROGRAM: Final = Struct("=H6xQ")
"""How many instructions, and their address."""
MOST_INSTRUCTIONS: Final = 4096

LOAD: Final = 0x20
AND: Final = 0x54
JUMP: Final = 0x05
JUMP_EQUAL: Final = 0x15
JUMP_GREATER_EQUAL: Final = 0x35
RETURN: Final = 0x06
