"""Identity, limits, locks and controls: as the kernel answers natively.

What changes the whole process runs in a process of its own, by the command line.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import load
from test_calls import HERE, compare, renew, way_to_host, work
from test_metadata import compare_unrestricted
from toolchain import native_program, wasm_program

import pywasmjit as wj

__all__ = ["work"]


def both_ways(name: str, work: Path, *args: str) -> str:
    """Run a program natively and by `pywasmjit run -A`, each in a process of its own; return what both printed."""
    source = HERE / f"{name}.c"
    engine = [sys.executable, "-P", "-m", "pywasmjit", "run", "-A", "-q", wasm_program(source)]
    found = []
    for command in ([native_program(source)], engine):
        renew(work)
        where = {"cwd": work, "env": {"PYTHONPATH": str(HERE.parents[1])}}
        run = subprocess.run([*command, *args], capture_output=True, text=True, check=False, timeout=30, **where)
        found.append((run.returncode, run.stderr, *run.stdout.splitlines()))
    assert found[1] == found[0]
    return "\n".join(found[0][2:])


def test_transfer(work: Path) -> None:
    compare("between", work, "file", "other")


def test_holes(work: Path) -> None:
    compare("holes", work, "large", ways=("raw",))


def test_fcntl(work: Path) -> None:
    compare("fcntl", work, "file")
    both_ways("fcntl", work, "file", "signals")


@pytest.mark.parametrize("how", ["flock", "fcntl"])
@pytest.mark.parametrize("way", ["raw", "portable"])
def test_a_deadline_ends_the_wait_for_a_lock(work: Path, how: str, way: str) -> None:
    renew(work)
    wali = wj.Wali(["waits", "file", how], {}, wj.Policy.sandbox([str(work)]), cwd=str(work), report=None)
    with way_to_host(way), pytest.raises(wj.TimedOut), wj.deadline(0.1):
        wali.start(wj.Instance(load(HERE / "waits.c"), wali))


def test_resources(work: Path) -> None:
    both_ways("resources", work)
    both_ways("resources", work, "all")


@pytest.mark.parametrize("what", ["sent", "timed", "slept"])
def test_signals_and_times_that_are_asked_for(work: Path, what: str) -> None:
    both_ways("sending", work, what)


def test_signals_and_sleeps_inside_a_larger_program(work: Path) -> None:
    compare_unrestricted("sending", work, "sent")
    compare("sending", work, "slept")


def test_prctl(work: Path) -> None:
    compare("prctl", work, ways=("raw",))
    both_ways("prctl", work, "changing")


def test_users_and_groups(work: Path) -> None:
    scripts = [
        "who badget getgroups 0 getgroups -1 setgroups 3 5 6 7 getgroups 2 getgroups 3 who badgroups 1 badgroups 70000",
        "setgid 12 setuid 1000 who setuid 0 setuid 1000 setgid 0 setgroups 0 setresuid 0 0 0 setresuid -1 -1 -1 who",
        "setreuid 5 6 who setreuid 6 5 who setreuid -1 0 who setreuid 7 7 who",
        "setregid 8 9 who setregid -1 -1 setresgid 1 2 3 who setresgid -1 3 -1 who setresuid 4 5 6 who setresuid 6 4 5",
        "setuid -1 setgid -1 setreuid -1 -1 setresuid 1000 0 0 who setuid 0 who setgroups 1 -1 setgroups 0 who",
    ]
    for script in scripts:
        both_ways("ids", work, *script.split())


def test_groups_and_sessions(work: Path) -> None:
    script = """
        group getpgid 0 getpgid! -1 getpgid! 0x7ffffff0 getsid! -1 getsid! 0x7ffffff0 setpgid 0 -1 setpgid -1
        0 setpgid 0x7ffffff0 0 setpgid 0 0x7ffffff0 setpgid 1 0 session setsid session group setsid setpgid 0
        0
    """
    both_ways("ids", work, *script.split())
    both_ways("ids", work, *["setpgid", "0", "0", "group", "setsid", "setpgid", "0", "0", "getpgid", "0"])


def test_chroot(work: Path) -> None:
    script = """
        chroot missing chroot file chroot dangling chroot BAD chroot EMPTY chroot loop chdir sub chroot ..
        access /file access /sub/inner access /etc chdir / getcwd access ../etc access sub/inner mkdir /made
        chroot sub access /inner access /../inner chdir / access file getcwd truncate inner chmod inner statfs
        inner link other access other mkdir deeper chroot deeper chdir / getcwd chdir .. getcwd
    """
    both_ways("ids", work, *script.split())
    both_ways("ids", work, *["setuid", "1000", "chroot", "sub", "who"])


def test_what_root_hides(work: Path) -> None:
    """Root is denied nothing by permissions; so the same again as somebody else."""
    times = "1 2 3 4"
    script = f"""
        chmod file 0666 chown script 1000 1000 chmod sub 0777 chmod empty 0 become 1000 chmod file 0600
        chmod script 0700 chmod script 02755 chown file 1 1 chown file -1 -1 chown script 1000 1000 chown script 0 0
        chown script -1 1 lchown link -1 -1 utimensat CWD file 0 {times} utimensat CWD script 0 {times} now file
        now large now script utimes file {times} truncate file 1 truncate large 1 truncate empty 1
        fchmod large 0 0600 fchmod script 0 0711 futimens large 0 0 {times} ftruncate large 0 1
        fchownat CWD sub 1 1 0 become 0 chmod file 04755
    """
    both_ways("metadata", work, *script.split())
    script = """
        umask 0 mkdirat CWD open 0777 umask 022 become 1000 creat file 0600 creat new 0600 creat open/new 0600
        link file open/hard link open/new open/hard symlink x y symlink x open/y renameat CWD file CWD moved
        renameat CWD open/new CWD moved renameat CWD open/new CWD open/moved mknod open/null 020666 0x103
        mknod open/fifo 010600 0 unlinkat CWD file 0 unlinkat CWD open/fifo 0 mkdirat CWD x 0700 mkdirat CWD open/x 0700
        linkat 12 EMPTY CWD open/byfd 0x1000 linkat 13 EMPTY CWD open/bylink 0x1000 renameat2 CWD open/x CWD open/w 4
    """
    both_ways("links", work, *script.split())


def test_ioctl_of_the_table(work: Path) -> None:
    both_ways("requests", work, "file", "large")


def test_a_terminal_becomes_the_sessions(work: Path) -> None:
    both_ways("requests", work, "file", "large", "session")


def test_what_a_process_lends_comes_back(work: Path) -> None:
    """The umask is the host's; after a run inside another program it is as before."""
    compare_unrestricted("links", work, "umask", "077", "creat", "x", "0666")
    before = os.umask(0o22)
    os.umask(before)
    assert before == 0o22
