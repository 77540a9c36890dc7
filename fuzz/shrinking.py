"""Shorter choices that still show a difference.

The generator turns any list of numbers into a well-typed module, and 0 is always
its simplest alternative.  So a case is made smaller by cutting spans out of the
list of answers and by setting answers to 0, with no knowledge of WebAssembly.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

Test = Callable[[list[int]], bool]


def shrink(answers: list[int], is_interesting: Test, seconds: float = 20.0) -> list[int]:
    """Return a shorter or simpler list for which `is_interesting` is true, as it is for `answers`."""
    end = monotonic() + seconds
    best = answers
    while monotonic() < end:
        smaller = _lower(_cut(_truncate(best, is_interesting), is_interesting, end), is_interesting, end)
        if smaller == best:
            break
        best = smaller
    return best


def _truncate(answers: list[int], is_interesting: Test) -> list[int]:
    """Cut the tail, about half of what is left at a time."""
    step = len(answers) // 2
    while step:
        if step < len(answers) and is_interesting(answers[:-step]):
            answers = answers[:-step]
        else:
            step //= 2
    return answers


def _cut(answers: list[int], is_interesting: Test, end: float) -> list[int]:
    """Cut spans out, long ones first."""
    span = max(len(answers) // 4, 1)
    while span and monotonic() < end:
        at = 0
        while at < len(answers) and monotonic() < end:
            attempt = answers[:at] + answers[at + span :]
            if is_interesting(attempt):
                answers = attempt
            else:
                at += span
        span //= 2
    return answers


def _lower(answers: list[int], is_interesting: Test, end: float) -> list[int]:
    """Set spans to 0, then single answers to smaller numbers."""
    span = max(len(answers) // 4, 1)
    while span and monotonic() < end:
        for at in range(0, len(answers), span):
            if any(answers[at : at + span]) and monotonic() < end:
                attempt = [*answers[:at], *[0] * len(answers[at : at + span]), *answers[at + span :]]
                if is_interesting(attempt):
                    answers = attempt
        span //= 2
    for at, answer in enumerate(answers):
        for lower in (answer // 256, answer // 2, answer - 1):
            if 0 < lower < answers[at] and monotonic() < end:
                attempt = [*answers[:at], lower, *answers[at + 1 :]]
                if is_interesting(attempt):
                    answers = attempt
    return answers
