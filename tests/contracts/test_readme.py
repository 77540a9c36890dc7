"""What the README shows is what happens."""

from __future__ import annotations

import hashlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_python_examples_print_what_their_comments_say() -> None:
    code = "\n".join(blocks("python"))
    expected = re.findall(r"^\s*print\(.*\)\s+# (.*)$", code, re.MULTILINE)
    assert len(expected) == code.count("print(")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stderr, done.stdout.splitlines()) == ("", expected)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "pywasmjit", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, input="look\nquit\n")


def test_first_command_prints_the_digest() -> None:
    command = blocks("sh")[0].rpartition(".venv/bin/pywasmjit ")[2]
    done = run(*shlex.split(command))
    digest = hashlib.sha256((ROOT / "README.md").read_bytes()).hexdigest()
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{digest}  README.md\n", "")


def shell_commands() -> list[str]:
    lines = (line.partition("#")[0].strip() for line in blocks("sh")[2].splitlines())
    return [line.removeprefix("pywasmjit ") for line in lines if "app.wasm" not in line and "*" not in line]


@pytest.mark.parametrize("command", shell_commands())
def test_shell_examples_run(command: str) -> None:
    done = run(*shlex.split(command))
    assert done.stdout
    assert done.stderr == ""
    assert done.returncode == (1 if "adventure" in command else 0)  # giving up loses the game


def test_files_that_are_linked_exist() -> None:
    targets = re.findall(r"\]\(([^):]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
