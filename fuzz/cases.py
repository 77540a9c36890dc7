"""A module, its calls and what they must do, as a folder of two files.

`module.wasm` is the module; `case.json` has the calls, the expected outcome, the
seed it came from and what was different when it was found.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from fuzz.generators.modules import Generated
from fuzz.oracles.outcome import Outcome
from pywasmjit.wasm.decoder import decode
from pywasmjit.wasm.printer import print_body


def save(folder: Path, case: Generated, expected: Outcome, **notes: Any) -> None:
    """Write a case; `notes` are kept beside it for the reader."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "module.wasm").write_bytes(case.data)
    content = {**notes, "calls": case.calls, "expected": expected.to_json()}
    (folder / "case.json").write_text(json.dumps(content, indent=1) + "\n")


def listing(data: bytes) -> str:
    """Return the bodies of a module as text, for the reader of a difference."""
    module = decode(data)
    first = module.imported_count("func")
    return "\n".join(line for i in range(len(module.bodies)) for line in print_body(module, first + i)) + "\n"


def load(folder: Path) -> tuple[Generated, dict[str, Any]]:
    """Return the case and the expected outcome, in the form of `Outcome.to_json`."""
    content = json.loads((folder / "case.json").read_text())
    calls = tuple((name, tuple(arguments)) for name, arguments in content["calls"])
    return Generated((folder / "module.wasm").read_bytes(), calls, Counter()), content["expected"]
