"""Restart classes: what a call that a signal has interrupted does next.  Source: signal(7)."""

from __future__ import annotations

import enum


class Restart(enum.Enum):
    """What a call does after EINTR when a handler with SA_RESTART has run (signal(7))."""

    NEVER = "never"
    ALWAYS = "always"
