"""A directory and a link to outside change places while a guest uses them; `tests.stress.paths` does it for longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from pywasmjit.guest.kernel.portable import PortableKernel
from pywasmjit.guest.kernel.raw import RawKernel
from tests.stress.paths import race


@pytest.mark.parametrize("way", ["raw", "no openat2", "portable"])
def test_a_race_of_swaps_never_leads_out(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "portable":
        monkeypatch.setattr("pywasmjit.guest.process.choose", PortableKernel)
    elif way == "no openat2":
        monkeypatch.setattr(RawKernel, "_has_openat2", lambda self: False)
    report = race(tmp_path.resolve(), swaps=20_000)
    assert report.escapes == []
    assert report.calls > 20
    assert report.seen["inside"] > 0
