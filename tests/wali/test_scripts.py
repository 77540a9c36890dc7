"""Names, metadata and mappings by scripts made at random: what a program does to them, the kernel would have done.

A command makes one mistake at most that is not in a path: which of two is told is not always what the kernel tells.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from test_calls import compare, work

__all__ = ["work"]

NAMES = (
    "file", "sub", "sub/inner", "link", "sublink", "up", "absolute", "dangling", "loop", "pool", "slashed", "fileslash",
    "missing", "new", "sub/new", "sub/deep", "sub/deep/bottom", "large", "empty", "script",
)  # fmt: skip
AFTER = ("", "", "", "", "", "/", "/.", "/..", "/x", "/inner", "/../file", "//deep", "/new", "/deep/new")
MODES = ("0600", "0644", "0755", "0700", "01777", "0177777")


class Script:
    """Commands for one of the programs, of words chosen by a seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def path(self) -> str:
        choose = self._random.choice
        if self._random.random() < 0.03:
            return choose((".", "./", "x" * 256))
        return choose(NAMES) + choose(AFTER)

    def at(self) -> str:
        """A directory's descriptor, or that of a file."""
        return self._random.choice(("CWD", "CWD", "CWD", "10", "11", "12", "13"))

    def word(self, *choices: str) -> str:
        return self._random.choice(choices)

    def links(self) -> list[str]:
        path, at, word = self.path, self.at, self.word
        commands: dict[str, Callable[[], list[str]]] = {
            "link": lambda: [path(), path()],
            "linkat": lambda: [at(), path(), at(), path(), word("0", "0", "0x400", "0x1000")],
            "symlink": lambda: [path(), path()],
            "symlinkat": lambda: [path(), at(), path()],
            "renameat": lambda: [at(), path(), at(), path()],
            "renameat2": lambda: [at(), path(), at(), path(), word("0", "1", "2")],
            "mkdirat": lambda: [at(), path(), word("0755", "0700")],
            "unlinkat": lambda: [at(), path(), word("0", "0", "0x200")],
            "readlinkat": lambda: [at(), path()],
            "creat": lambda: [path(), word("0644", "0600")],
            "mknod": lambda: [path(), word("0100644", "0644"), "0"],
        }
        return self._chosen(commands)

    def metadata(self) -> list[str]:
        path, word = self.path, self.word

        def times() -> list[str]:
            return [word("0", "5", "99999") for _ in range(4)]

        commands: dict[str, Callable[[], list[str]]] = {
            "chmod": lambda: [path(), word(*MODES[:-1])],
            "fchmodat": lambda: ["CWD", path(), word(*MODES[:-1]), word("0", "0x100")],
            "chown": lambda: [path(), word("-1", "5", "0"), word("-1", "6", "0")],
            "lchown": lambda: [path(), word("-1", "7", "0"), word("-1", "8", "0")],
            "fchownat": lambda: ["CWD", path(), word("-1", "9"), word("-1", "3"), word("0", "0x100")],
            "truncate": lambda: [path(), word("0", "5", "5000")],
            "utimensat": lambda: ["CWD", path(), word("0", "0x100", "0x1000"), *times()],
            "futimesat": lambda: ["CWD", path(), *times()],
            "utimes": lambda: [path(), *times()],
            "utime": lambda: [path(), *times()[:2]],
        }
        return self._chosen(commands)

    def names(self) -> list[str]:
        def path() -> str:
            return self.path().replace("NULL", "x").replace("BAD", "y").replace("EMPTY", "")

        commands: dict[str, Callable[[], list[str]]] = {
            "mkdir": lambda: [path()],
            "rmdir": lambda: [path()],
            "unlink": lambda: [path()],
            "rename": lambda: [path(), path()],
            "readlink": lambda: [path()],
            "getcwd": list,
            "chdir": lambda: [path()],
        }
        return self._chosen(commands)

    def area(self) -> list[str]:
        def at() -> str:
            return str(self._random.randrange(20))

        def size() -> str:
            return str(self._random.choice((1, 1, 1, 2, 2, 3, 4)))

        def kind() -> str:
            return self.word("1", "2", "2")

        def of_file() -> list[str]:
            first = self._random.randrange(3)
            return [at(), str(self._random.randrange(1, 4 - first)), kind(), str(first)]

        commands: dict[str, Callable[[], list[str]]] = {
            "zeros": lambda: [at(), size(), kind()],
            "file": of_file,
            "unmap": lambda: [at(), size()],
            "protect": lambda: [at(), size()],
            "forget": lambda: [at(), size()],
            "sync": lambda: [at(), size()],
            "fill": lambda: [at(), size(), str(self._random.randrange(65, 91))],
            "move": lambda: [at(), "1", "1", at()],  # of more pages, kernels move different things
            "shrink": lambda: [at(), size(), "1"],
        }
        return self._chosen(commands)

    def _chosen(self, commands: dict[str, Callable[[], list[str]]]) -> list[str]:
        words = []
        for _ in range(120):
            name = self._random.choice(list(commands))
            words += [name, *commands[name]()]
        return words


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("program", ["links", "metadata", "names"])
def test_what_a_random_script_does(work: Path, program: str, seed: int) -> None:
    script: list[str] = getattr(Script(seed), program)()
    if program == "names":
        script = within(script)
    ways = ("raw", "no openat2") if "renameat2" in script else ("raw", "no openat2", "portable")
    compare(program, work, *script, ways=ways[seed % len(ways) :][:1])


@pytest.mark.parametrize("seed", range(4))
def test_what_a_random_script_does_to_mappings(work: Path, seed: int) -> None:
    compare("area", work, "large", *Script(seed).area(), ways=("raw",))  # emulated mappings do not see each other


def within(script: list[str]) -> list[str]:
    """Leave out what could lead above the directory: a program that changes its own does not know where it is."""
    return [word.replace("/../file", "").replace("/..", "") for word in script]
