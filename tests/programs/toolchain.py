"""Builds the C programs of the tests, as Wasm by the PyPI package ziglang and natively by the machine's `cc`.

Results are kept in a directory (`PYWASMJIT_TEST_CACHE`, else tests/.cache) under a hash of everything that they are
made from, so a run over several Pythons compiles once.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("PYWASMJIT_TEST_CACHE") or HERE.parent / ".cache") / "programs"

TARGET = ("--target=wasm32-linux-muslwali", "-matomics", "-mbulk-memory")
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-builtin", "-I", str(HERE))
LINK = ("--shared-memory", "--export-memory", "--max-memory=2147483648", "-z", "stack-size=1048576", "--entry=_start")
NATIVE = ("-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-builtin", "-I", str(HERE))


class ToolchainMissing(Exception):
    """A compiler that the tests need is not installed."""


def wasm_program(source: Path) -> Path:
    """Return the Wasm build of a C file.  Raises ToolchainMissing without ziglang, unless the build is kept."""
    return _cached(source, ".wasm", (*TARGET, *FLAGS, *LINK), _build_wasm)


def native_program(source: Path) -> Path:
    """Return the native build of a C file.  Raises ToolchainMissing without a C compiler."""
    return _cached(source, "", NATIVE, _build_native)


def _cached(source: Path, suffix: str, flags: tuple[str, ...], build: object) -> Path:
    relative = [flag for flag in flags if str(HERE) not in flag]
    headers = sorted({*HERE.glob("*.h"), *source.parent.glob("*.h")})
    parts = [source.read_bytes(), *(header.read_bytes() for header in headers), "\0".join(relative).encode()]
    key = hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]
    target = CACHE / f"{source.stem}-{key}{suffix}"
    if not target.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f"{target.name}.{os.getpid()}")
        build(source, unfinished)  # type: ignore[operator]
        unfinished.rename(target)
    return target


def _build_wasm(source: Path, target: Path) -> None:
    if importlib.util.find_spec("ziglang") is None:
        raise ToolchainMissing("the package ziglang is not installed")
    zig = [sys.executable, "-m", "ziglang"]
    compiled = target.with_name(f"{target.name}.o")
    _run([*zig, "clang", *TARGET, *FLAGS, "-c", str(source), "-o", str(compiled)])
    _run([*zig, "wasm-ld", *LINK, str(compiled), "-o", str(target)])
    compiled.unlink()


def _build_native(source: Path, target: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        raise ToolchainMissing("there is no C compiler cc")
    _run([compiler, *NATIVE, str(source), "-o", str(target)])


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{result.stdout}{result.stderr}")


if __name__ == "__main__":
    for each in sys.argv[1:]:
        print(wasm_program(Path(each)), native_program(Path(each)))
