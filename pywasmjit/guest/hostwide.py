"""What the host's whole process has one of, and what is changed for a moment only: by one thread at a time.

That is the working directory, where a call has no other way to say where it means, and the umask, where the host has
no other way to tell it.  Two threads that did so at once would each put back what the other had just set.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager

from pywasmjit.runtime.depth import register_after_fork

_lock = threading.RLock()


def one_at_a_time() -> AbstractContextManager[object]:
    """Return a context that one thread of the process can be in."""
    return _lock


def _renew_lock() -> None:
    global _lock
    _lock = threading.RLock()


register_after_fork(_renew_lock)
