"""Sockets, messages, waiting: what the kernel answers natively, WALI answers."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from running import Run, load
from test_calls import way_to_host

import pywasmjit as wj

HERE = Path(__file__).parent


@pytest.fixture
def work(tmp_path: Path) -> Path:
    os.umask(0o022)
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


BOTH = ("raw", "portable")
LABELS = ("sandbox", "everything")


def policy(label: str, work: Path) -> wj.Policy:
    if label == "everything":
        return wj.Policy.allow_all()
    return wj.Policy.sandbox([str(work.parent)], net=["127.0.0.1", "[::1]"])


def clean(work: Path) -> None:
    for path in sorted(work.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def compare(
    name: str, work: Path, *args: str, ways: tuple[str, ...] = ("raw",), labels: tuple[str, ...] = LABELS
) -> str:
    """Run a program natively and as Wasm under both policies; compare; return what it printed."""
    run = Run(HERE / f"{name}.c", args, {}, b"", work)
    expected = run.native()
    for way in ways:
        for label in labels:
            clean(work)
            with way_to_host(way):
                found = run.wasm(policy(label, work))
            assert found.stdout.decode() == expected.stdout.decode(), f"{label}, {way}"
            assert found == expected, f"{label}, {way}"
    return expected.stdout.decode()


def test_sockets_and_options(work: Path) -> None:
    compare("sockets", work, ways=BOTH)


def test_connections_and_datagrams(work: Path) -> None:
    compare("tcp", work)


def test_unix_sockets(work: Path) -> None:
    names = ["name", "./name", f"{work}/name", "missing/name", "name/", ".", "sub/../name", "x" * 80]
    compare("unix", work, *names, ways=BOTH)


def test_long_names_in_the_working_directory_of_the_process(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["x" * 107, "y" * 108, "./z"]
    expected = Run(HERE / "unix.c", names, cwd=work).native()
    clean(work)
    monkeypatch.chdir(work)
    with TemporaryFile() as stdout:
        wali = wj.Wali(["unix", *names], policy=wj.Policy.allow_all(), stdout=stdout)
        with wj.deadline(20):
            assert wali.start(wj.Instance(load(HERE / "unix.c"), wali)) == expected.status
        stdout.seek(0)
        assert stdout.read().decode() == expected.stdout.decode()


def test_messages(work: Path) -> None:
    compare("messages", work, ways=BOTH)


def test_poll_and_select(work: Path) -> None:
    printed = compare("pollers", work, ways=BOTH)
    assert "waited=1\n" in printed
    assert "waited=0\n" not in printed


def test_epoll(work: Path) -> None:
    compare("epoll", work)


def test_pipes_counters_and_timers(work: Path) -> None:
    compare("events", work)
