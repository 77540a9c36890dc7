"""What a guest asked for and did not get: told once for each kind, with the option that grants it."""

from __future__ import annotations

from collections.abc import Callable


class Denials:
    """Tells about denied requests, once per kind."""

    def __init__(self, report: Callable[[str], None] | None) -> None:
        self._report = report
        self._told: set[str] = set()

    def tell(self, kind: str, request: str, option: str) -> None:
        """Report that `request` was denied and which option grants it, unless one of this kind was told before."""
        if kind not in self._told:
            self._told.add(kind)
            if self._report is not None:
                self._report(f"denied: {request}; {option} grants it")
