"""The generator as a hypothesis strategy: each decision is a draw, so hypothesis shrinks modules."""

from __future__ import annotations

from hypothesis import strategies as st

from fuzz.generators.choices import DrawnChoices
from fuzz.generators.modules import Generated, generate


@st.composite
def modules(draw: st.DrawFn, size: int = 20) -> Generated:
    """Draw a well-typed module with small bodies; hypothesis bounds how many draws one example may make."""
    return generate(DrawnChoices(lambda n: draw(st.integers(0, n - 1))), size)
