"""Words of a trace, and what it costs when there is none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pywasmjit.guest.abi.fcntl import OPEN_FLAGS
from pywasmjit.guest.abi.wait import IDTYPES, WAIT4_OPTIONS
from pywasmjit.guest.policy.policy import Policy
from pywasmjit.wali.provider import WaliProcess
from pywasmjit.wali.strace import Trace, describe_status, name_bits, quote
from pywasmjit.wali.syscalls import TABLE


@pytest.mark.parametrize(
    ("value", "names", "expected"),
    [
        (0, OPEN_FLAGS, "O_RDONLY"),
        (0o2000101, OPEN_FLAGS, "O_WRONLY|O_CREAT|O_CLOEXEC"),
        (0o4010002, OPEN_FLAGS, "O_SYNC|O_RDWR"),
        (0x4000_0000, OPEN_FLAGS, "O_RDONLY|0x40000000"),
        (0, WAIT4_OPTIONS, "0"),
        (3, WAIT4_OPTIONS, "WNOHANG|WUNTRACED"),
        (-0x8000_0000, WAIT4_OPTIONS, "__WCLONE"),
        (2, IDTYPES, "P_PGID"),
        (7, IDTYPES, "7"),
    ],
)
def test_name_bits(value: int, names: Mapping[str, int], expected: str) -> None:
    assert name_bits(value, names) == expected


def test_quote() -> None:
    assert quote(b'a"b\\c\n\t\r\x00\x7f\xff ~') == r'"a\"b\\c\n\t\r\x00\x7f\xff ~"'


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0x2500, "exited with 37"),
        (9, "killed by signal 9"),
        (0x86, "killed by signal 6, core dumped"),
        (0x137F, "stopped by signal 19"),
        (0xFFFF, "continued"),
    ],
)
def test_describe_status(status: int, expected: str) -> None:
    assert describe_status(status) == expected


def test_calls_that_are_not_traced_are_left_alone(tmp_path: Path) -> None:
    process = WaliProcess([b"p"], {}, Policy.sandbox())
    trace = Trace.to_file(str(tmp_path / "trace"), ["read"])
    bound = lambda *_: 0  # noqa: E731
    close = TABLE["SYS_close"]
    assert trace.wrap(close, bound, process, close.type) is bound


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_call_can_be_traced(name: str, tmp_path: Path) -> None:
    """With addresses outside of memory, as nothing is there yet."""
    process = WaliProcess([b"p"], {}, Policy.sandbox())
    trace = Trace.to_file(str(tmp_path / "trace"))
    declaration = TABLE[name]
    traced = trace.wrap(declaration, lambda *_: 5, process, declaration.type)
    for value in (0, 1, 0xFFFF_FFFF):
        assert traced(*[value] * len(declaration.type.params)) == 5
    lines = (tmp_path / "trace").read_text().splitlines()
    assert len(lines) in (3, 6)
    assert all(f" {declaration.name}(" in line for line in lines)


@pytest.mark.parametrize(
    ("value", "only", "file"),
    [
        ("", (), False),
        ("open,read", ("open", "read"), False),
        ("read", ("read",), False),
        ("read,", (), True),
        ("calls.txt", (), True),
        ("./read", (), True),
    ],
)
def test_what_the_option_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, only: tuple[str, ...], file: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    trace = Trace.asked_for(value)
    assert trace._only == frozenset(only)
    assert [path.name for path in tmp_path.iterdir()] == ([value.removeprefix("./")] if file else [])


def test_a_misspelt_call_among_others_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="there is no call 'opem'"):
        Trace.asked_for("opem,read")
    assert list(tmp_path.iterdir()) == []


# -- the file of a trace ----------------------------------------------------------------------------------------------


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "trace").symlink_to("precious")
    with pytest.raises(OSError, match="symbolic link"):
        Trace.to_file(str(tmp_path / "trace"))
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_program_may_not_write_where_its_trace_lies(tmp_path: Path) -> None:
    """Whatever the directory is called, and wherever links lead."""
    granted, other = tmp_path / "granted", tmp_path / "other"
    (granted / "below").mkdir(parents=True)
    other.mkdir()
    (other / "way").symlink_to(granted / "below")
    policy = Policy.sandbox([str(granted)])
    for place in (granted, granted / "below", other / "way", granted / ".." / "granted"):
        with pytest.raises(ValueError, match="may write"):
            Trace.to_file(str(place / "trace"), (), policy)
    assert [path.name for path in tmp_path.rglob("trace")] == []
    for fine in (Policy.sandbox([f"{granted}:ro"]), Policy.allow_all(), None):
        Trace.to_file(str(granted / "trace"), (), fine)
    Trace.to_file(str(other / "trace"), (), policy)
    assert (other / "trace").read_text() == ""
