"""Runs a C program of the tests both ways, natively and as Wasm, and tells what came of it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG
from tempfile import TemporaryFile
from typing import IO

from toolchain import native_program, wasm_program

import pywasmjit as wj

TIMEOUT = 30


@dataclass(frozen=True)
class Outcome:
    """What a run left behind.

    tree: path below the working directory -> what is there ("dir", a link's target, a file's content), with the mode.
    """

    status: int
    stdout: bytes
    stderr: bytes
    tree: Mapping[str, tuple[object, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One run of a program: arguments after its name, environment, standard input, working directory."""

    source: Path
    args: Sequence[str | bytes] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    cwd: Path = Path()

    def native(self) -> Outcome:
        """Run the build of the machine's compiler."""
        program = native_program(self.source)

        def run(*streams: IO[bytes]) -> int:
            command = [self.source.stem, *self.args]
            stdin, stdout, stderr = streams
            options = {
                "executable": program,
                "env": dict(self.env),
                "cwd": self.cwd,
                "timeout": TIMEOUT,
                "process_group": 0,
            }
            result = subprocess.run(command, stdin=stdin, stdout=stdout, stderr=stderr, check=False, **options)
            return result.returncode

        return self._observe(run)

    def wasm(self, policy: wj.Policy | None = None) -> Outcome:
        """Run the Wasm build in this process; by default in a sandbox with its working directory at its own place."""
        here = str(self.cwd.resolve())

        def run(*streams: IO[bytes]) -> int:
            names = [self.source.stem, *self.args]
            stdin, stdout, stderr = streams
            options = {"stdin": stdin, "stdout": stdout, "stderr": stderr, "cwd": here, "report": None}
            wali = wj.Wali(names, self.env, policy or wj.Policy.sandbox([here]), **options)
            with wj.deadline(TIMEOUT):
                return wali.start(wj.Instance(load(self.source), wali))

        return self._observe(run)

    def _observe(self, run: Callable[..., int]) -> Outcome:
        """Call `run` with three files as standard streams, and look at what it did."""
        with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
            stdin.write(self.stdin)
            stdin.seek(0)
            status = run(stdin, stdout, stderr)
            stdout.seek(0)
            stderr.seek(0)
            return Outcome(status, stdout.read(), stderr.read(), tree_of(self.cwd))


@cache
def load(source: Path) -> wj.Module:
    """Return the module of a program, built if need be."""
    return wj.Module.from_file(wasm_program(source))


def tree_of(top: Path) -> dict[str, tuple[object, ...]]:
    """Describe everything below a directory."""
    found: dict[str, tuple[object, ...]] = {}
    for parent, dirs, files in os.walk(top):
        for name in (*dirs, *files):
            path = Path(parent, name)
            mode = path.lstat().st_mode
            kind: object = "special"
            if S_ISLNK(mode):
                kind = os.readlink(path)
            elif S_ISDIR(mode):
                kind = "dir"
            elif S_ISREG(mode):
                kind = path.read_bytes()
            found[str(path.relative_to(top))] = (kind, mode)
    return found
