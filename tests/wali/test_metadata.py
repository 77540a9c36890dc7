"""Metadata, names of all kinds, and what transfers between descriptors: as the kernel answers natively.

As root: permissions deny nothing here, which `test_identity` makes good for the checks that matter.
"""

from __future__ import annotations

from pathlib import Path

from running import Run
from test_calls import HERE, PATHS, compare, renew, work

import pywasmjit as wj

__all__ = ["work"]

SHORT_PATHS = [path for path in PATHS if len(path) < 200 and path not in ("..",)]


def compare_unrestricted(name: str, work: Path, *args: str) -> str:
    """Compare a native run with one in which everything is allowed; return what both printed."""
    run = Run(HERE / f"{name}.c", args, {}, b"", work)
    renew(work)
    expected = run.native()
    renew(work)
    found = run.wasm(wj.Policy.allow_all())
    assert found.stdout.decode() == expected.stdout.decode()
    assert found == expected
    return expected.stdout.decode()


def test_modes(work: Path) -> None:
    script = f"""
        chmod file 0600 chmod link 0640 chmod sublink 0700 chmod dangling 0600 chmod loop 0600 chmod missing
        0600 chmod file/ 0600 chmod sub/ 0755 chmod sublink/ 0711 chmod file/.. 0755 chmod absolute 0604 chmod
        NULL 0 chmod BAD 0 chmod EMPTY 0600 chmod file 0177777 chmod file 01644 chmod sub 02755 chmod sub
        01777 chmod sub 0755 chmod . 0755 chmod sub/deep/../inner 0444 fchmod file 0 0612 fchmod file 1 0644
        fchmod file 010000000 0600 fchmod sub 0200000 0750 fchmod sub 0200000 0755 fchmodat CWD file 0601 0
        fchmodat CWD link 0602 0x100 fchmodat CWD link 0602 0x777 fchmodat 77 file 0600 0 fchmodat -1 file
        0600 0 fchmodat CWD EMPTY 0600 0x1000 fchmodat CWD slashed 0755 0 fchmodat CWD fileslash 0600 0
        fchmodat 77 {work}/missing 0600 0
    """
    compare_unrestricted("metadata", work, *script.split())
    compare("metadata", work, *script.replace("chmod file 0177777", "").split())


def test_metadata_of_descriptors_of_every_kind(work: Path) -> None:
    compare_unrestricted("matrix", work, "metadata")


def test_owners(work: Path) -> None:
    script = """
        chown file 1000 1001 chown link 5 -1 chown link -1 6 lchown link 7 8 lchown file -1 -1 chown missing 1
        1 chown dangling 1 1 lchown dangling 2 3 chown file/ 1 1 chown sublink/ 9 9 lchown sublink/ 10 10
        lchown sublink 11 11 chown loop 1 1 lchown loop 1 1 chown BAD 0 0 chown NULL 0 0 chown EMPTY 0 0 chown
        absolute 12 13 chown . 0 0 fchown file 0 14 15 fchown file 010000000 14 15 fchown sub 0 16 17 fchown
        file 0 -1 -2 fchown file 0 2147483647 -2147483648 fchownat CWD file 20 21 0 fchownat CWD link 22 23
        0x100 fchownat CWD link 24 25 0 fchownat CWD file 1 1 0x200 fchownat 77 file 1 1 0 fchownat CWD EMPTY
        0 0 0x1000 fchownat CWD EMPTY 1 1 0 emptychown file 010000000 0x1000 emptychown file 0 0x1000
        emptychown file 0 0 emptychown sub 0200000 0x1000 emptychown link 010400000 0x1100 chmod script 04755
        chown script 1 1
    """
    compare_unrestricted("metadata", work, *script.split())
    compare("metadata", work, *script.replace("chmod script 04755", "").split())


