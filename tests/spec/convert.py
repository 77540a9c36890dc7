"""Text modules to binary modules, by wasmtime's `wat2wasm`, kept on disk.

wat2wasm assembles and judges nothing beyond the text: an invalid module comes out as an invalid binary.  What it made
of the modules of one script is one file in the cache folder, named after the script's bytes and wasmtime's version.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import os
from pathlib import Path
from typing import Final

from .lexer import ScriptError
from .rewrite import rewrite
from .script import Format, ModuleSource

CACHE_VARIABLE: Final = "PYWASMJIT_SPEC_CACHE"

_FORMAT: Final = 1
"""Of the cache's files, and of `rewrite`: raise it when either changes."""


class ConversionError(Exception):
    """A text that wat2wasm refuses, in its words (first line and place)."""


def cache_folder() -> Path:
    """Return the folder of the cache; the environment variable PYWASMJIT_SPEC_CACHE names another one."""
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named) if named else Path(__file__).with_name(".cache")


class Converter:
    """Binary forms of the modules of one script.

    path: the script.  Results are read from the cache; `save` writes it if something was converted.
    """

    def __init__(self, path: Path, folder: Path | None = None) -> None:
        version = importlib.metadata.version("wasmtime")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        self._file = (folder or cache_folder()) / f"{path.stem}-{digest}-{version}-{_FORMAT}.json"
        self._known: dict[str, str] = {}
        self._is_changed = False
        if self._file.exists():
            self._known = json.loads(self._file.read_text("ascii"))

    def binary(self, source: ModuleSource) -> bytes:
        """Return the binary form of a module; ConversionError if it has none."""
        if source.format is Format.BINARY:
            return source.content
        key = hashlib.sha256(source.content).hexdigest()[:32]
        if key not in self._known:
            self._known[key] = _convert(source.content)
            self._is_changed = True
        return base64.b64decode(self._known[key])

    def save(self) -> None:
        """Write the cache; a reader sees the old file or the new one."""
        if not self._is_changed:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(self._known), "ascii")
        temporary.replace(self._file)
        self._is_changed = False


def _convert(text: bytes) -> str:
    """Return the binary form in base 64; ConversionError."""
    import wasmtime  # a foreign library of many megabytes: loaded only when the cache lacks something

    try:
        return _encode(wasmtime.wat2wasm(text))
    except wasmtime.WasmtimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        message = " ".join(lines[:2])
    try:
        return _encode(wasmtime.wat2wasm(rewrite(text)))
    except (wasmtime.WasmtimeError, ScriptError):
        raise ConversionError(message) from None


def _encode(data: bytes | bytearray) -> str:
    return base64.b64encode(data).decode("ascii")
