"""What a process has beside files, memory and signals: its umask, resource limits, names of threads.

Some belong to the whole host process, which may hold more than this guest, or to the engine, which needs more than
the guest.  So:

* the umask is the host's where the process is the guest's own or everything is allowed, and put back at the end; else
  it is kept here and applied to modes of new files, on top of the host's own;
* limits on memory and descriptors (`_KEPT`) are kept here and enforced by us: the engine reserves much address space
  and holds descriptors of its own.  `apply` makes them real, right before another program is executed.  All other
  limits are the host's.  What is kept starts as the host's limit.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from errno import EINVAL, EPERM
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pywasmjit.guest.abi.resource import (
    RLIM_INFINITY,
    RLIMIT_AS,
    RLIMIT_DATA,
    RLIMIT_NAMES,
    RLIMIT_NOFILE,
    RLIMIT_STACK,
)
from pywasmjit.guest.hostwide import one_at_a_time
from pywasmjit.guest.kernel.descriptors import RESERVED
from pywasmjit.runtime.depth import original_stack_limit

if TYPE_CHECKING:
    from pywasmjit.guest.files.descriptors import Files
    from pywasmjit.guest.memory.space import AddressSpace
    from pywasmjit.guest.policy.policy import Policy

Limit: TypeAlias = tuple[int, int]
"""Soft and hard limit; RLIM_INFINITY for none."""

_KEPT: Final = frozenset({RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_NOFILE})
_SET_ID_BITS: Final = 0o6000
_PERMISSION_BITS: Final = 0o777
_CAP_SYS_RESOURCE: Final = 24


class Attributes:
    """Umask, limits and names of one process."""

    def __init__(self, policy: Policy, files: Files, space: AddressSpace, *, owns_host: bool) -> None:
        """owns_host: whether the host's process is the guest's own."""
        self._policy, self._files, self._space, self._owns_host = policy, files, space, owns_host
        self._kept_umask: int | None = None
        self._host_umask: int | None = None
        self._limits: dict[int, Limit] = {}
        self.thread_names: dict[int, bytes] = {}
        """Host thread -> the name that a sandboxed guest gave it; the host's stays as it is."""

    def close(self) -> None:
        """Put back what a guest has changed of the host process and what can be put back."""
        before, self._host_umask = self._host_umask, None
        if before is not None:
            os.umask(before)

    # -- umask ----------------------------------------------------------------------------------------------------

    def umask(self, mask: int) -> int:
        """umask(2); mask: its permission bits count."""
        mask &= _PERMISSION_BITS
        if self._policy.everything or self._owns_host:
            before = os.umask(mask)
            if self._host_umask is None:
                self._host_umask = before
            return before
        before = _host_umask() if self._kept_umask is None else self._kept_umask
        self._kept_umask = mask
        return before

    @property
    def kept_umask(self) -> int | None:
        """The mask that is the guest's alone, None if it has set none."""
        return self._kept_umask

    def creation_mode(self, mode: int) -> int:
        """Return the mode to give a new file for the mode that the guest wants.

        A kept umask is applied; in a sandbox set-user-id and set-group-id are dropped (`may_set_ids`).
        """
        if not self.may_set_ids:
            mode &= ~_SET_ID_BITS
        return mode if self._kept_umask is None else mode & ~self._kept_umask

    @property
    def may_set_ids(self) -> bool:
        """Whether files may get set-user-id and set-group-id: a sandboxed guest would lend its user to others."""
        return self._policy.everything

    # -- limits ---------------------------------------------------------------------------------------------------

    def limit(self, number: int) -> Limit:
        """Return a resource limit.  Raises EINVAL for a number that is none."""
        kept = self._limits.get(number)
        if kept is not None:
            return kept
        before = original_stack_limit() if number == RLIMIT_STACK else None
        return host_limit(number) if before is None else _unsigned(before)

    def keeps(self, number: int, wanted: Limit) -> bool:
        """Tell whether `set_limit` would leave the host process as it is."""
        soft, hard = host_limit(number)
        return number in _KEPT and wanted[0] <= soft and wanted[1] <= hard

    def set_limit(self, number: int, wanted: Limit) -> None:
        """Change a resource limit.  Raises EINVAL, EPERM as the kernel."""
        before = self.limit(number)
        if wanted[0] > wanted[1]:
            raise OSError(EINVAL, "soft limit above the hard one")
        if number not in _KEPT:
            set_host_limit(number, wanted)
            return
        if wanted[1] > before[1] and not _may_raise_limits():
            raise OSError(EPERM, "raised hard limit")
        self._make_room(number, wanted)
        self._limits[number] = wanted
        self._enforce(number, wanted[0])

    def reserve_descriptors(self) -> None:
        """Let the engine have its descriptors beside all that the guest may have, where the host allows more."""
        guests = host_limit(RLIMIT_NOFILE)
        soft = min(guests[0] + RESERVED, guests[1])
        if self._files.limit == guests[0] < soft:
            set_host_limit(RLIMIT_NOFILE, (soft, guests[1]))
            self._limits[RLIMIT_NOFILE] = guests
            self._files.follow_host_limit()

    def _make_room(self, number: int, wanted: Limit) -> None:
        """Raise the host's own limits where the guest may now have more than they allow."""
        soft, hard = host_limit(number)
        if wanted[0] > soft or wanted[1] > hard:
            set_host_limit(number, (max(soft, wanted[0]), max(hard, wanted[1])))
            self._files.follow_host_limit()

    def _enforce(self, number: int, soft: int) -> None:
        if number == RLIMIT_NOFILE:
            self._files.limit = min(soft, sys.maxsize)
        elif number == RLIMIT_AS:
            self._space.limit = soft

    def kept_limits(self) -> dict[int, Limit]:
        """Return the limits that are the guest's alone."""
        return dict(self._limits)

    def apply(self) -> None:
        """Make the kept limits the host's own; for the moment before another program replaces this one.

        A stack limit that the guest did not set is `depth.restore_stack_limit`'s, which comes before.
        """
        for number, wanted in self._limits.items():
            with suppress(OSError):
                set_host_limit(number, wanted)


