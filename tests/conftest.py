"""What every test may rely on, however the tests were started."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Let Ctrl-C interrupt: in what a shell starts in the background it is ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
