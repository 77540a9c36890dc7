"""18 kernels: C sources, the modules built from them, the same algorithms written by hand in Python.

Each module exports `run(reps: i32)`, a fixed unit of work repeated `reps` times.
`kernels.json` holds the results for a ladder of `reps`, so every timed call is checked.
`build.sh` builds `wasm/` (clang's default features) and `wasm-mvp/` (Wasm 1.0 only) anew.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Kernel:
    """One kernel: its name, what it is about, its result type, and (reps, expected result) in rising order."""

    name: str
    what: str
    result: str
    ladder: tuple[tuple[int, int | float], ...]

    def module(self, flavour: str) -> bytes:
        """Return the module's bytes; flavour: "wasm" or "wasm-mvp"."""
        return (FOLDER / flavour / f"{self.name}.wasm").read_bytes()

    def accepts(self, step: int, got: int | float) -> bool:
        """Is `got` the result of `run(ladder[step][0])`?  Signed and unsigned forms of an integer are equal."""
        want = self.ladder[step][1]
        if self.result.startswith("f"):
            return got == want or (math.isnan(got) and math.isnan(want))
        return (int(got) - int(want)) % (1 << int(self.result[1:])) == 0


def load_kernels(names: list[str] | None = None) -> list[Kernel]:
    """Return the kernels of those names (all if None), in alphabetical order; ValueError for an unknown name."""
    rows = json.loads((FOLDER / "kernels.json").read_text())
    kernels = [Kernel(row["name"], row["what"], row["result"], tuple(map(tuple, row["ladder"]))) for row in rows]
    unknown = set(names or ()) - {kernel.name for kernel in kernels}
    if unknown:
        raise ValueError(f"unknown kernels: {', '.join(sorted(unknown))}")
    return [kernel for kernel in kernels if names is None or kernel.name in names]