def test_times(work: Path) -> None:
    now, omit = "1073741823", "1073741822"
    script = f"""
        utimensat CWD file 0 1 2 3 4 utimensat CWD link 0 5 6 7 8 utimensat CWD link 0x100 9 10 11 12
        utimensat CWD file 0 5 -1 0 0 utimensat CWD file 0 5 1000000000 0 0 utimensat CWD file 0 5 999999999
        -1 0 utimensat CWD file 0 0 {omit} 77 88 utimensat CWD file 0 66 55 0 {omit} utimensat CWD file 0 0
        {omit} 0 {omit} utimensat CWD missing 0 0 {omit} 0 {omit} utimensat 77 file 0 0 {omit} 0 {omit}
        utimensat CWD BAD 0 0 {omit} 0 {omit} utimensat CWD file 0 0 {now} 5 5 utimensat CWD file 0 5 5 0
        {now} utimensat CWD file 0 0 {now} 0 {now} utimensat CWD missing 0 1 1 1 1 utimensat CWD dangling 0 1
        1 1 1 utimensat CWD dangling 0x100 1 1 1 1 utimensat CWD file/ 0 1 1 1 1 utimensat CWD sub/ 0 1 1 1 1
        utimensat CWD file 0x200 1 1 1 1 utimensat CWD EMPTY 0 1 1 1 1 utimensat CWD EMPTY 0x1000 1 1 1 1
        utimensat 77 NULL 0x100 1 1 1 1 utimensat CWD loop 0 1 1 1 1 now file now sub now missing futimens
        file 0 0 21 22 23 24 futimens file 0 0x100 1 1 1 1 futimens file 010000000 0 1 1 1 1 futimens sub
        0200000 0 25 26 27 28 emptytimes file 0 0x1000 31 32 33 34 emptytimes file 010000000 0x1000 35 36 37
        38 emptytimes link 010400000 0x1000 39 40 41 42 emptytimes file 0 0 1 1 1 1 futimes file 0 43 44 45 46
        futimesat CWD file 47 48 49 50 futimesat CWD file 47 1000000 49 50 futimesat CWD file 47 -1 49 50
        futimesat 77 file 1 1 1 1 utimes file 51 999999 52 0 utimes link 53 0 54 0 utimes file 0 0 0 -5 utimes
        missing 0 0 0 0 utime file 55 56 utime link 57 58 utime missing 1 1 utime file -5 -6
    """
    compare("metadata", work, *script.split())


def test_lengths(work: Path) -> None:
    script = """
        truncate file 5 truncate file 100 truncate file 0 truncate link 7 truncate large 4096 truncate large
        5000 truncate sub 0 truncate sub/ 0 truncate missing 0 truncate dangling 0 truncate file/ 0 truncate
        file -1 truncate missing -1 truncate NULL 0 truncate loop 3 truncate absolute 3 truncate . 1 truncate
        empty 5 truncate empty 1099511627776 truncate empty 9223372036854775807 ftruncate file 1 3 ftruncate
        file 0 3 ftruncate file 2 -1 ftruncate file 2 50 ftruncate sub 0200000 1 ftruncate file 010000000 1
        truncate empty 0
    """
    compare("metadata", work, *script.split())


def test_looking(work: Path) -> None:
    # Directories' sizes depend on what was done before, so files and links only; counts of free blocks are not shown.
    for path in SHORT_PATHS:
        compare("looking", work, path, ways=("raw", "portable") if path in ("file", "link", "missing") else ("raw",))


def test_links(work: Path) -> None:
    script = f"""
        link file second look file look second link file second link missing x link sub x link file sub link
        link linked look linked readlinkat CWD linked link file sub/second look sub/second link sublink/inner
        y look y link file/ z link file z/ link file missing/x link file file/x link BAD x link file BAD link
        NULL x link EMPTY x link file EMPTY link dangling d2 readlinkat CWD d2 link loop l2 link sublink/ s2
        link . dot link .. dot link sub/.. dot link file . link file .. link file / link {work}/file abs1 link
        absolute abs2 readlinkat CWD abs2 linkat CWD link CWD followed 0x400 look followed linkat CWD dangling
        CWD x 0x400 linkat CWD loop CWD x 0x400 linkat CWD absolute CWD followed2 0x400 look followed2 linkat
        CWD file CWD x 0x100 linkat 10 inner 11 third 0 look third linkat 11 file 10 fourth 0 look sub/fourth
        linkat 77 file CWD x 0 linkat CWD file 77 x 0 linkat 12 EMPTY CWD byfd 0x1000 look byfd linkat 12
        EMPTY CWD x 0 linkat 12 file CWD x 0 linkat 13 EMPTY CWD bylink 0x1000 readlinkat CWD bylink linkat 10
        EMPTY CWD x 0x1000 linkat 77 {work}/file CWD y 0 linkat CWD sublink/ CWD x 0x400 linkat CWD file/ CWD
        x 0x400
    """
    compare("links", work, *script.split())


def test_symlinks(work: Path) -> None:
    script = """
        symlink anything new readlinkat CWD new symlink anything new symlink x file symlink x missing/y
        symlink x new/ symlink x sub/ symlink EMPTY y symlink x EMPTY symlink BAD x symlink x BAD symlink
        /etc/passwd outside readlinkat CWD outside symlink x dangling symlink x dangling/ symlink file
        sublink/in readlinkat 10 in symlinkat target 10 at readlinkat CWD sub/at symlinkat x 12 y symlinkat x
        77 y symlinkat x 13 y symlinkat x 11 top readlinkat 11 top readlinkat 13 EMPTY readlinkat 12 EMPTY
        readlinkat 77 x readlinkat 10 .. symlink x . symlink x .. symlink x / readlinkat 10 ../link readlinkat
        CWD link/ readlinkat CWD file
    """
    compare("links", work, *script.split())


