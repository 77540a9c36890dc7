"""The programs here are built and run by what `tests/programs` has for its own."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "programs"))

from conftest_hooks import pytest_runtest_call  # noqa: F401
