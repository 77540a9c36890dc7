"""Grants and policies as they are written on the command line and in Python."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pywasmjit.guest.policy.denials import Denials
from pywasmjit.guest.policy.policy import Capability, DirGrant, Granted, Policy, ro


@pytest.mark.parametrize(
    ("text", "host", "guest", "read_only"),
    [
        ("/data", "/data", "/data", False),
        ("/data:ro", "/data", "/data", True),
        ("/data:rw", "/data", "/data", False),
        ("/data::/mnt", "/data", "/mnt", False),
        ("/data::/mnt:ro", "/data", "/mnt", True),
        ("/a:b", "/a:b", "/a:b", False),
        ("/a::b::/c", "/a::b", "/c", False),
        ("/x::/", "/x", "/", False),
        ("/x/../y/::/a/./b/../c/", "/y", "/a/c", False),
        ("/x:ro:rw", "/x:ro", "/x:ro", False),
        ("/", "/", "/", False),
    ],
)
def test_parse(text: str, host: str, guest: str, read_only: bool) -> None:
    assert DirGrant.parse(text) == DirGrant(host, guest, read_only)


def test_relative_host_directory_is_seen_at_its_absolute_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert DirGrant.parse(".") == DirGrant(str(tmp_path), str(tmp_path))
    assert DirGrant.parse("sub::/s:ro") == DirGrant(str(tmp_path / "sub"), "/s", True)


@pytest.mark.parametrize("text", ["", ":ro", "::/x", "/x::", "/x::relative", "/x::rel:ro", "a\0b", "/x::/a\0"])
def test_parse_refuses(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST|absolute|name"):
        DirGrant.parse(text)


def test_dirs_as_a_mapping_of_guest_to_host(tmp_path: Path) -> None:
    policy = Policy.sandbox({"/data": tmp_path, "/etc": ro("/conf"), "/s": "/srv"})
    assert policy.dirs == (
        DirGrant(str(tmp_path), "/data"),
        DirGrant("/conf", "/etc", True),
        DirGrant("/srv", "/s"),
    )


def test_dirs_as_an_iterable(tmp_path: Path) -> None:
    policy = Policy.sandbox(["/a:ro", tmp_path, DirGrant("/x", "/y"), ro("/z")])
    assert [(each.guest, each.read_only) for each in policy.dirs] == [
        ("/a", True),
        (os.fspath(tmp_path), False),
        ("/y", False),
        ("/z", True),
    ]


def test_two_directories_at_one_place_are_refused() -> None:
    with pytest.raises(ValueError, match="two directories are granted as '/x'"):
        Policy.sandbox(["/a::/x", "/b::/x/"])


def test_capabilities() -> None:
    policy = Policy.sandbox(allow=["net", Capability.EXEC])
    assert policy.capabilities == {Capability.NET, Capability.EXEC}
    assert [policy.allows(each) for each in (None, Capability.NET, Capability.SIGNALS)] == [True, True, False]
    assert all(Policy.allow_all().allows(each) for each in Capability)
    assert not any(Policy.sandbox().allows(each) for each in Capability)
    with pytest.raises(ValueError, match=r"unknown capability 'everything'; known are net, exec"):
        Policy.sandbox(allow=["everything"])


def test_what_is_granted_in_any_part(tmp_path: Path) -> None:
    here = os.fspath(tmp_path)
    assert Policy.sandbox().granted == frozenset()
    assert Policy.sandbox([f"{here}:ro"]).granted == {Granted.READING}
    assert Policy.sandbox([f"{here}:ro", tmp_path / "x"]).granted == {Granted.READING, Granted.WRITING}
    assert Policy.sandbox(net=["127.0.0.1:80"]).granted == {Granted.ADDRESSES}
    assert Policy.sandbox(allow=["net", "exec"]).granted == {Granted.ADDRESSES, Capability.NET, Capability.EXEC}


def test_denials_are_told_once_per_kind() -> None:
    told: list[str] = []
    denials = Denials(told.append)
    denials.tell("dir", "access to 'a'", "--dir .")
    denials.tell("dir", "access to 'b'", "--dir .")
    denials.tell("net", "socket", "--allow net")
    assert told == ["denied: access to 'a'; --dir . grants it", "denied: socket; --allow net grants it"]
    Denials(None).tell("dir", "x", "y")
