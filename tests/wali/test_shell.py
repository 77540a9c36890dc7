"""Job control: a shell on a terminal, natively and by the engine, with the same keys pressed.

`shell.c` and `busy.c` are built for both; whatever is executed by name from the working directory is what runs the
same way as the shell, all else (cat, sleep, stty) is native.  What is shown must be the same to the last byte.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import pytest
from terminals import PATIENCE, Terminal
from toolchain import native_program, wasm_program

HERE = Path(__file__).parent
ENGINE = [sys.executable, "-P", "-m", "pywasmjit", "run", "-A"]

Step = tuple[str, str]
"""Keys to press and the text to wait for.

Words in capitals are no keys.  A "*" after the text: a job must have got the terminal, so that keys are for it.
"""

SESSIONS: dict[str, list[Step]] = {
    "programs": [
        ("/bin/echo one two\n", "one two\r\n$ "),
        ("echo 'a  b' \"c d\" | cat | tr a-z A-Z\n", "A  B C D\r\n$ "),
        ("echo first >f; echo second >>f; cat <f\n", "first\r\nsecond\r\n$ "),
        ("cd sub; pwd | tr -d / | wc -l; cat ../f; cd ..; ./busy write; echo $?\n", "5\r\n$ "),
        ("nowhere; echo $?; ./sub; echo $?; cat <nothing\n", "error 2\r\n$ "),
        ("false; echo $?; sh -c 'exit 7'; echo $?; sh -c 'kill -TERM $$'; echo $?\n", "143\r\n$ "),
        ("./shell -c 'echo in; ./busy write; exit 9'; echo $?\n", "9\r\n$ "),
        ("exit 6\n", ""),
    ],
    "interrupt and quit": [
        ("^C", "$ "),
        ("half a line^C", "$ "),
        ("sleep 100\n", "100\r\n*"),
        ("^C", "$ "),
        ("./busy spin\n", "at work"),
        ("^C", "$ "),
        ("echo $?\n", "130\r\n$ "),
        ("./busy spin read\n", "at work"),
        ("^C", "$ "),
        ("./busy spin\n", "at work"),
        ("^\\", "$ "),
        ("./busy spin read\n", "at work"),
        ("^\\", "$ "),
        ("echo $?\n", "131\r\n$ "),
        ("^\\", "^\\"),
        ("^D", "exit"),
    ],
    "stop and go on": [
        ("./busy spin\n", "at work"),
        ("^Z", "$ "),
        ("echo $?; jobs\n", "busy spin\r\n$ "),
        ("bg\n", "$ "),
        ("jobs\n", "Running  ./busy spin\r\n$ "),
        ("cat\n", "cat\r\n*"),
        ("line\n", "line\r\nline\r\n"),
        ("^Z", "$ "),
        ("jobs\n", "cat\r\n$ "),
        ("fg %1\n", "./busy spin\r\n*"),
        ("^Z", "$ "),
        ("fg\n", "cat\r\n*"),
        ("more\n", "more\r\nmore\r\n"),
        ("^D", "$ "),
        ("fg; echo $?\n", "busy spin\r\n*"),
        ("^C", "$ "),
        ("fg; bg %3; jobs\n", "job\r\nbg: no such job\r\n$ "),
        ("^D", "exit"),
    ],
    "background": [
        ("./busy read & wait; jobs\n", "Stopped by 21  ./busy read\r\n$ "),
        ("fg\n", "./busy read\r\n"),
        ("for you\n", "got for you\r\n"),
        ("^Z", "$ "),
        ("bg; wait; jobs\n", "Stopped by 21  ./busy read\r\n$ "),
        ("fg\n", "./busy read\r\n"),
        ("^D", "$ "),
        ("echo $?; ./busy tostop; ./busy write & wait; jobs\n", "Stopped by 22  ./busy write\r\n$ "),
        ("fg; echo $?\n", "written\r\n5\r\n$ "),
        ("stty -tostop; ./busy write >f & wait; cat f\n", "written\r\n"),
        ("", "$ "),
        ("sleep 100 & sleep 200 &\n", "$ "),
        ("jobs; wait\n", "Running  sleep 200\r\n"),
        ("^C", "$ "),
        ("kill %1; wait %1\n", "$ "),
        ("echo waiting; wait\n", "\nwaiting\r\n"),
        ("^C", "$ "),
        ("kill %2 9; wait; jobs\n", "$ "),
        ("jobs\n", "$ "),
        ("^D", "exit"),
    ],
    "pipelines": [
        ("./busy spin | cat | cat\n", "at work"),
        ("^Z", "$ "),
        ("jobs; bg; jobs\n", "Running  ./busy spin | cat | cat\r\n$ "),
        ("fg\n", "cat\r\n*"),
        ("^C", "$ "),
        ("./busy read | cat\n", "cat\r\n"),
        ("one\n", "got one\r\n"),
        ("^Z", "$ "),
        ("fg\n", "cat\r\n"),
        ("two\n", "got two\r\n"),
        ("^D", "$ "),
        ("cat | ./busy read | cat; echo $?\n", "$?\r\n"),
        ("three\n", "got three\r\n"),
        ("^D", "$ "),
        ("^D", "exit"),
    ],
    "handlers": [
        ("./busy catch\n", "at work"),
        ("^C", "one\r\n"),
        ("^Z", "$ "),
        ("fg\n", "back\r\n"),
        ("^C", "two\r\n"),
        ("^C", "$ "),
        ("echo $?; ./busy catch read\n", "at work"),
        ("^C", "one\r\n"),
        ("^Z", "$ "),
        ("jobs; fg\n", "back\r\n"),
        ("text\n", "got text\r\n"),
        ("^C", "two\r\n"),
        ("^C", "$ "),
        ("^D", "exit"),
    ],
    "windows and settings": [
        ("RESIZE 40 100", "window 40x100\r\n"),
        ("./busy window\n", "at work"),
        ("RESIZE 41 101", "columns=101\r\n"),
        ("", "$ "),
        ("./busy window read\n", "at work"),
        ("RESIZE 42 102", "columns=102\r\n"),
        ("", "$ "),
        ("./busy quiet\n", "at work"),
        ("unseen^C", "$ "),
        ("echo seen\n", "echo seen\r\nseen\r\n$ "),
        ("./busy quiet read\n", "at work\r\n"),
        ("unseen\n", "got unseen\r\n"),
        ("^Z", "$ "),
        ("echo seen\n", "echo seen\r\nseen\r\n$ "),
        ("fg\n", "read\r\n*"),
        ("unseen again\n", "again\r\n"),
        ("^C", "$ "),
        ("echo seen\n", "echo seen\r\nseen\r\n$ "),
        ("^D", "exit"),
    ],
    "a shell in a shell": [
        ("./shell 'inner> '\n", "'\r\ninner> "),
        ("./busy spin\n", "at work"),
        ("^Z", "inner> "),
        ("jobs; suspend\n", "$ "),
        ("jobs\n", "inner> '\r\n$ "),
        ("fg\n", "'\r\ninner> "),
        ("jobs; bg; jobs; fg\n", "spin\r\n./busy spin\r\n*"),
        ("^C", "inner> "),
        ("./shell 'innermost> '\n", "'\r\ninnermost> "),
        ("cat | ./busy read\n", "read\r\n"),
        ("deep\n", "got deep\r\n"),
        ("^C", "innermost> "),
        ("exit 3\n", "inner> "),
        ("echo $?; exit 4\n", "$ "),
        ("echo $?; exit 5\n", ""),
    ],
    "an orphaned job": [
        ("./shell 'inner> '\n", "'\r\ninner> "),
        ("./busy hangup\n", "at work"),
        ("^Z", "inner> "),
        ("exit\n", "$ "),
        ("WAIT FOR child", ""),
        ("cat hung-up\n", "$ "),
        ("^D", "exit"),
    ],
    "hanging up at the prompt": [
        ("./busy hangup &\n", "at work"),
        ("HANG UP", ""),
        ("WAIT FOR child", ""),
        ("WAIT FOR shell", ""),
    ],
    "hanging up with a stopped job": [
        ("./busy hangup read\n", "at work"),
        ("^Z", "$ "),
        ("HANG UP", ""),
        ("WAIT FOR child", ""),
        ("WAIT FOR shell", ""),
    ],
}
STATUSES = {
    "programs": 6,
    "handlers": 33,
    "a shell in a shell": 5,
    "hanging up at the prompt": 129,
    "hanging up with a stopped job": 129,
}


def play(command: list[str | Path], work: Path, steps: list[Step]) -> tuple[int, str]:
    """Press the keys of a session; return the shell's exit status and what the terminal showed."""
    env = {"PYTHONPATH": str(HERE.parents[1]), "LC_ALL": "C"}
    with Terminal(command, work, env) as terminal:
        terminal.expect("$ ")
        for keys, text in steps:
            match keys.split():
                case ["RESIZE", rows, columns]:
                    terminal.resize(int(rows), int(columns))
                case ["HANG", "UP"]:
                    terminal.hang_up()
                case ["WAIT", "FOR", word]:
                    wait_for(work / "hung-up", word)
                case _:
                    before = terminal.foreground
                    terminal.press(keys)
            if text:
                terminal.expect(text.rstrip("*"))
            if text.endswith("*"):
                terminal.expect_job(before)
        status = terminal.end()
        return status, terminal.transcript


def wait_for(file: Path, word: str) -> None:
    """Wait until a program has written a word into a file."""
    end = time.monotonic() + PATIENCE
    while not (file.exists() and f"{word}\n" in file.read_text()):
        assert time.monotonic() < end, f"no {word} in {file}"
        time.sleep(0.02)


def prepared(work: Path, build: object) -> Path:
    """Make a working directory with `shell` and `busy` of one kind in it."""
    (work / "sub").mkdir(parents=True)
    for name in ("shell", "busy"):
        shutil.copy(build(HERE / f"{name}.c"), work / name)  # type: ignore[operator]
        (work / name).chmod(0o755)
    return work


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session(tmp_path: Path, name: str) -> None:
    steps = SESSIONS[name]
    native = prepared(tmp_path / "native" / "work", native_program)
    expected = play([native / "shell"], native, steps)
    wasm = prepared(tmp_path / "wasm" / "work", wasm_program)
    found = play([*ENGINE, wasm / "shell"], wasm, steps)
    assert found[1] == expected[1]
    assert found[0] == expected[0] == STATUSES.get(name, 0)
