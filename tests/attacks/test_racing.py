"""Attacks by threads: none succeeds; against an engine that does not hold on to what it has checked, some do."""

from __future__ import annotations

import pytest

from pywasmjit.guest.kernel import landlock
from pywasmjit.guest.policy.walls import COMPLETE
from pywasmjit.wali.syscalls import TABLE
from pywasmjit.wali.table import Buffer, Descriptor, Text
from tests.attacks.racing import SWAPS, WITHOUT, Race, races, run, successes
from tests.attacks.runner import targets

MILLISECONDS = 40
MODES = [
    "off",
    pytest.param("require", marks=pytest.mark.skipif(landlock.version() < COMPLETE, reason="not all of the walls")),
]


@pytest.mark.parametrize("walls", MODES)
@pytest.mark.parametrize("kind", SWAPS)
def test_no_racing_attack_succeeds(kind: str, walls: str) -> None:
    chosen = [race for race in races() if race.kind == kind]
    with targets() as aims:
        outcome = run(aims, chosen, milliseconds=MILLISECONDS, walls=walls)
        found = successes(aims, chosen, outcome, milliseconds=20 * MILLISECONDS, walls=walls)
    assert found == {}
    assert outcome.tries.keys() == {race.name for race in chosen}
    assert min(outcome.tries.values()) > 0


def test_without_holding_on_a_racing_attack_succeeds() -> None:
    """Or the others would prove nothing; `--prove` tries them all."""
    race = Race("open", "path", "working-directory")
    with targets() as aims:
        found = any(run(aims, [race], milliseconds=1500, faulty=True).signs for _ in range(10))
    assert found


def test_what_lies_outside_has_the_size_that_the_program_looks_for() -> None:
    with targets() as aims:
        assert (aims.top / "outside" / "dir" / "file").stat().st_size == 96
        assert (aims.top / "ro" / "file").stat().st_size == 8


def calls_about_names() -> set[str]:
    """Return the calls that take a descriptor, a path, or a socket's address."""
    found = set()
    for declaration in TABLE.values():
        kinds = [each.kind for each in declaration.parameters]
        addressed = any(isinstance(kind, Buffer) and kind.size == "addrlen" for kind in kinds)
        if addressed or any(isinstance(kind, Descriptor | Text) for kind in kinds):
            found.add(declaration.name)
    return found


def test_every_call_about_a_name_is_under_attack() -> None:
    tried = {race.call for race in races()}
    names = {
        name for name in calls_about_names() if not any(each == name or each.startswith(f"{name}_") for each in tried)
    }
    assert names - WITHOUT.keys() == set()
    assert WITHOUT.keys() & tried == set()
    assert len(races()) > 200
