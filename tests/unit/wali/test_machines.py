"""Numbers, flags and layouts of other machines, against tables that were written apart from the package."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import machines as golden
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pywasmjit.guest.kernel as kernels
from pywasmjit.guest.abi import fcntl
from pywasmjit.guest.kernel import host
from pywasmjit.guest.kernel.machines import MACHINES
from pywasmjit.guest.kernel.portable import PortableKernel
from pywasmjit.guest.kernel.raw import RawKernel

FOREIGN = ("aarch64", "riscv64", "loongarch64")
U32 = st.integers(0, (1 << 32) - 1)
U64 = st.integers(0, (1 << 64) - 1)
I64 = st.integers(-(1 << 63), (1 << 63) - 1)

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux's own headers and calls")


def expected_numbers(machine: str) -> dict[str, int]:
    return golden.X86_64_NUMBERS if machine == "x86_64" else golden.GENERIC_NUMBERS


def expected_flags(machine: str) -> dict[str, int]:
    return golden.ARM_OPEN_FLAGS if machine == "aarch64" else golden.OPEN_FLAGS


# -- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_are_those_of_the_headers(machine: str) -> None:
    expected = expected_numbers(machine)
    for name, number in MACHINES[machine].numbers.items():
        assert expected[name] == number, name


@pytest.mark.parametrize("machine", MACHINES)
def test_every_call_that_the_engine_makes_has_a_number(machine: str) -> None:
    folder = Path(inspect.getfile(kernels)).parents[1]
    sources = "".join(path.read_text() for path in folder.rglob("*.py"))
    made = set(re.findall(r'_call\(\s*"(\w+)"', sources)) | set(re.findall(r'_numbers\["(\w+)"\]', sources))
    made |= set(re.findall(r'self\._name\("(\w+)"', sources))
    assert len(made) > 50
    assert made - MACHINES[machine].numbers.keys() == set()
    assert made & (golden.X86_64_ONLY | {"renameat"}) == set()


def test_calls_without_a_number_on_younger_machines() -> None:
    asked = """
        open stat lstat access pipe select poll dup2 epoll_create epoll_wait eventfd signalfd fork vfork getpgrp rename
        mkdir rmdir link unlink symlink readlink chmod chown lchown utime utimes futimesat creat alarm pause getdents
        time mknod inotify_init
    """
    assert set(asked.split()) < golden.X86_64_ONLY
    for name in ("aarch64", "riscv64", "loongarch64"):
        assert MACHINES[name].numbers.keys() & golden.X86_64_ONLY == set()


@linux
@pytest.mark.parametrize("machine", MACHINES)
def test_the_golden_numbers_are_those_of_installed_headers(machine: str) -> None:
    header = {
        "x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
        "aarch64": "/usr/include/asm-generic/unistd.h",
        "riscv64": "/usr/riscv64-linux-gnu/include/asm-generic/unistd.h",
        "loongarch64": "/usr/include/asm-generic/unistd.h",
    }[machine]
    if not Path(header).exists():
        pytest.skip(f"no {header}")
    text = Path(header).read_text()
    found = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+) (\d+)", text)}
    found["newfstatat"] = found.get("newfstatat", found.get("fstatat", -1))
    known = {name: number for name, number in expected_numbers(machine).items() if name in found}
    assert len(known) > 250
    assert known == {name: found[name] for name in known}


# -- flags of open ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", MACHINES)
def test_every_flag_of_open_alone(machine: str) -> None:
    flags = MACHINES[machine].open_flags
    for name, value in expected_flags(machine).items():
        assert flags.to_host(golden.OPEN_FLAGS[name]) == value, name
        assert flags.to_guest(value) == golden.OPEN_FLAGS[name], name
    for mode in range(4):
        assert flags.to_host(mode) == flags.to_guest(mode) == mode


@pytest.mark.parametrize(
    ("guest", "arm"),
    [
        (0o20200002, 0o20040002),  # O_TMPFILE | O_RDWR
        (0o4010001, 0o4010001),  # O_SYNC | O_WRONLY
        (0o600000, 0o140000),  # O_DIRECTORY | O_NOFOLLOW
        (0o10600000, 0o10140000),  # with O_PATH
        (0o140002, 0o600002),  # O_DIRECT | O_LARGEFILE | O_RDWR
        (0o740000, 0o740000),  # all four
        (0o2103, 0o2103),  # O_APPEND | O_CREAT, both access modes
    ],
)
def test_flags_of_open_together_on_arm(guest: int, arm: int) -> None:
    flags = MACHINES["aarch64"].open_flags
    assert flags.to_host(guest) == arm
    assert flags.to_guest(arm) == guest


@pytest.mark.parametrize("machine", MACHINES)
@given(chosen=st.sets(st.sampled_from(sorted(golden.OPEN_FLAGS))), mode=st.integers(0, 3), noise=U32)
def test_flags_of_open_there_and_back(machine: str, chosen: set[str], mode: int, noise: int) -> None:
    flags = MACHINES[machine].open_flags
    known = sum(golden.OPEN_FLAGS.values()) | 3
    guest = mode | sum(golden.OPEN_FLAGS[name] for name in chosen)
    theirs = mode | sum(expected_flags(machine)[name] for name in chosen)
    assert flags.to_host(guest | noise & ~known) == theirs
    assert flags.to_guest(theirs) == guest


def test_flags_that_a_host_does_not_have_are_left_out() -> None:
    flags = fcntl.OpenFlags({"O_CREAT": 0x200, "O_SYNC": 0x80, "O_DSYNC": 0x400000, "O_DIRECTORY": 0x100000})
    o = fcntl
    assert flags.to_host(o.O_WRONLY | o.O_CREAT | o.O_DIRECTORY) == 0x100201
    assert flags.to_host(o.O_TMPFILE | o.O_RDWR) == o.O_RDWR
    assert flags.to_host(o.O_SYNC | o.O_DIRECT) == 0x80
    assert flags.to_guest(0x400202) == o.O_RDWR | o.O_CREAT | o.O_DSYNC


@linux
def test_flags_of_pythons_os_are_the_machines() -> None:
    machine = MACHINES[os.uname().machine]
    for name, guest in fcntl.OPEN_FLAGS.items():
        if name != "O_LARGEFILE":
            assert machine.open_flags.to_host(guest) == getattr(os, name), name
        assert PortableKernel.open_flags.to_host(guest) == machine.open_flags.to_host(guest), name


# -- layouts ----------------------------------------------------------------------------------------------------------


def test_which_layouts_a_machine_has() -> None:
    for name, machine in MACHINES.items():
        packed = golden.PACKED_EPOLL_EVENT if name == "x86_64" else golden.ALIGNED_EPOLL_EVENT
        assert machine.epoll_event.size == packed.size
        assert machine.epoll_event.pack(0x8000_0019, 0x0123_4567_89AB_CDEF) == (
            packed.pack(0x8000_0019, 0x0123_4567_89AB_CDEF)
            if name == "x86_64"
            else packed.pack(0x8000_0019, 0, 0x0123_4567_89AB_CDEF)
        )


@linux
def test_installed_headers_agree_on_arms_flags() -> None:
    header = Path("/usr/aarch64-linux-gnu/include/asm/fcntl.h")
    if not header.exists():
        pytest.skip(f"no {header}")
    found = {name: int(value, 8) for name, value in re.findall(r"#define (O_\w+)\s+(0\d+)", header.read_text())}
    assert found == {name: value for name, value in golden.ARM_OPEN_FLAGS.items() if name in found}
    assert len(found) == 4


@linux
@pytest.mark.parametrize("name", ["fcntl", "ioctls", "socket", "errno", "signal", "stat"])
def test_the_common_description_agrees_with_x86_64(name: str) -> None:
    """What the machines share is the same file of the kernel's headers, so the package has it once."""
    common = Path(f"/usr/include/asm-generic/{name}.h")
    if not common.exists() or os.uname().machine != "x86_64":
        pytest.skip("needs the headers of x86-64 Linux")
    ours, theirs = constants(f"asm/{name}.h"), constants(f"asm-generic/{name}.h")
    shared = {key for key in ours.keys() & theirs.keys() if not key.startswith("_")}
    if name != "stat":
        assert len(shared) > 20
    assert {key: ours[key] for key in shared} == {key: theirs[key] for key in shared}


def constants(header: str) -> dict[str, str]:
    command = ["cc", "-dM", "-E", "-include", header, "-x", "c", "/dev/null"]
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no C preprocessor for this header")
    return dict(re.findall(r"#define ([A-Z]\w+) (.+)", output))


# -- the choice -------------------------------------------------------------------------------------------------------


@linux
@pytest.mark.parametrize("machine", [*MACHINES, "i686", "ppc64le"])
def test_the_machine_decides_which_kernel_is_taken(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pywasmjit.guest.memory.guest_memory import GuestMemory
    from pywasmjit.runtime.memories import Memory

    system = os.uname()
    memory = GuestMemory()
    memory.bind(Memory(1, 1, shared=True))
    monkeypatch.setattr(RawKernel, "_has_openat2", lambda self: False)
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((*system[:4], machine)))
    chosen = type(kernels.choose(memory))
    assert chosen is (RawKernel if machine in MACHINES else PortableKernel)


@linux
def test_no_raw_kernel_without_64_bit_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "maxsize", (1 << 31) - 1)
    with pytest.raises(NotImplementedError):
        host.open_host()
