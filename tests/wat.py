"""Modules from text, for tests that need one in passing."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import wasmtime

import pywasmjit as wj


@lru_cache(maxsize=512)
def assemble(text: str) -> bytes:
    """Return the binary of a module in text form."""
    return bytes(wasmtime.wat2wasm(text))


def instance(text: str, imports: Any = None, *, name: str | None = None, **options: Any) -> wj.Instance:
    """Return an instance of a module in text form."""
    return wj.Instance(wj.Module(assemble(text), name=name), imports, **options)


def exports(text: str, imports: Any = None) -> Any:
    """Return the exports of an instance of a module in text form."""
    return instance(text, imports).exports
