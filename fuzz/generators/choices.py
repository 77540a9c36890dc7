"""Where a generator's decisions come from.

A generator asks `choose(n)` and nothing else, so the same code runs on a seeded
random generator, on hypothesis (which then shrinks), and on a recorded list of
answers (which `fuzz.shrinking` shortens).  Alternative 0 is always the simplest.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Choices(Protocol):
    """A source of decisions."""

    def choose(self, n: int) -> int:
        """Return a number in 0 .. n - 1, for n >= 1; 0 is the simplest."""


class RandomChoices:
    """Decisions from a seed; `taken` records them."""

    def __init__(self, seed: int) -> None:
        self.taken: list[int] = []
        self._random = random.Random(seed).random

    def choose(self, n: int) -> int:
        answer = int(self._random() * n)
        self.taken.append(answer)
        return answer


class ReplayedChoices:
    """Decisions from a list, each reduced to its range; 0 once the list is used up.  `taken` counts what was asked."""

    def __init__(self, answers: Sequence[int]) -> None:
        self._answers = answers
        self.taken = 0

    def choose(self, n: int) -> int:
        answer = self._answers[self.taken] if self.taken < len(self._answers) else 0
        self.taken += 1
        return answer if answer < n else n - 1


class DrawnChoices:
    """Decisions from a function of n, such as one that draws from hypothesis."""

    def __init__(self, draw: Callable[[int], int]) -> None:
        self._draw = draw

    def choose(self, n: int) -> int:
        return self._draw(n) if n > 1 else 0


def pick(choices: Choices, items: Sequence[T]) -> T:
    """Return one of `items`, the first being the simplest."""
    return items[choices.choose(len(items))]


def chance(choices: Choices, percent: int) -> bool:
    """Return True in `percent` of 100 cases; False is the simplest."""
    return choices.choose(100) >= 100 - percent
