"""The first line of a script, as the kernel reads it."""

from __future__ import annotations

from errno import ENOEXEC

import pytest

from pywasmjit.wali.execution import parse_script


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
