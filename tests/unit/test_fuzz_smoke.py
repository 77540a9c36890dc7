"""The fuzzer itself: its modules are valid and varied, its comparisons strict, and what is broken is found."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

import fuzz
from fuzz import cases
from fuzz.differential import check, main, run_seeds
from fuzz.generators import encoder
from fuzz.generators.choices import RandomChoices, ReplayedChoices
from fuzz.generators.menu import COVERED
from fuzz.generators.modules import Generated, generate
from fuzz.generators.shape import ROWS
from fuzz.generators.strategies import modules
from fuzz.oracles import this_engine
from fuzz.oracles.outcome import Outcome, difference
from fuzz.oracles.wasmtime_engine import Wasmtime
from fuzz.shrinking import shrink
from fuzz.workers import Crash, in_child
from pywasmjit.codegen import bounds
from pywasmjit.codegen.baseline.driver import EMITTERS
from pywasmjit.runtime.memories import Memory
from pywasmjit.wasm import numerics
from pywasmjit.wasm.opcodes import BY_NAME

REGRESSIONS = sorted(path.parent for path in Path(fuzz.__file__).parent.glob("regressions/*/case.json"))


@pytest.fixture(scope="module")
def oracle() -> Wasmtime:
    return Wasmtime()


def from_seed(seed: int, size: int = 200) -> Generated:
    return generate(RandomChoices(seed), size)


# The generator


def test_every_implemented_instruction_has_a_rule() -> None:
    assert {op.mnemonic for op in ROWS} == COVERED


def test_every_implemented_instruction_appears() -> None:
    used: Counter[str] = Counter()
    for seed in range(600):
        used += from_seed(seed).used
    assert {op.mnemonic for op in ROWS} - set(used) == set()


def test_modules_are_valid_and_most_calls_return(oracle: Wasmtime) -> None:
    ends: Counter[str] = Counter()
    for seed in range(300):
        outcome = oracle.run(from_seed(seed))
        assert outcome.verdict == "valid", f"seed {seed}"
        ends.update(kind for kind, _ in outcome.calls)
        ends["budget left"] += outcome.globals.get("fuel", ("i32", 0))[1] != 0
    assert set(ends) == {"return", "trap", "budget left"}
    assert 0.03 < ends["trap"] / (ends["trap"] + ends["return"]) < 0.6
    assert ends["budget left"] > 100


def test_a_seed_is_a_full_description() -> None:
    choices = RandomChoices(5)
    first = generate(choices)
    assert from_seed(5) == first
    assert generate(ReplayedChoices(choices.taken)) == first
    assert from_seed(6).data != first.data


def test_no_choices_make_the_simplest_module() -> None:
    assert len(generate(ReplayedChoices([])).data) < 100


@given(case=modules())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_hypothesis_draws_is_valid(oracle: Wasmtime, case: Generated) -> None:
    assert oracle.is_valid(case.data)


@pytest.mark.parametrize(
    ("value", "shortest"), [(0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (624485, b"\xe5\x8e\x26")]
)
def test_unsigned_leb(value: int, shortest: bytes) -> None:
    assert encoder.u_leb(value) == shortest
    padded = encoder.u_leb(value, 2)
    assert len(padded) == len(shortest) + 2
    assert sum((byte & 0x7F) << 7 * i for i, byte in enumerate(padded)) == value


# Comparison and shrinking


def outcome_with(*results: tuple[str, Any]) -> dict[str, Any]:
    return Outcome(calls=[("return", list(results))]).to_json()


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (("i32", 5), ("i32", 5), True),
        (("i32", 5), ("i32", 6), False),
        (("f32", 0x7FC0_0000), ("f32", 0xFFC0_0001), True),
        (("f32", 0x7FC0_0000), ("f32", 0x7FA0_0000), False),
        (("f32", 0x7FA0_0000), ("f32", 0x7FA0_0000), True),
        (("f64", 0x7FF8 << 48), ("f64", 0xFFFF << 48), True),
        (("f64", 0), ("f64", 1 << 63), False),
        (("i64", 0x7FF8 << 48), ("i64", 0xFFF8 << 48), False),
        (("externref", "one"), ("externref", None), False),
    ],
)
def test_only_quiet_nans_are_interchangeable(expected: Any, actual: Any, same: bool) -> None:
    assert (difference(outcome_with(expected), outcome_with(actual)) == "") is same


def test_a_difference_names_its_place() -> None:
    found = difference(outcome_with(("i32", 1), ("i64", 2)), outcome_with(("i32", 1), ("i64", 3)))
    assert found == "calls[0][1][1]: expected i64 0x2, got i64 0x3"


def test_shrinking_keeps_what_matters() -> None:
    seed = next(n for n in range(100) if "table.fill" in from_seed(n).used)
    choices = RandomChoices(seed)
    before = generate(choices)

    def has_fill(answers: list[int]) -> bool:
        return "table.fill" in generate(ReplayedChoices(answers)).used

    after = generate(ReplayedChoices(shrink(choices.taken, has_fill, 5)))
    assert "table.fill" in after.used
    assert len(after.data) < len(before.data) / 4


def test_a_case_survives_on_disk(tmp_path: Path, oracle: Wasmtime) -> None:
    case = from_seed(7)
    outcome = oracle.run(case)
    cases.save(tmp_path / "seven", case, outcome, seed=7)
    loaded, expected = cases.load(tmp_path / "seven")
    assert (loaded.data, loaded.calls) == (case.data, case.calls)
    assert difference(expected, outcome.to_json()) == ""


def die(report: Callable[[Any], None]) -> None:
    report(("seed", 12))
    os.abort()


def test_a_dying_child_is_a_finding() -> None:
    heard: list[Any] = []
    with pytest.raises(Crash, match="exit status -6"):
        in_child(die, (), heard.append)
    assert heard == [("seed", 12)]


# The engine under test


@pytest.mark.parametrize("folder", REGRESSIONS, ids=lambda folder: folder.name)
def test_regression(folder: Path) -> None:
    case, expected = cases.load(folder)
    for asserting in (False, True):
        assert difference(expected, this_engine.run(case, asserting=asserting).to_json()) == ""


def test_no_difference_in_a_hundred_modules() -> None:
    heard: list[Any] = []
    tally = run_seeds(range(1000, 1100), 200, 3, heard.append)
    assert [message for message in heard if message[0] == "found"] == []
    assert tally.modules == 100


@pytest.mark.filterwarnings("ignore:The recursion limit will not be reset")  # the engine raises it, for good
@given(case=modules())
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_difference_in_what_hypothesis_draws(oracle: Wasmtime, case: Generated) -> None:
    assert check(case, oracle)[0] == ""


def first_difference(oracle: Wasmtime, most: int = 400) -> str:
    return next((found for seed in range(most) if (found := check(from_seed(seed), oracle)[0])), "")


@pytest.mark.parametrize("mnemonic", ["f64.nearest", "i64.trunc_f32_u", "i32.trunc_sat_f64_u"])
def test_a_broken_meaning_is_found(mnemonic: str, oracle: Wasmtime, monkeypatch: pytest.MonkeyPatch) -> None:
    right = numerics.FUNCTIONS[mnemonic]
    monkeypatch.setitem(numerics.FUNCTIONS, mnemonic, lambda *operands: right(*operands) + 1)
    found = first_difference(oracle)
    assert found != ""
    assert "crash" not in found


@pytest.mark.parametrize(
    ("mnemonic", "wrong"),
    [("i32.xor", "i32.or"), ("i32.le_s", "i32.lt_s"), ("i64.load16_s", "i64.load16_u"), ("f32.sub", "f32.add")],
)
def test_a_broken_emitter_is_found(
    mnemonic: str, wrong: str, oracle: Wasmtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EMITTERS, BY_NAME[mnemonic], EMITTERS[BY_NAME[wrong]])
    found = first_difference(oracle)
    assert found != ""
    assert "crash" not in found


def test_a_wrong_claim_is_found(oracle: Wasmtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound of additions that is one too low changes no code of most modules; where it holds, it is checked."""
    right = bounds.add
    monkeypatch.setattr(bounds, "add", lambda a, b: (right(a, b)[0], max(right(a, b)[0], right(a, b)[1] - 1)))
    found = first_difference(oracle)
    assert "WrongClaim" in found


def test_a_forgotten_bounds_check_is_found(oracle: Wasmtime, monkeypatch: pytest.MonkeyPatch) -> None:
    fill = Memory.fill

    def lenient(memory: Memory, address: int, value: int, size: int) -> None:
        if address + size <= len(memory):
            fill(memory, address, value, size)

    monkeypatch.setattr(Memory, "fill", lenient)
    assert first_difference(oracle, 2000) != ""


def test_the_command_reports_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--modules", "10", "--seed", "50"]) == 0
    assert "10 modules, seeds 50 to 59" in capsys.readouterr().out
