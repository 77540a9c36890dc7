"""The picture for the README: one row per kernel, one mark per engine, times Python by hand on a logarithmic axis."""

from __future__ import annotations

from pathlib import Path

from benchmarks.comparison import BASELINE, Comparison, number
from benchmarks.engines import ENGINES

COLOURS = {"wasmtime": "#7a7a7a", "pywasmjit": "#c2410c", "ppci": "#0f766e", "pywasm": "#4338ca"}
MARKS = {"wasmtime": "s", "pywasmjit": "o", "ppci": "^", "pywasm": "D"}


def draw(comparison: Comparison, path: Path, subtitle: str) -> None:
    """Write the picture; the format is that of the file name's ending.  Needs matplotlib."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "benchmarks"
    mpl.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot as plt

    names = [kernel.name for kernel in comparison.kernels]
    figure, axes = plt.subplots(figsize=(8, 0.27 * len(names) + 1.6))
    for engine in (name for name in comparison.engines if name != BASELINE):
        points = [(comparison.ratio(engine, name), row) for row, name in enumerate(names)]
        known = [(ratio, row) for ratio, row in points if ratio is not None]
        if not known:
            continue
        label = f"{ENGINES[engine].title} (mean {number(comparison.geometric_mean(engine))})"
        axes.scatter(
            *zip(*known, strict=True), s=42, color=COLOURS[engine], marker=MARKS[engine], label=label, zorder=3
        )
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(True, axis="x", color="#dddddd", zorder=0)
    axes.grid(True, axis="y", color="#eeeeee", zorder=0)
    axes.tick_params(length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel("CPU time, as a multiple of the same algorithm written by hand in Python (less is better)")
    axes.set_title(subtitle, fontsize=9, color="#555555")
    figure.legend(loc="upper center", ncols=4, frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0, 1, 0.95))
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
