"""Permission for calls of which only some arguments need a grant; whole calls are refused when they are bound."""

from __future__ import annotations

from errno import EPERM
from typing import TYPE_CHECKING

from pywasmjit.guest.policy.policy import Capability

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process


def require(process: Process, capability: Capability, request: str) -> None:
    """Raise EPERM, and report it, unless the guest has a capability.  request: the call and what it asked for."""
    if not process.policy.allows(capability):
        process.denials.tell(capability.value, request, f"--allow {capability.value}")
        raise OSError(EPERM, request)


def require_own_host(process: Process, request: str) -> None:
    """Raise EPERM, and report it, where the host process holds more than this guest: its user, root or session stay."""
    if not process.owns_host:
        process.denials.tell("own process", request, "a process of its own (pywasmjit run)")
        raise OSError(EPERM, request)


def require_own(process: Process, pid: int, capability: Capability, request: str) -> None:
    """Let a call on process 0 (the caller) or the guest's own number pass; on another one, `require` the capability."""
    if pid not in (0, process.pid):
        require(process, capability, request)
