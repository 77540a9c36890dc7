"""Makes a missing compiler a skip, or a failure in continuous integration."""

from conftest_hooks import pytest_runtest_call  # noqa: F401
