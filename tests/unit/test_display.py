"""Names from a module and a guest as they are shown: one line, nothing that steers a terminal, no end without a cut."""

from __future__ import annotations

import subprocess
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pywasmjit as wj
from pywasmjit.display import LONGEST, cut, for_shell, printable, quoted, shown
from pywasmjit.inspection import as_text, inspect_module
from tests.wat import assemble

EVIL = "a\n  1: trusted.wasm!main (function 0) at 0x1f\x1b[2J\u202e\x00"
TEXTS = st.text(st.characters(), max_size=400) | st.text("ab\n\x1b'\" $`\\-", max_size=400)


@given(TEXTS)
def test_what_is_shown_is_one_printable_line_of_bounded_length(text: str) -> None:
    for found in (shown(text), quoted(text)):
        assert found.isprintable()
        assert len(found) <= 12 * LONGEST
    assert cut(text, 10) == (text if len(text) <= 10 else text[:10] + "...")
    assert printable("plain é") == "plain é"


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_a_shell_reads_back_one_word(text: str) -> None:
    word = for_shell(text)
    assert word is not None
    assert word.isprintable()
    done = subprocess.run(["bash", "-c", f"printf '%s\\0' --dir {word}"], capture_output=True, check=True)
    assert done.stdout == b"--dir\0" + text.encode() + b"\0"


def test_what_nobody_can_read_is_no_advice() -> None:
    assert for_shell("/" * 100_000) is None
    assert for_shell("/x --allow-all #") == "'/x --allow-all #'"


def named(name: str) -> wj.Module:
    """Return a module whose one function has a name, and traps at the end of a recursion."""
    data = assemble("""(module (func $f (export "f") (param i32)
      (if (i32.eqz (local.get 0)) (then unreachable)) (call $f (i32.sub (local.get 0) (i32.const 1)))))""")
    start = data.index(b"\x00", data.rindex(b"\x04name") - 3) if b"\x04name" in data else len(data)
    encoded = name.encode()
    entry = b"\x01\x00" + leb(len(encoded)) + encoded
    section = b"\x04name\x01" + leb(len(entry)) + entry
    return wj.Module(data[:start] + b"\x00" + leb(len(section)) + section)


def leb(number: int) -> bytes:
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def trap_of(module: wj.Module, depth: int) -> wj.Trap:
    with pytest.raises(wj.Trap) as caught:
        wj.Instance(module).exports.f(depth)
    return caught.value


def test_a_name_makes_no_frame_of_its_own() -> None:
    trap = trap_of(named(EVIL), 3)
    assert len(trap.frames) == 4
    assert len(trap.backtrace().splitlines()) == 4
    assert all(line.isprintable() for line in trap.backtrace().splitlines())
    lines = "".join(traceback.format_exception(trap)).splitlines()
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("  1: trusted") for line in lines)


def test_a_long_name_fills_no_screen() -> None:
    module = named("x" * 1_000_000)
    trap = trap_of(module, 99)
    assert len(trap.backtrace()) < 100 * 2 * LONGEST
    assert len("".join(traceback.format_exception(trap))) < 100 * 10 * LONGEST
    assert module.syntax.function_name(0) == "x" * 1_000_000  # as data it stays what it is
    text = as_text(inspect_module(module.syntax.data, "file"))
    assert len(text) < 10_000


def test_errors_show_names_in_quotes_and_cut() -> None:
    wat = f'(module (import "{"m" * 5000}" "\\0a\\1b[2J" (func)))'
    with pytest.raises(wj.LinkError) as caught:
        wj.Instance(wj.Module(assemble(wat)), {})
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000
    assert caught.value.module == "m" * 5000
    inst = wj.Instance(wj.Module(assemble(f'(module (func (export "{"e" * 5000}")) (func (export "\\1b[2J")))')))
    with pytest.raises(AttributeError) as missing:
        _ = inst.exports.nothing
    for text in (str(missing.value), repr(inst.exports), repr(inst.exports["\x1b[2J"]), repr(inst.exports["e" * 5000])):
        assert text.isprintable()
        assert len(text) < 1000


def test_advice_that_is_pasted_grants_what_it_says(tmp_path: Path) -> None:
    """A guest chooses the path that it is denied."""
    from pywasmjit.guest.policy.policy import Policy
    from pywasmjit.wali.provider import WaliProcess

    reports: list[str] = []
    process = WaliProcess([b"p"], {}, Policy.sandbox([str(tmp_path)]), report=reports.append)
    try:
        with pytest.raises(PermissionError):
            process.paths.open(process.paths.cwd, b"/x --allow-all #/y", 0, 0)
    finally:
        process.close()
    assert reports == ["denied: access to '/x --allow-all #/y'; --dir '/x --allow-all #' grants it"]
