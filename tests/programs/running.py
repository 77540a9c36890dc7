"""Runs a C program of the tests both ways, natively and as Wasm, and tells what came of it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

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
        command = [self.source.stem, *self.args]
        program = native_program(self.source)
        result = subprocess.run(
            command,
            executable=program,
            env=dict(self.env),
            input=self.stdin,
            capture_output=True,
            cwd=self.cwd,
            timeout=TIMEOUT,
            check=False,
        )
        return Outcome(result.returncode, result.stdout, result.stderr, tree_of(self.cwd))

    def wasm(self, policy: wj.Policy | None = None) -> Outcome:
        """Run the Wasm build in this process; by default in a sandbox with its working directory at its own place."""
        here = self.cwd.resolve()
        policy = policy or wj.Policy.sandbox([str(here)])
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            stdin.write(self.stdin)
            stdin.seek(0)
            wali = wj.Wali(
                [self.source.stem, *self.args],
                self.env,
                policy,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=str(here),
                report=None,
            )
            with wj.deadline(TIMEOUT):
                status = wali.start(wj.Instance(load(self.source), wali))
            outputs = []
            for file in (stdout, stderr):
                file.seek(0)
                outputs.append(file.read())
        return Outcome(status, outputs[0], outputs[1], tree_of(self.cwd))


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
            kind: object = "dir" if path.is_dir() else "special"
            if path.is_symlink():
                kind = os.readlink(path)
            elif path.is_file():
                kind = path.read_bytes()
            found[str(path.relative_to(top))] = (kind, mode)
    return found
