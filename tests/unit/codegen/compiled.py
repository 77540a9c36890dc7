"""What became of a function, for tests to look at."""

from __future__ import annotations

from types import CodeType
from typing import Any

import pywasmjit as wj


def code_of(inst: wj.Instance, name: str) -> CodeType:
    """Return the compiled code of an exported function."""
    inst.module.compile()
    function: Any = inst.exports[name].function
    inst._linkage.link(inst._linkage.functions.index(function))
    return function.__code__  # type: ignore[no-any-return]
