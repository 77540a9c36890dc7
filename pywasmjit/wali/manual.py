"""docs/WALI.md, made from the declarations: `python -m pywasmjit.wali.manual` writes it anew."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from pywasmjit.wali.syscalls import TABLE
from pywasmjit.wali.table import Declaration, Restart, Text
from pywasmjit.wali.walls import LEFT_TO_THE_GATE

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
for them). A wall refuses nothing that is granted; so it does not stop

{left}
* connecting to Unix sockets by path, and giving them abstract names, once any directory is granted for writing;
* once addresses are granted one by one: UDP, TCP to other addresses at the same port, and listening at a port that the
  kernel chooses;
* writing to what lies in a read-only grant below one that is not;
* signals between a program's own processes.

For these the engine's checks stand alone. Where walls stand, set-user-id programs that are executed get no privileges,
calls by i386 and x32 numbers give ENOSYS, MSG_FASTOPEN gives EOPNOTSUPP where addresses are granted one by one, and
`prctl(PR_GET_NO_NEW_PRIVS)` tells 1.
"""


def text() -> str:
    """Return the page."""
    left = [f"* {why}: {', '.join(calls)};" for why, calls in LEFT_TO_THE_GATE.items()]
    return "\n".join([_INTRODUCTION.format(left="\n".join(left)), *_families()]) + "\n"


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


def main(arguments: list[str]) -> None:
    """Write the page: to the file that is named, else to its place in the project."""
    target = Path(arguments[0]) if arguments else FILE
    target.write_text(text(), encoding="utf-8")
    print(f"{target}: {len(TABLE)} functions")


if __name__ == "__main__":
    main(sys.argv[1:])
