"""How the command line starts: Ctrl-C before it is ready, and modules that a program could leave for its next start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WC = ROOT / "examples" / "wc.wasm"
SAFE = [sys.executable, "-P", "-m", "pywasmjit"]
UNSAFE = [sys.executable, "-m", "pywasmjit"]
BEGUN = "import sys, pywasmjit.starting; "


def run(command: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    options = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, "check": False, "timeout": 60}
    return subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, **options)  # type: ignore[call-overload]


# -- modules ----------------------------------------------------------------------------------------------------------


def test_a_program_may_not_write_where_python_looks_for_modules_first(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for grant, cwd in ((".", tmp_path), ("..", tmp_path / "below"), ("/", tmp_path)):
        done = run([*UNSAFE, "run", "--dir", grant, str(WC)], cwd)
        assert done.returncode == 2, done
        assert "python -P -m pywasmjit" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    (tmp_path / "struct").mkdir()
    assert run([*UNSAFE, "run", "--dir", "struct", str(WC)], tmp_path).returncode == 2


def test_what_it_may_only_read_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("one\n")
    for command in ([*UNSAFE, "run", "--dir", ".:ro"], [*SAFE, "run", "--dir", "."]):
        done = run([*command, str(WC), "text"], tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
    done = run([*UNSAFE, "run", "--dir", ".", str(WC), "text"], tmp_path, PYTHONSAFEPATH="1")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["struct", "types", "warnings", "weakref", "json", "signal"])
def test_what_lies_in_the_working_directory_is_not_imported(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.py").write_text("import os; os.write(2, b'TAKEN OVER'); os._exit(99)\n")
    (tmp_path / "text").write_text("one\n")
    done = run([*SAFE, "run", "--dir", ".", str(WC), "text"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_is_said_once_that_a_program_may_change_what_python_imports(tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "text").write_text("one\n")
    command = [*SAFE, "run", "--dir", ".", str(WC), "text"]
    done = run(command, tmp_path, PYTHONPATH=str(tmp_path / "modules"))
    assert done.returncode == 0
    assert done.stderr.count("warning") == 1
    assert str(tmp_path / "modules") in done.stderr
    assert run([*command[:5], "-q", *command[5:]], tmp_path, PYTHONPATH=str(tmp_path / "modules")).stderr == ""


# -- Ctrl-C -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["pywasmjit.api", "click", "pywasmjit.program", "pywasmjit.guest.process"])
def test_ctrl_c_while_something_is_imported_ends_it_without_a_traceback(module: str, tmp_path: Path) -> None:
    """The signal comes in the middle of an import, whichever that is."""
    (tmp_path / "sitecustomize.py").write_text(f"""
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
""")
    done = run([*SAFE, "run", str(WC)], ROOT, PYTHONPATH=str(tmp_path))
    assert done.returncode == -signal.SIGINT
    assert done.stderr == ""


def test_ctrl_c_at_any_moment_is_the_end_by_that_signal(tmp_path: Path) -> None:
    """Before the package's first line it is Python's own affair; that is over when the mark has come."""
    (tmp_path / "usercustomize.py").write_text("")
    for delay_ms in range(0, 200, 8):
        program = f"{BEGUN}sys.stdout.write('begun'); sys.stdout.flush(); from pywasmjit.cli import main; main()"
        line = [sys.executable, "-c", f"import sys; sys.argv[0] = 'pywasmjit'; {program}", "run", "--dir", ".", str(WC)]
        process = subprocess.Popen(
            line, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.read(5) == b"begun"
        time.sleep(delay_ms / 1000)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (-signal.SIGINT, b""), delay_ms


def test_a_program_that_imports_the_package_keeps_its_ctrl_c() -> None:
    program = "import signal, pywasmjit; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    assert run([sys.executable, "-c", program], ROOT).stdout == "True\n"
    ignoring = f"{BEGUN}import signal; print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)"
    line = [sys.executable, "-c", f"import sys; sys.argv[0] = 'pywasmjit'; {ignoring}"]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run(line, ROOT).stdout == "True\n"
    finally:
        signal.signal(signal.SIGINT, before)