def _resource(number: int) -> tuple[Any, int]:
    """Return the module `resource` and the host's number of a limit.  Raises EINVAL."""
    try:
        import resource
    except ImportError:
        raise OSError(EINVAL, "no resource limits here") from None
    known: int = getattr(resource, RLIMIT_NAMES.get(number, ""), -1)
    if known < 0 and number in RLIMIT_NAMES and sys.platform == "linux":
        known = number  # those that the module does not name have the same numbers on all machines
    if known < 0:
        raise OSError(EINVAL, "resource")
    return resource, known


def _unsigned(pair: Limit) -> Limit:
    """Return a pair of the module `resource` as the guest's, where no limit is the largest number."""
    return pair[0] & RLIM_INFINITY, pair[1] & RLIM_INFINITY


def host_limit(number: int, pid: int = 0) -> Limit:
    """Return a limit of the host process, or of another one.  Raises EINVAL, ESRCH, EPERM."""
    resource, known = _resource(number)
    soft, hard = resource.prlimit(pid, known) if pid else resource.getrlimit(known)
    return _unsigned((soft, hard))


def set_host_limit(number: int, wanted: Limit, pid: int = 0) -> None:
    """Change a limit of the host process, or of another one.  Raises EINVAL, EPERM, ESRCH."""
    resource, known = _resource(number)
    if wanted[0] > wanted[1]:
        raise OSError(EINVAL, "soft limit above the hard one")
    pair = tuple(resource.RLIM_INFINITY if each > sys.maxsize else each for each in wanted)
    try:
        if pid:
            resource.prlimit(pid, known, pair)
        else:
            resource.setrlimit(known, pair)
    except ValueError:  # what the module makes of EINVAL and EPERM
        raise OSError(EPERM, "raised hard limit") from None


def _host_umask() -> int:
    """Return the host's umask without changing it, where the host tells; else by setting it twice.

    What other threads make between the two gets fewer rights than it should, never more.
    """
    fields = _status()
    if "Umask" in fields:
        return int(fields["Umask"], 8)
    with one_at_a_time():
        mask = os.umask(0o077)
        os.umask(mask)
    return mask


def _may_raise_limits() -> bool:
    fields = _status()
    if "CapEff" in fields:
        return bool(int(fields["CapEff"], 16) >> _CAP_SYS_RESOURCE & 1)
    return os.geteuid() == 0


def _status() -> dict[str, str]:
    """Return what /proc tells of this thread, {} if nothing."""
    with suppress(OSError, UnicodeDecodeError), open("/proc/thread-self/status", encoding="utf-8") as file:
        return {name: rest.strip() for name, _, rest in (line.partition(":") for line in file)}
    return {}
