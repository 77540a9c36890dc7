"""The seccomp filter by itself: its program is run here for every call that matters, on all machines."""

from __future__ import annotations

import os
from collections.abc import Sequence
from errno import ENOSYS, EOPNOTSUPP, EPERM

import pytest
from refused_cases import ALWAYS, CASES, OTHER, WORDS, grants
from refused_cases import PID as OWN

from pywasmjit import Policy
from pywasmjit.guest.kernel import landlock_abi as rights
from pywasmjit.guest.kernel import seccomp
from pywasmjit.guest.kernel import seccomp_abi as abi
from pywasmjit.guest.kernel.numbers import BY_MACHINE, NEWEST
from pywasmjit.guest.kernel.seccomp import Refusal, When
from pywasmjit.guest.policy.policy import Capability, Grant, Granted
from pywasmjit.guest.policy.refused import NEVER, WITHOUT, refusals
from pywasmjit.guest.policy.walls import LEFT_TO_THE_GATE

X86_64 = BY_MACHINE["x86_64"]
PID = 4321
GETPID = 39


def answer(program: bytes, number: int, arguments: Sequence[int] = (), arch: int = abi.ARCHITECTURES["x86_64"]) -> int:
    """Run a filter on one call; return its errno, 0 if the call is allowed."""
    words = [number, arch, 0, 0]
    for argument in (*arguments, *[0] * (6 - len(arguments))):
        words += [argument & 0xFFFF_FFFF, argument >> 32 & 0xFFFF_FFFF]
    accumulator = place = 0
    while True:
        code, if_true, if_false, operand = abi.INSTRUCTION.unpack_from(program, place * abi.INSTRUCTION.size)
        place += 1
        match code:
            case abi.LOAD:
                accumulator = words[operand // 4]
            case abi.AND:
                accumulator &= operand
            case abi.JUMP:
                place += operand
            case abi.JUMP_EQUAL:
                place += if_true if accumulator == operand else if_false
            case abi.JUMP_GREATER_EQUAL:
                place += if_true if accumulator >= operand else if_false
            case abi.RETURN:
                return 0 if operand == abi.RET_ALLOW else operand - abi.RET_ERRNO


def filter_of(policy: Policy, machine: str = "x86_64") -> bytes:
    return seccomp.assemble(refusals(policy, PID), BY_MACHINE[machine], machine)


def ask(policy: Policy, call: str, *arguments: int) -> int:
    return answer(filter_of(policy), X86_64[call], arguments)


SANDBOX = Policy.sandbox()
ALL = Policy.sandbox(["/granted"], allow=["net", "exec", "process", "signals", "ipc", "system"])


def all_but(grant: Grant) -> Policy:
    if isinstance(grant, Capability):
        return Policy.sandbox(["/granted"], allow=[each for each in Capability if each is not grant])
    return Policy.sandbox(["/granted:ro"] if grant is Granted.WRITING else [], allow=list(Capability))


# -- the program ------------------------------------------------------------------------------------------------------


def test_rules_for_one_call_are_alternatives_and_tests_of_a_rule_belong_together() -> None:
    rules = [
        Refusal("read", (When(0, (1, 2)), When(1, (0xFF,), mask=0xFF, other=True)), errno=5),
        Refusal("read", (When(2, (7,), high=True),), errno=6),
        Refusal("write"),
        Refusal("unheard-of"),
    ]
    program = seccomp.assemble(rules, X86_64, "x86_64")
    assert answer(program, X86_64["read"], [1, 0xFE]) == 5
    assert answer(program, X86_64["read"], [2, 0x1FE]) == 5
    assert answer(program, X86_64["read"], [2, 0x1FF]) == 0
    assert answer(program, X86_64["read"], [3, 0]) == 0
    assert answer(program, X86_64["read"], [3, 0, 7]) == 0
    assert answer(program, X86_64["read"], [3, 0, 7 << 32]) == 6
    assert answer(program, X86_64["write"], [3]) == EPERM
    assert answer(program, GETPID, [3]) == 0


def test_other_machines_calls_are_refused() -> None:
    program = filter_of(ALL)
    assert answer(program, GETPID) == 0
    assert answer(program, GETPID, arch=0x4000_0003) == ENOSYS
    assert answer(program, GETPID | 0x4000_0000) == ENOSYS


def test_calls_that_nobody_has_thought_about_are_not_there() -> None:
    for policy in (SANDBOX, ALL):
        program = filter_of(policy)
        assert [answer(program, number) for number in (NEWEST + 1, NEWEST + 2, 600, 0x7FFF_FFFF)] == [ENOSYS] * 4
    assert answer(seccomp.assemble([], X86_64, "x86_64"), NEWEST) == 0
    assert all(number <= NEWEST for numbers in BY_MACHINE.values() for number in numbers.values())


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50, 469])
def test_every_call_finds_its_own_answer(count: int) -> None:
    """Neighbours with the same answer are one range, at both ends too; far ones are beyond a short jump."""
    numbers = {f"call{number}": number for number in range(NEWEST + 1)}
    errnos = {number * 7 % (NEWEST + 1): 1 + number // 3 % 90 for number in range(count)}
    rules = [Refusal(f"call{number}", (), errno) for number, errno in errnos.items()]
    tested = [Refusal(f"call{number}", (When(0, (5,)),), 99) for number in range(0, NEWEST + 1, 3)]
    program = seccomp.assemble([*rules, *tested], numbers, "x86_64")
    for number in range(NEWEST + 1):
        expected = errnos.get(number, 0)
        assert answer(program, number) == expected
        assert answer(program, number, [5]) == (expected or (0 if number % 3 else 99))


def test_neighbours_with_one_answer_are_one_range() -> None:
    one = seccomp.assemble(
        [Refusal(call) for call in ("read", "write", "open", "close")], X86_64 | {"close": 3}, "x86_64"
    )
    other = seccomp.assemble([Refusal("read")], X86_64, "x86_64")
    assert len(one) == len(other)


@pytest.mark.parametrize("machine", sorted(BY_MACHINE))
def test_every_machine_has_a_filter(machine: str) -> None:
    numbers, arch = BY_MACHINE[machine], abi.ARCHITECTURES[machine]
    for policy in (SANDBOX, ALL):
        program = filter_of(policy, machine)
        assert len(program) // 8 <= abi.MOST_INSTRUCTIONS
        for call in NEVER:
            if call in numbers:
                assert answer(program, numbers[call], arch=arch) == EPERM, call
        for call in ("read", "write", "mmap", "futex", "openat2", "rt_sigprocmask", "getrandom", "ppoll"):
            assert answer(program, numbers[call], arch=arch) == 0, call
    missing = {call for call in NEVER if call not in numbers}
    of_x86 = {"modify_ldt", "iopl", "ioperm", "uselib", "_sysctl"}
    assert missing == (set() if machine == "x86_64" else of_x86)


def test_numbers_of_a_machine_are_those_of_different_calls() -> None:
    for numbers in BY_MACHINE.values():
        assert len(set(numbers.values())) == len(numbers)


# -- the policy -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grant", list(WITHOUT), ids=lambda each: each.name.lower())
def test_calls_of_a_grant_need_it(grant: Grant) -> None:
    without = all_but(grant)
    for call in WITHOUT[grant]:
        assert ask(SANDBOX, call) == EPERM, call
        assert ask(without, call) == EPERM, call
        assert ask(ALL, call) == 0, call


@pytest.mark.parametrize("machine", sorted(BY_MACHINE))
@pytest.mark.parametrize("name", WORDS)
def test_every_call_is_refused_as_listed(name: str, machine: str) -> None:
    words, numbers = WORDS[name], BY_MACHINE[machine]
    policy = Policy.sandbox(**grants(words, "/granted"))  # type: ignore[arg-type]
    program = filter_of(policy, machine)
    found, expected = {}, {}
    for case in CASES:
        if case.call in numbers:
            values = [{OWN: PID, OTHER: PID + 1}.get(each, each) for each in case.arguments]
            masked = [int(each) & 0xFFFF_FFFF_FFFF_FFFF for each in values]
            found[case] = answer(program, numbers[case.call], masked, abi.ARCHITECTURES[machine])
            expected[case] = 0 if case.is_let_through(words) else EPERM
    assert len(found) > 130
    assert found == expected


def test_cases_tell_of_every_rule() -> None:
    """No rule is there of which nobody would notice that it is not: each has a case that needs it."""
    told = {case.call for case in CASES if case.needs != ALWAYS}
    conditional = {rule.call for rule in refusals(SANDBOX, PID) if rule.tests}
    assert conditional | {rule.call for rule in refusals(all_but(Granted.WRITING), PID) if rule.tests} <= told | {
        *("socketpair", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")  # told apart below
    }


def test_what_is_left_to_the_gate_gets_through() -> None:
    for left in LEFT_TO_THE_GATE:
        unconditional = {rule.call for rule in refusals(ALL, PID) if not rule.tests}
        assert not unconditional & set(left.calls), left.what
        for grant in left.once:
            with_it = Policy.sandbox(["/granted"], allow=[grant] if isinstance(grant, Capability) else [])
            if grant is Granted.ADDRESSES:
                with_it = Policy.sandbox(net=["127.0.0.1"])
            assert not {rule.call for rule in refusals(with_it, PID) if not rule.tests} & set(left.calls), left.what


THREAD, FORK = 0x3D0F00, 0x1200011


def test_processes_are_made_with_the_capability_only_and_threads_always() -> None:
    process = Policy.sandbox(allow=["process"])
    assert ask(SANDBOX, "clone", FORK) == EPERM
    assert ask(process, "clone", FORK) == 0
    assert [ask(policy, "clone", THREAD) for policy in (SANDBOX, process)] == [0, 0]
    assert [ask(policy, "clone", FORK | 0x1000_0000) for policy in (SANDBOX, process, ALL)] == [EPERM] * 3
    assert [ask(policy, "clone3") for policy in (SANDBOX, process, ALL)] == [ENOSYS] * 3


def test_other_processes_are_out_of_reach() -> None:
    for call in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
        assert ask(SANDBOX, call, PID, PID, 15) == 0
        for other in (PID + 1, 1, 0, -1 & 0xFFFF_FFFF, -PID & 0xFFFF_FFFF):
            assert ask(SANDBOX, call, other, PID, 15) == EPERM
            assert ask(Policy.sandbox(allow=["signals"]), call, other, PID, 15) == 0
    assert [ask(SANDBOX, "prlimit64", pid) for pid in (0, PID, 1)] == [0, 0, EPERM]
    assert ask(SANDBOX, "kill", PID | 1 << 40) == 0  # the kernel takes the lower half too


def test_without_the_network_there_are_unix_sockets_only() -> None:
    stream, datagram, raw = 1, 2, 3
    internet = Policy.sandbox(net=["127.0.0.1:80"])
    for family in (2, 10):
        assert ask(SANDBOX, "socket", family, stream) == EPERM
        for policy in (internet, ALL):
            assert ask(policy, "socket", family, stream | 0o2004000) == 0
            assert ask(policy, "socket", family, datagram, 17) == 0
            assert ask(policy, "socket", family, raw, 1) == EPERM
            assert ask(policy, "socket", family, stream, 262) == EPERM
    for policy in (SANDBOX, internet, ALL):
        assert ask(policy, "socket", 1, stream) == 0
        assert [ask(policy, "socket", family, raw) for family in (16, 17, 40)] == [EPERM] * 3
        assert [ask(policy, "socketpair", family, stream) for family in (1, 30)] == [0, EPERM]


def test_sockets_are_named_where_something_can_be_named(tmp_path: object) -> None:
    here = os.fspath(tmp_path)  # type: ignore[call-overload]
    for call, arguments in {"connect": [], "bind": [], "sendto": [3, 0, 0, 0, 1 << 33]}.items():
        assert ask(SANDBOX, call, *arguments) == EPERM
        assert ask(Policy.sandbox([f"{here}:ro"]), call, *arguments) == EPERM
        for policy in (Policy.sandbox([here]), Policy.sandbox(net=["127.0.0.1"]), ALL):
            assert ask(policy, call, *arguments) == 0
    assert ask(SANDBOX, "sendto", 3, 4096, 10) == 0


def test_sending_connects_nowhere_where_addresses_are_granted_one_by_one() -> None:
    """The kernel answers in the same way where it is not to connect by sending at all."""
    one, fast = Policy.sandbox(net=["127.0.0.1:80"]), 0x2000_4000
    for call, arguments in {"sendto": [3, 0, 1, fast, 1], "sendmsg": [3, 0, fast]}.items():
        assert ask(one, call, *arguments) == EOPNOTSUPP
        assert ask(one, call, *[each & ~0x2000_0000 for each in arguments]) == 0
        assert ask(ALL, call, *arguments) == 0


def test_nobody_types_for_others() -> None:
    assert [ask(ALL, "ioctl", 0, request) for request in (0x5412, 0x541C, 0x5401)] == [EPERM, EPERM, 0]


# -- Landlock ---------------------------------------------------------------------------------------------------------


def test_each_version_is_asked_for_what_it_knows() -> None:
    assert [rights.known_fs(version) for version in range(8)] == [
        *(0, 0x1FFF, 0x3FFF, 0x7FFF, 0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF)
    ]
    assert [rights.known_net(version) for version in range(8)] == [0, 0, 0, 0, 3, 3, 3, 3]
    assert [rights.known_scopes(version) for version in range(8)] == [0, 0, 0, 0, 0, 0, 3, 3]
    assert (rights.RULESET.size, rights.PATH_BENEATH.size, rights.NET_PORT.size) == (24, 12, 16)
