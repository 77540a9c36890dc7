"""Run the benchmarks: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path

from benchmarks import comparison, figures
from benchmarks.engines import ENGINES
from benchmarks.kernels import load_kernels

EXAMPLES = """\
examples:
  python -m benchmarks                               the table, all engines that are installed
  python -m benchmarks --kernels fib,sieve --rounds 1
  python -m benchmarks --engines python,pywasmjit --plot docs/benchmarks.svg
  python -m benchmarks --figures                     calls, start-up, growth, recursion, leaks
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Compare pywasmjit with other engines, in CPU time, each sample in a fresh process.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--engines", default=",".join(ENGINES), help="default: %(default)s; absent ones are left out")
    parser.add_argument("--kernels", help="names, separated by commas (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="samples of each, default %(default)s")
    parser.add_argument("--target", type=float, default=0.2, metavar="SECONDS", help="aimed at per timed call")
    parser.add_argument("--timeout", type=float, default=90, metavar="SECONDS", help="for one sample")
    parser.add_argument("--pin", type=int, metavar="CPU", help="run the samples on this processor")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios (.svg, .png)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the raw samples")
    parser.add_argument("--figures", action="store_true", help="measure the other figures instead")
    parser.add_argument("--big", type=Path, metavar="FILE", help="module of about 1 MB for --figures")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if options.figures:
        return figures.main(options.big)
    try:
        kernels = load_kernels(options.kernels.split(",") if options.kernels else None)
        engines = comparison.installed(options.engines.split(","))
    except ValueError as error:
        sys.exit(f"benchmarks: {error}")
    done = comparison.compare(engines, kernels, options.rounds, options.target, options.timeout, options.pin)
    where = f"CPython {platform.python_version()}, {platform.machine()}"
    print(f"{where}; a ratio above 1 is slower than Python by hand\n")
    print(comparison.report(done))
    if options.json:
        rows = [{"engine": e, "kernel": k, "samples": s} for (e, k), s in done.samples.items()]
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    if options.plot:
        from benchmarks.plot import draw

        draw(done, options.plot, where)
    return 1 if any(engine == "pywasmjit" for engine, _ in done.failures) else 0


if __name__ == "__main__":
    sys.exit(main())
