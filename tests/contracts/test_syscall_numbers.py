"""Deny by default, number by number: what a sandboxed program has of each of the host's system calls."""

from __future__ import annotations

from errno import ENOSYS, EPERM
from pathlib import Path

import pytest

from pywasmjit import Policy, Wali
from pywasmjit.wali.abi.numbers import BY_MACHINE
from pywasmjit.wali.dispatch import absent, bind
from pywasmjit.wali.refused import refusals
from pywasmjit.wali.syscalls import TABLE
from pywasmjit.wasm.types import FuncType

LIST = Path(__file__).with_name("syscalls_x86_64.txt")
NUMBERS = range(601)
ANY_TYPE = FuncType(("i32",) * 6, ("i64",))


def listed() -> dict[int, list[str]]:
    """Return number -> name, gate, wall."""
    lines = [line for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {int(number): rest for number, *rest in (line.split(maxsplit=1) for line in lines)}


def names() -> dict[int, str]:
    return {number: rest[0].split()[0] for number, rest in listed().items()}


def gate(name: str) -> str:
    """Return what calling the import gives a program without grants: by the function that it is bound to."""
    with Wali(policy=Policy.sandbox(), report=None) as wali:
        declaration = TABLE.get(f"SYS_{name}")
        if declaration is None:
            result = absent(ANY_TYPE)(*range(6))
            assert result == -ENOSYS & 0xFFFF_FFFF_FFFF_FFFF
            return "never"
        bound = bind(declaration, wali.process, declaration.type)
        if declaration.capability is None:
            assert bound.__name__ == declaration.import_name
            return "reached"
        result = bound(*[0] * len(declaration.parameters))
        assert result == -EPERM & 0xFFFF_FFFF_FFFF_FFFF
        return f"needs {declaration.capability.value}"


def wall(name: str) -> str:
    rules = [rule for rule in refusals(Policy.sandbox(), 4321) if rule.call == name]
    if any(not rule.tests for rule in rules):
        return "refused"
    return "some" if rules else "free"


def line(number: int, name: str) -> str:
    return f"{number} {name:<24} {gate(name):<14} {wall(name)}"


@pytest.mark.parametrize("first", range(0, 601, 100))
def test_every_number_is_answered_as_listed(first: int) -> None:
    known = listed()
    for number in range(first, min(first + 100, NUMBERS.stop)):
        if number in known:
            assert f"{number} {known[number][0]}" == line(number, names()[number])


def test_numbers_are_those_that_the_engine_uses() -> None:
    by_name = {name: number for number, name in names().items()}
    assert len(by_name) == len(listed())
    assert max(by_name.values()) in NUMBERS
    used = BY_MACHINE["x86_64"]
    assert {name: by_name.get(name) for name in used} == used


def test_every_declared_call_of_linux_is_in_the_list() -> None:
    """What is declared under another name is an older or a newer name of a call in the list."""
    declared = {name.removeprefix("SYS_") for name in TABLE if name.startswith("SYS_")}
    assert declared - set(names().values()) == {"fstatat", "fadvise"}


def test_a_call_that_nobody_may_make_is_refused_or_harmless() -> None:
    """Calls that are never offered and that the filter lets through change nothing outside of the process's own files.

    The engine, its Python or the C library makes some of them; others are left for executed programs.
    """
    free = {name for name in names().values() if gate(name) == "never" and wall(name) == "free"}
    dangerous = {
        *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "io_uring_setup", "userfaultfd", "bpf"),
        *("perf_event_open", "keyctl", "add_key", "mount", "setns", "unshare", "personality", "modify_ldt"),
        *("execveat", "clone3", "open_by_handle_at", "kexec_load", "init_module", "reboot", "swapon", "setxattr"),
    }
    assert not free & dangerous
    assert "rseq" in free  # the C library registers each new thread


if __name__ == "__main__":
    head = [line for line in LIST.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    LIST.write_text("\n".join([*head, *(line(*each) for each in names().items())]) + "\n", encoding="utf-8")
