"""Attack programs against the sandbox: none succeeds; natively each does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.runner import Outcome, prove, run_group, targets
from tests.attacks.table import ATTACKS, Attack, groups
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


def test_names_are_unique() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(names) == len(set(names)) >= 60
