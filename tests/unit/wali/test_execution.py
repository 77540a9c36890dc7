"""The first line of a script, as the kernel reads it; and what is held together until a program is executed."""

from __future__ import annotations

import subprocess
import sys
from errno import ENOEXEC
from pathlib import Path

import pytest

from pywasmjit.guest.policy.policy import Policy
from pywasmjit.guest.processes import execution
from pywasmjit.guest.processes.execution import parse_script


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"#!/bin/sh\n", (b"/bin/sh", [])),
        (b"#!/bin/sh", (b"/bin/sh", [])),
        (b"#! \t/bin/sh  -e \t\nrest", (b"/bin/sh", [b"-e"])),
        (b"#!/bin/env a  b\n", (b"/bin/env", [b"a  b"])),
        (b"#!/bin/sh\0 -e\n", (b"/bin/sh", [])),
        (b"#!/bin/sh\t-e\0x\n", (b"/bin/sh", [b"-e"])),
        (b"#!/bin/sh -".ljust(256, b"e"), (b"/bin/sh", [b"-" + b"e" * 244])),
        (b"#!" + b"i" * 253 + b"\n", (b"i" * 253, [])),
        (b"#!" + b"i" * 253 + b" ", (b"i" * 253, [])),
    ],
)
def test_parse_script(head: bytes, expected: tuple[bytes, list[bytes]]) -> None:
    assert parse_script(head) == expected


@pytest.mark.parametrize("head", [b"#!", b"#!\n/bin/sh", b"#! \t \n", b"#!\0/bin/sh\n", b"#!".ljust(256, b"i")])
def test_a_line_without_an_interpreter(head: bytes) -> None:
    with pytest.raises(OSError, match="no interpreter") as raised:
        parse_script(head)
    assert raised.value.errno == ENOEXEC


def test_what_has_become_a_script_is_not_executed_by_its_descriptor(tmp_path: Path) -> None:
    """The kernel reads the first bytes anew, and would take the interpreter from the host, not from the guest."""
    program = tmp_path / "program"
    program.write_bytes(b"#!/bin/echo interpreted\n")
    program.chmod(0o755)
    code = """if True:
        import os, sys
        from pywasmjit.guest.processes.execution import _Placement, _call_execve
        file = os.open(sys.argv[1], os.O_PATH)
        with _Placement({}) as placement:
            try:
                _call_execve(placement.free_copy(file, inherited=False), [b"program"], [])
            except OSError as error:
                print(error.errno)
    """
    command = [sys.executable, "-c", code, str(program)]
    run = subprocess.run(command, capture_output=True, check=True, cwd=Path(execution.__file__).parents[2])
    assert run.stdout == b"2\n"


def test_execve_beside_others_without_room_for_a_thread_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(execution, "start_engine_thread", start)
    with pytest.raises(BlockingIOError):
        execution._apart(lambda: pytest.fail("executed"), Policy.sandbox())
