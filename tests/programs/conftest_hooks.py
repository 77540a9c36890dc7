"""Compiled programs need compilers: where one is missing the tests say so, and fail in continuous integration."""

from __future__ import annotations

import os

import pytest
from toolchain import ToolchainMissing


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):  # type: ignore[no-untyped-def]
    """Turn a missing compiler into a skip, or a failure where CI is set."""
    try:
        return (yield)
    except ToolchainMissing as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))
