"""The page of system calls says what the declarations say."""

from __future__ import annotations

from pywasmjit.wali import manual
from pywasmjit.wali.syscalls import TABLE


def test_page_is_current() -> None:
    current = manual.FILE.exists() and manual.FILE.read_text(encoding="utf-8") == manual.text()
    assert current, "docs/WALI.md is out of date; write it anew by: python -m pywasmjit.wali.manual"


def test_every_function_has_a_row() -> None:
    page = manual.text()
    assert [name for name in TABLE if f"| `{name}` | `(" not in page] == []
    assert "| `SYS_fork` | `()I` | only in a process of the program's own, else EPERM | process |  |" in page