def test_renames(work: Path) -> None:
    script = """
        renameat CWD file 10 moved look sub/moved renameat 10 moved 11 file look file renameat 77 file CWD x
        renameat CWD file 77 x renameat 12 x CWD y renameat CWD file 12 y renameat CWD missing CWD x renameat
        CWD BAD CWD x renameat CWD file CWD EMPTY renameat 10 deep 10 shallow look sub/shallow renameat 10 .
        10 x renameat 10 .. 10 x renameat 10 inner 10 .. renameat 10 inner CWD sub/shallow
    """
    compare("links", work, *script.split())


def test_renames_with_flags(work: Path) -> None:
    script = """
        renameat2 CWD file CWD large 1 renameat2 CWD file CWD fresh 1 look fresh look file look file renameat2
        CWD fresh CWD large 2 look large look fresh renameat2 CWD fresh CWD missing 2 renameat2 CWD missing
        CWD fresh 2 renameat2 CWD sub CWD fresh 2 look fresh look sub renameat2 CWD sub CWD fresh 2 renameat2
        CWD fresh CWD x 3 renameat2 CWD fresh CWD x 8 renameat2 CWD fresh CWD x -1 renameat2 CWD fresh CWD x 6
        renameat2 CWD fresh CWD plain 0 renameat2 CWD link CWD sublink 2 readlinkat CWD link readlinkat CWD
        sublink renameat2 CWD sub CWD sub/deep 2 renameat2 CWD . CWD sub 2 renameat2 CWD plain CWD fresh 1
    """
    compare("links", work, *script.split(), ways=("raw", "no openat2"))


def test_names_at_directories(work: Path) -> None:
    script = """
        mkdirat 10 new 0700 look sub/new mkdirat 10 new 0700 mkdirat 77 x 0700 mkdirat 12 x 0700 mkdirat 11
        top 0777 look top mkdirat CWD BAD 0 mkdirat 10 ../beside 0755 look beside umask 0 mkdirat CWD open
        0777 look open umask 0777 mkdirat CWD shut 0777 look shut umask 0177022 umask 022 unlinkat 10 new 0
        unlinkat 10 new 0x200 unlinkat 10 new 0x200 unlinkat 10 inner 0x200 unlinkat 10 inner 0 unlinkat 10
        inner 0 unlinkat 77 x 0 unlinkat 12 x 0 unlinkat CWD file 0x100 unlinkat CWD BAD 0 unlinkat CWD EMPTY
        0 unlinkat 10 ../file 0 unlinkat 10 .. 0x200 unlinkat 10 . 0x200 unlinkat 13 x 0
    """
    compare_unrestricted("links", work, *script.split())
    compare("links", work, *script.replace("umask 0 ", "").split())  # the host's mask holds in a sandbox


def test_directories_that_are_renamed_while_they_are_open(work: Path) -> None:
    """Names are found in the directory itself, not in what has got its name since."""
    moved = """
        renameat CWD sub CWD moved mkdirat CWD sub 0755 mkdirat 10 made 0755 look moved/made look sub/made
        symlinkat x 10 y readlinkat 10 ../link renameat 10 inner 11 outer look outer unlinkat 10 deep/bottom 0
        linkat CWD file 10 linked 0
    """
    compare("links", work, *moved.split())
    removed = """
        unlinkat CWD sub/deep/bottom 0 unlinkat CWD sub/deep 0x200 unlinkat CWD sub/inner 0 unlinkat CWD sub 0x200
        mkdirat 10 made 0755 mkdirat CWD sub 0755 mkdirat 10 made 0755 symlinkat x 10 y look sub/made
    """
    compare("links", work, *removed.split())


def test_a_working_directory_that_is_renamed(work: Path) -> None:
    script = """
        chdir sub rename ../sub ../moved getcwd mkdir here chdir .. getcwd chdir moved rename ../moved ../file/x getcwd
        chdir deep rename ../../moved ../../again getcwd rename ../deep ../../deeper getcwd chdir .. getcwd
    """
    compare("names", work, *script.split())


def test_new_files(work: Path) -> None:
    script = """
        creat made 0666 look made creat made 0600 look made creat file 0600 look file creat sub 0600 creat .
        0600 creat missing/x 0600 creat dangling 0640 look sub/made creat loop 0600 creat made/ 0600 creat
        new/ 0600 creat BAD 0600 umask 077 creat private 0666 look private umask 022 mknod fifo 010644 0 look
        fifo mknod fifo 010644 0 mknod plain 0100640 0 look plain mknod typeless 0640 0 look typeless mknod
        socket 0140755 0 look socket mknod directory 040755 0 mknod link 0120777 0 mknod newlink 0120777 0
        mknod odd 0170644 0 mknod missing/x 010644 0 mknod new/ 010644 0 mknod sub/ 010644 0 mknod BAD 010644
        0 mknod . 010644 0 mknod dangling 010644 0
    """
    compare("links", work, *script.split())


def test_devices(work: Path) -> None:
    script = """
        mknod null 020666 0x103 look null mknod high 060600 0x12300456 look high mknod odd 020600
        0x7fffffffffff0105 look odd
    """
    compare_unrestricted("links", work, *script.split())
