"""Start and end of a program: arguments, environment, and the functions of the interface that are no system calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NoReturn

from pywasmjit.wali.table import Int, Number, Out, Pointer, Size, auxiliary

if TYPE_CHECKING:
    from pywasmjit.guest.process import Process
    from pywasmjit.wali.provider import WaliProcess


@auxiliary("__init")
def init(process: Process) -> int:
    """Begin; nothing is left to be done."""
    return 0


@auxiliary("__deinit")
def deinit(process: Process) -> int:
    """Announce a normal end; `__proc_exit` follows."""
    return 0


@auxiliary("__call_ctors", result=None)
def call_ctors(process: Process) -> None:
    """`__init` of older programs."""


@auxiliary("__call_dtors", result=None)
def call_dtors(process: Process) -> None:
    """`__deinit` of older programs."""


@auxiliary("__proc_exit", result=None)
def proc_exit(process: Process, status: Int) -> NoReturn:
    """End the process."""
    process.threads.exit_group(status)


@auxiliary("__cl_get_argc")
def get_argc(process: Process) -> int:
    """Return the number of arguments, the program's name included."""
    return len(process.args)


@auxiliary("__cl_get_argv_len")
def get_argv_len(process: Process, index: Size) -> int:
    """Return the length of an argument without its NUL.  Deviation: 0 for one that is not there."""
    return len(process.args[index]) if index < len(process.args) else 0


@auxiliary("__cl_copy_argv")
def copy_argv(process: Process, buffer: Pointer, index: Size) -> int:
    """Copy an argument with its NUL; 0, or a negated errno."""
    text = process.args[index] if index < len(process.args) else b""
    process.memory.write(buffer, text + b"\0")
    return 0


@auxiliary("__get_init_envfile")
def get_init_envfile(process: WaliProcess, buffer: Annotated[Pointer, Out("size")], size: Size) -> int:
    """Write the path of the file with the environment: 1, or 0 if there are no variables.

    A path that does not fit is written as an empty string.
    """
    path = process.environment.path
    if path is None:
        return 0
    text = path + b"\0" if len(path) < size else b"\0"
    process.memory.write(buffer, text[:size])
    return 1


@auxiliary("__wasm_thread_spawn")
def thread_spawn(process: Process, start: Annotated[int, Number(signed=False)], argument: Pointer) -> int:
    """Start a thread, which calls element `start` of table 0 with its number and `argument`; return the number.

    Deviation: at most 512 threads.
    """
    return process.threads.spawn(start, argument)
