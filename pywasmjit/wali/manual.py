"""docs/WALI.md, made from the declarations: `python -m pywasmjit.wali.manual` writes it anew."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from pywasmjit.guest.policy.policy import Capability, Grant
from pywasmjit.guest.policy.refused import RULES
from pywasmjit.guest.policy.walls import LEFT_TO_THE_GATE
from pywasmjit.guest.restart import Restart
from pywasmjit.wali.syscalls import TABLE
from pywasmjit.wali.table import Declaration, Text

FILE: Final = Path(__file__).parents[2] / "docs" / "WALI.md"

_LETTERS: Final = {"i32": "i", "i64": "I"}

_INTRODUCTION: Final = """\
# System calls

What a program may import from `wali`, and how much of it works. This page is made from the declarations in
`pywasmjit/wali/syscalls` by `python -m pywasmjit.wali.manual`: do not edit it.

* **Type** is the Wasm type of the import: `i` stands for i32, `I` for i64, `v` for no result. System calls return the
  kernel's result, an error as minus its number. A module may declare other widths of integers.
* **State** is *full*, or what does not work.
* **Needs** is what a sandboxed program must be granted: a capability (`--allow NAME`), or the directories that its
  paths lie in (`--dir`). Without it the call gives EPERM or EACCES. Programs under `-A` need nothing.
* **Restarts** tells whether the call goes on after a signal handler with SA_RESTART; otherwise it gives EINTR.

Every pointer is checked with its length before the host sees it (EFAULT). Any other name that begins with `SYS_` can be
imported too, with any type, and gives ENOSYS, which C libraries have a way around; `set_robust_list` is one of those.
Never offered, whatever is granted: ptrace, process_vm_readv, pidfd_getfd, io_uring, userfaultfd, bpf, perf_event_open,
keyctl, mount, setns, unshare, personality, modify_ldt, rseq.

Named deviations from Linux: brk always gives 0; protection of pages is bookkeeping, a wrong access does not fault;
faults of the host are traps, not signals; a signal's alternative stack is noted and not used; atomic instructions on
memory that processes share are atomic within one process only.

Numbers and layouts are those of x86-64 Linux on every machine; only `uname` and files of /proc tell of the host's.
Where the host's pages have more than 4096 bytes (as on some aarch64 and loongarch64), files are copied and not mapped:
a shared mapping reaches its file by msync, munmap, and the end of the program, and no memory is shared with children.

## The kernel's walls

Under `pywasmjit run` a sandboxed program's process is also kept by Linux itself, with Landlock and a seccomp filter, so
that a fault in the engine is not yet a way out (`--walls auto`; `require` runs nothing without them, `off` does not ask
for them). Landlock keeps it to the granted directories, for the content and the names of files, and to granted TCP
ports. The filter refuses, with EPERM:

* calls that no program is offered, and calls of capabilities that are not granted, of its own process too;
* changing, making and removing files and names, and their modes, owners and times, unless a directory is granted for
  writing; listening, naming and connecting sockets, unless that or an address is; looking at what links say and which
  rights there are, unless a directory is;
{refused}
* options of sockets and requests of ioctl that need more than is granted, or, unless `exec` is, are unknown;
* calls by i386 and x32 numbers, and those that are newer than Linux 6.18, with ENOSYS.

A wall refuses nothing that is granted. So, of what is not granted, it does not stop

| what | once this is granted | by these calls |
|---|---|---|
{left}

For these the engine's checks stand alone. Where walls stand, set-user-id programs that are executed get no privileges,
MSG_FASTOPEN gives EOPNOTSUPP where addresses are granted one by one, and `prctl(PR_GET_NO_NEW_PRIVS)` tells 1.
"""


def text() -> str:
    """Return the page."""
    refused = "\n".join(f"* {rule.why}{_unless(rule.unless)};" for rule in RULES)
    left = "\n".join(f"| {each.what} | {_any_of(each.once)} | {', '.join(each.calls)} |" for each in LEFT_TO_THE_GATE)
    return "\n".join([_INTRODUCTION.format(refused=refused, left=left), *_families()]) + "\n"


def _unless(grants: Iterable[Grant]) -> str:
    return f", unless {_any_of(grants)} is granted" if grants else ""


def _any_of(grants: Iterable[Grant]) -> str:
    return " or ".join(f"`{each.value}`" if isinstance(each, Capability) else each.value for each in grants)


def _families() -> Iterator[str]:
    families: dict[str, list[Declaration]] = {}
    for declaration in TABLE.values():
        families.setdefault(declaration.handler.__module__, []).append(declaration)
    for module in sorted(families):
        title = re.split(r"[:.]", import_module(module).__doc__ or module, maxsplit=1)[0]
        yield f"## {title}\n"
        yield "| call | type | state | needs | restarts | notes |"
        yield "|---|---|---|---|---|---|"
        for declaration in sorted(families[module], key=lambda each: each.name):
            yield _row(declaration)
        yield ""


def _row(declaration: Declaration) -> str:
    parameters, results = declaration.type.params, declaration.type.results
    letters = "".join(_LETTERS[str(each)] for each in parameters)
    type = f"({letters}){''.join(_LETTERS[str(each)] for each in results) or 'v'}"
    state = "full" if declaration.support.level == "full" else declaration.support.missing
    restarts = "yes" if declaration.restart is Restart.ALWAYS else ""
    cells = (f"`{declaration.import_name}`", f"`{type}`", state, _needs(declaration), restarts, _notes(declaration))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _needs(declaration: Declaration) -> str:
    if declaration.capability is not None:
        return declaration.capability.value
    return "directory" if any(isinstance(each.kind, Text) for each in declaration.parameters) else ""


def _notes(declaration: Declaration) -> str:
    """Return what the docstring says beyond naming the page of Linux's manual."""
    summary = re.sub(r"\s+", " ", declaration.summary)
    return re.sub(r"^Linux: [\w, ()]*\(2\)[.,;:]?\s*|^Linux: ", "", summary)


def main() -> None:
    """Write the page: to the file that is named, else to its place in the project."""
    parser = argparse.ArgumentParser(prog="python -m pywasmjit.wali.manual", description="Write docs/WALI.md anew.")
    parser.add_argument("file", nargs="?", type=Path, default=FILE, help="where to write it instead")
    target: Path = parser.parse_args().file
    target.write_text(text(), encoding="utf-8")
    print(f"{target}: {len(TABLE)} functions")


if __name__ == "__main__":
    main()
