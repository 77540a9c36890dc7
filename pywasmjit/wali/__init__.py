"""WALI, the WebAssembly Linux Interface: Linux for a guest program.

Enters: a module's imports from "wali", a policy, arguments and environment.
Leaves: callables in engine form, bound straight into compiled code.
May not know: the compilers (it hands them a record, `conventions`), the command line.

`table` holds the declaration of every call, `dispatch` turns one into a callable of a process,
`syscalls` has their meaning, `abi` the layouts, `process` the guest's kernel state, `kernel` the way
to the host.  Nothing on the host is reached except through a `Process`.
"""

from __future__ import annotations

from pywasmjit.guest.policy.network import NetGrant
from pywasmjit.guest.policy.policy import DirGrant, Policy, ro
from pywasmjit.wali.provider import Wali

__all__ = ["DirGrant", "NetGrant", "Policy", "Wali", "ro"]
