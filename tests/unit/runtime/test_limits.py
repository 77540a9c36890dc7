"""Limits and the text form of sizes and durations."""

from __future__ import annotations

import dataclasses

import pytest

from pywasmjit.runtime.limits import Limits, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (0, 0),
        (65536, 65536),
        ("0", 0),
        ("1000", 1000),
        ("64MiB", 64 << 20),
        ("64 mib", 64 << 20),
        ("512k", 512 << 10),
        ("1.5G", 3 << 29),
        ("2GB", 2_000_000_000),
        (" 10 B ", 10),
        (".5KiB", 512),
        ("1t", 1 << 40),
    ],
)
def test_sizes(text, size):
    assert parse_size(text) == size
    assert type(parse_size(text)) is int


@pytest.mark.parametrize("text", ["", "MiB", "-1", "1 Mi", "1e3", "64XiB", "1 2", "٣", -1])
def test_unreadable_sizes(text):
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@pytest.mark.parametrize("value", [1.5, None, b"1"])
def test_sizes_of_other_types(value):
    with pytest.raises(TypeError):
        parse_size(value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2s", 2.0),
        ("500ms", 0.5),
        ("1.5", 1.5),
        (1.5, 1.5),
        (2, 2.0),
        ("2m", 120.0),
        ("1h", 3600.0),
        ("250 us", 250e-6),
    ],
)
def test_durations(text, seconds):
    assert parse_duration(text) == pytest.approx(seconds)
    assert type(parse_duration(text)) is float


@pytest.mark.parametrize("text", ["", "s", "-1s", "2d", "nan", "inf", -0.5, float("nan"), float("inf")])
def test_unreadable_durations(text):
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_limits_read_sizes_and_are_frozen():
    limits = Limits(memory="64MiB")
    assert (limits.memory, limits.memory_bytes, limits.table, limits.call_depth, limits.fuel) == (
        64 << 20,
        64 << 20,
        10_000_000,
        3_000,
        None,
    )
    assert Limits() == Limits(None)
    assert Limits().memory_bytes is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        limits.table = 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"memory": "much"}, ValueError),
        ({"memory": -1}, ValueError),
        ({"table": -1}, ValueError),
        ({"call_depth": 0}, ValueError),
        ({"fuel": -1}, ValueError),
        ({"table": None}, TypeError),
        ({"fuel": 1.5}, TypeError),
        ({"memory": 1.5}, TypeError),
    ],
)
def test_nonsense_limits_are_refused(arguments, error):
    with pytest.raises(error):
        Limits(**arguments)
