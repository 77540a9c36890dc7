"""Random trees, random paths in them, and where such a path goes by the rules alone: an oracle for `test_path_cases`.

The tree is granted at its own place, so a path that stays inside means the same for the guest and for the host: there
the kernel's answer is the right one.  What the oracle adds is whether a path stays inside.
"""

from __future__ import annotations

import os
import random
import stat
from enum import Enum
from pathlib import Path

MOST_LINKS = 40


class Way(Enum):
    """Where a path goes."""

    INSIDE = "inside, or to an error before it leaves"
    ABOVE = "to a directory above the granted one"
    OUTSIDE = "out"


def make_tree(random: random.Random, top: Path) -> tuple[Path, list[str]]:
    """Make `box` and `outside` below `top`; return box, and the names that occur in it."""
    box, outside = top / "box", top / "outside"
    names = [f"n{number}" for number in range(8)]
    for start in (box, outside):
        dirs = [start]
        start.mkdir()
        for _ in range(14):
            made = random.choice(dirs) / random.choice(names)
            if not made.exists() and len(made.parts) < len(start.parts) + 5:
                made.mkdir()
                dirs.append(made)
        for _ in range(20):
            made = random.choice(dirs) / random.choice(names)
            if not made.exists():
                made.write_text(f"{start.name} {made.name}")
    inside = [box, *(Path(parent, name) for parent, names_, _ in os.walk(box) for name in names_)]
    for number in range(45):
        link = random.choice(inside) / (random.choice(names) if number % 3 == 0 else f"l{number % 10}")
        if not os.path.lexists(link):
            link.symlink_to(random_path(random, [*names, *(f"l{n}" for n in range(10))], box) or ".")
    return box, [*names, *(f"l{number}" for number in range(10))]


def random_path(random: random.Random, names: list[str], box: Path) -> str:
    """Return a path: names, dots, slashes, absolute or not."""
    start = random.choices(
        ["", f"{box}/", f"{box.parent}/", "/", "../", "../outside/", f"{box.parent}/outside/", f"//{box}//", "../box/"],
        [40, 10, 2, 1, 4, 3, 2, 2, 6],
    )[0]
    parts = random.choices(
        [*names, "..", ".", "", "missing"], [*[4] * len(names), 18, 6, 3, 1], k=random.randrange(0, 7)
    )
    end = random.choices(["", "/", "/.", "/..", "//"], [30, 3, 2, 3, 1])[0]
    return start + "/".join(parts) + (end if parts else "")


def way_of(path: str, box: Path, *, follow: bool) -> Way:
    """Tell where a path goes that is resolved in `box`; follow: over a link at its end too."""
    limits = [0]
    place = _walk(list(box.parts[1:]), path, box, follow, limits)
    return place if isinstance(place, Way) else _kind(place, box)


def _kind(place: list[str], box: Path) -> Way:
    parts = list(box.parts[1:])
    if place[: len(parts)] == parts:
        return Way.INSIDE
    return Way.ABOVE if parts[: len(place)] == place else Way.OUTSIDE


def _walk(place: list[str], path: str, box: Path, follow: bool, links: list[int]) -> list[str] | Way:
    """Return the place where a path ends, or how it goes before: INSIDE stands for an error on the way."""
    rest = [name for name in path.split("/") if name not in ("", ".")][::-1]
    must_follow = follow or path.rstrip("/") != path or path.endswith("/.")
    if path.startswith("/"):
        place = []
    while rest:
        name = rest.pop()
        if name == "..":
            place = place[:-1]
            continue
        here = [*place, name]
        kind = _kind(here, box)
        if kind is Way.OUTSIDE:
            return kind
        if kind is Way.INSIDE:
            step = _step(here, rest, links, must_follow)
            if step is None:
                return Way.INSIDE
            if step:
                place = [] if step.startswith("/") else place
                rest += [name for name in step.split("/") if name not in ("", ".")][::-1]
                must_follow = must_follow or (not rest and step.endswith("/"))
                continue
        place = here
    return place


def _step(here: list[str], rest: list[str], links: list[int], must_follow: bool) -> str | None:
    """Return a link's text where it is followed, "" for anything to go on at, None for an error."""
    path = "/" + "/".join(here)
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return "" if not rest else None
    if stat.S_ISLNK(mode) and (rest or must_follow):
        links[0] += 1
        return os.readlink(path) if links[0] <= MOST_LINKS else None
    return "" if stat.S_ISDIR(mode) or not rest else None
