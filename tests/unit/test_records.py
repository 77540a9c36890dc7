"""Records behave as data classes do."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any

import pytest

from pywasmjit.records import fresh, record, replace


@record(frozen=True)
class Point:
    """A place."""

    x: int
    y: int = 0

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("left of everything")


@record()
class Basket:
    """Something that changes."""

    owner: str
    things: list[str] = fresh(default_factory=list)


@record(frozen=True, slots=False, kw_only=True)
class Base:
    """Fields that are named."""

    first: int = 1


@record(frozen=True, slots=False, kw_only=True)
class Derived(Base):
    """More of them."""

    second: int


def test_fields_are_given_by_place_and_by_name() -> None:
    assert (Point(1).x, Point(1).y) == (1, 0)
    assert Point(1, 2) == Point(y=2, x=1)
    with pytest.raises(TypeError, match="z"):
        Point(1, z=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="x"):
        Point()  # type: ignore[call-arg]


def test_what_follows_the_fields_is_called() -> None:
    with pytest.raises(ValueError, match="left"):
        Point(-1)


def test_defaults_can_be_made_for_each_object() -> None:
    one, other = Basket("a"), Basket("b")
    one.things.append("apple")
    assert (one.things, other.things) == (["apple"], [])
    assert Basket("c", ["pear"]).things == ["pear"]


def test_frozen_records_do_not_change_and_can_be_keys() -> None:
    point = Point(1, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.x = 3  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x
    assert {point: "here"}[Point(1, 2)] == "here"
    with pytest.raises(TypeError, match="unhashable"):
        hash(Basket("a"))


def test_equality_asks_for_the_class() -> None:
    assert Point(1, 0) != (1, 0)
    assert Derived(second=1) != Base()


def test_slots_leave_no_room_for_other_attributes() -> None:
    with pytest.raises(AttributeError):
        Basket("a").other = 1  # type: ignore[attr-defined]
    assert not hasattr(Point(1), "__dict__")


def test_text_names_the_fields() -> None:
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"


def test_fields_are_inherited_and_can_be_named_only() -> None:
    derived: Any = Derived
    assert repr(derived(second=2)) == "Derived(first=1, second=2)"
    with pytest.raises(TypeError):
        derived(1, 2)


def test_patterns_match() -> None:
    match Point(3, 4):
        case Point(x, y=4):
            assert x == 3
        case _:
            raise AssertionError("no match")


def test_records_can_be_pickled_copied_and_replaced() -> None:
    point = Point(1, 2)
    assert pickle.loads(pickle.dumps(point)) == copy.copy(point) == point
    assert replace(point, y=5) == Point(1, 5)
    assert copy.deepcopy(Basket("a", ["b"])).things == ["b"]


def test_the_standard_library_takes_records_for_data_classes() -> None:
    assert [field.name for field in dataclasses.fields(Point)] == ["x", "y"]
    assert dataclasses.replace(Point(1, 2), x=3) == Point(3, 2)
    assert dataclasses.asdict(Basket("a", ["b"])) == {"owner": "a", "things": ["b"]}


def test_help_shows_the_arguments() -> None:
    assert str(inspect.signature(Point)) == "(x: 'int', y: 'int' = 0)"
