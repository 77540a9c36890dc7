"""Runs a program behind the kernel's walls alone: python walls_alone.py [--dir DIR]... [--allow NAME]... PROGRAM ARG...

The walls are those of a sandbox with the grants that are named; the engine's gate lets everything pass.  What the
program still cannot do, the kernel has refused.  Options are those of `pywasmjit run`, as far as they are needed, so
that whatever starts programs by that can start them by this.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import nullcontext

import pywasmjit as wj
from pywasmjit.diagnostics import attempt, leave, restore_signals
from pywasmjit.guest.policy.policy import Policy
from pywasmjit.guest.policy.walls import raise_walls
from pywasmjit.runtime.depth import raise_stack_limit
from pywasmjit.runtime.limits import parse_duration


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", action="append", default=[])
    parser.add_argument("--allow", action="append", default=[])
    parser.add_argument("--timeout")
    parser.add_argument("--no-walls", action="store_true", help="to see that the program does what it is to do")
    parser.add_argument("program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    restore_signals()
    raise_stack_limit()
    leave(attempt(lambda: run(given), given.program, verbose=False))


def run(given: argparse.Namespace) -> int:
    with wj.deadline(parse_duration(given.timeout)) if given.timeout else nullcontext():
        return run_behind_walls(given)


def run_behind_walls(given: argparse.Namespace) -> int:
    module = wj.Module.from_file(given.program)
    names = [given.program, *given.arguments]
    wali = wj.Wali(names, policy=Policy.allow_all(), owns_process=True)
    sandbox = Policy.sandbox(given.dir, given.allow)
    directories = [(os.open(each.host, os.O_PATH | os.O_DIRECTORY), each.read_only) for each in sandbox.dirs]
    if not given.no_walls:
        raise_walls(sandbox, directories, required=True, early_imports=wali.process.early_imports)
    return wali.start(wj.Instance(module, wali))


if __name__ == "__main__":
    sys.exit(main())
