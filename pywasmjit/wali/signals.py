"""The guest's signal state: dispositions and mask, as the guest reads them back.

Nothing is delivered yet: a handler is recorded and never called, since no call that could send a signal to the guest
itself is offered either; what the host sends has its effect on the host's process.
"""

from __future__ import annotations

from errno import EINVAL
from typing import TYPE_CHECKING, Final

from pywasmjit.wali.abi.signal import NSIG, SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, SIGKILL, SIGSTOP, UNBLOCKABLE

if TYPE_CHECKING:
    from pywasmjit.wali.process import Process
    from pywasmjit.wali.threads import GuestThread

Action = tuple[int, int, int, int]
"""handler, flags, restorer, mask: the fields of the guest's sigaction."""

_DEFAULT: Final[Action] = (0, 0, 0, 0)


class Signals:
    """Dispositions of signals 1 to 64, and the blocked set with bit n-1 for signal n."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._actions: dict[int, Action] = {}

    @property
    def mask(self) -> int:
        """The calling thread's blocked signals."""
        return self._process.threads.current.mask

    @mask.setter
    def mask(self, mask: int) -> None:
        self._process.threads.current.mask = mask

    def kick(self, thread: GuestThread) -> None:
        """Have a thread that waits in the kernel look up."""

    def action(self, number: int) -> Action:
        """Return the disposition of a signal.  Raises EINVAL for a number that is none."""
        if not 1 <= number <= NSIG:
            raise OSError(EINVAL, "no such signal")
        return self._actions.get(number, _DEFAULT)

    def set_action(self, number: int, action: Action) -> None:
        """Change a disposition.  Raises EINVAL for SIGKILL, SIGSTOP, and numbers that are none."""
        if not 1 <= number <= NSIG or number in (SIGKILL, SIGSTOP):
            raise OSError(EINVAL, "this signal's disposition cannot be changed")
        self._actions[number] = action

    def change_mask(self, how: int, signals: int) -> None:
        """Block, unblock or set; SIGKILL and SIGSTOP are left out.  Raises EINVAL for another `how`."""
        if how == SIG_BLOCK:
            mask = self.mask | signals
        elif how == SIG_UNBLOCK:
            mask = self.mask & ~signals
        elif how == SIG_SETMASK:
            mask = signals
        else:
            raise OSError(EINVAL, "how")
        self.mask = mask & ~UNBLOCKABLE

    def interrupting(self) -> bool:
        """Tell whether a handler is to run in the calling thread."""
        return False
