"""Attack programs against the sandbox: none succeeds; natively each does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pywasmjit.guest.kernel import landlock
from pywasmjit.guest.policy.walls import COMPLETE
from tests.attacks.runner import Outcome, prove, run_behind_walls, run_group, targets
from tests.attacks.table import ATTACKS, LEFT_TO_THE_GATE, Attack, groups, left_to_the_gate, stopped_by_walls
from tests.attacks.targets import Targets


@pytest.fixture(scope="module")
def aims() -> Iterator[Targets]:
    with targets() as made:
        yield made


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Outcome]:
    """Outcomes so far: attacks of one group are made together."""
    return {}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: each.name)
def test_no_attack_succeeds(attack: Attack, aims: Targets, outcomes: dict[str, Outcome]) -> None:
    if attack.name not in outcomes:
        group = next(group for group in groups() if attack in group)
        outcomes.update({outcome.attack.name: outcome for outcome in run_group(aims, group)})
    outcome = outcomes[attack.name]
    assert outcome.signs == ()
    assert outcome.faults == (), outcome.output.decode("utf-8", "replace")[-3000:]


@pytest.mark.parametrize("attack", [each for each in ATTACKS if each.proof], ids=lambda each: each.name)
def test_without_a_sandbox_an_attack_succeeds(attack: Attack) -> None:
    assert prove(attack)


_behind_walls = pytest.mark.skipif(landlock.version() < COMPLETE, reason="this kernel has not all of the walls")


def outcomes_behind_walls(group: list[Attack], aims: Targets) -> list[str]:
    """Make attacks with the gate wide open, and return the signs of success, of which some must never be."""
    before = aims.contents()
    outcomes = run_behind_walls(aims, group)
    signs = [sign for outcome in outcomes for sign in outcome.signs]
    assert aims.contents() == before
    assert "shows the secret" not in signs
    assert not [sign for sign in signs if sign.startswith(("connected to TCP", "signals"))]
    assert [outcome.faults for outcome in outcomes] == [()] * len(group)
    return signs


@_behind_walls
@pytest.mark.parametrize("group", stopped_by_walls(), ids=lambda each: f"{each[0].name} and {len(each) - 1} others")
def test_walls_alone_stop_all_attacks_but_those_that_are_listed(group: list[Attack], aims: Targets) -> None:
    assert outcomes_behind_walls(group, aims) == []


@_behind_walls
@pytest.mark.parametrize("attack", left_to_the_gate(), ids=lambda each: each.name)
def test_what_is_listed_as_left_to_the_gate_gets_through_the_walls(attack: Attack, aims: Targets) -> None:
    """Else it does not belong to the list; content and connections are kept all the same."""
    assert outcomes_behind_walls([attack], aims) != []


def test_names_are_unique() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(names) == len(set(names)) >= 60
    assert set(names) >= set(LEFT_TO_THE_GATE)
