"""A guard for the conformance tests: an engine that hangs ends the run with a traceback of all threads."""

from __future__ import annotations

import faulthandler
from collections.abc import Iterator
from typing import Final

import pytest

SCRIPT_TIMEOUT_S: Final = 300.0


@pytest.fixture(autouse=True)
def _hang_guard() -> Iterator[None]:
    faulthandler.dump_traceback_later(SCRIPT_TIMEOUT_S, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
