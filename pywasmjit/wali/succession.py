"""What an engine tells the one that takes its place when a program executes a Wasm program.

It lies in a sealed memory file: who the program is, what it may do (never more than before: granted directories are
handed over open), its descriptors, limits, environment.  Numbers of descriptors in it are the host's, but for those
of the guest's table, which are the same.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from signal import SIGPIPE, SIGXFSZ
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pywasmjit.guest.abi.signal import SIG_IGN
from pywasmjit.guest.files.descriptors import Origin
from pywasmjit.guest.files.grants import GrantedPaths
from pywasmjit.guest.policy.policy import Capability, DirGrant, Policy
from pywasmjit.wali.provider import Wali, WaliProcess
from pywasmjit.wali.strace import Trace

if TYPE_CHECKING:
    from pywasmjit.guest.files.descriptors import OpenFile, WorkingDirectory
    from pywasmjit.guest.process import Process
    from pywasmjit.guest.processes.execution import Leap

State: TypeAlias = "dict[str, Any]"

_CHANGED_BY_PYTHON: Final = (SIGPIPE, SIGXFSZ)
"""Signals whose dispositions do not survive the start of a Python."""

_F_ADD_SEALS: Final = 1033
_ALL_SEALS: Final = 0xF
_DESCRIPTOR: Final = "/proc/self/fd/%d"


# -- handing over -----------------------------------------------------------------------------------------------------


def hand_over(leap: Leap, copy: Callable[[int], int]) -> int:
    """Return a descriptor of what the next engine reads; all that it names stays open over execve.

    copy: makes a descriptor that stays open.  Raises EACCES if the program's file may not be read.
    """
    process, image = leap.process, leap.image
    assert isinstance(process, WaliProcess)
    state = {
        "name": os.fsdecode(os.path.basename(image.path)),
        "module": _moved(os.open(_DESCRIPTOR % image.file.host, os.O_RDONLY | os.O_CLOEXEC), copy),
        "args": [os.fsdecode(each) for each in image.args],
        "env": [os.fsdecode(each) for each in leap.environment],
        "policy": _policy_state(process, copy),
        "cwd": _cwd_state(leap.cwd, copy),
        "files": [[guest, _origin_state(file)] for guest, file in leap.files.items()],
        "streams": process.streams.hand_over(copy),
        "ignored": [number for number in _CHANGED_BY_PYTHON if process.signals.action(number)[0] == SIG_IGN],
        "umask": process.attributes.kept_umask,
        "limits": list(process.attributes.kept_limits().items()),
        "timeout": None if leap.seconds == float("inf") else leap.seconds,
        "options": dict(process.engine_options),
        "bound": process.network.hand_over(),
        "walls": "off",  # they stand already, and two of a kind cost twice
        "trace": None if process.trace is None else process.trace.hand_over(copy),
    }
    return _moved(_sealed(json.dumps(state).encode()), copy)


def _moved(fd: int, copy: Callable[[int], int]) -> int:
    try:
        return copy(fd)
    finally:
        os.close(fd)


def _sealed(data: bytes) -> int:
    import fcntl

    fd = os.memfd_create("successor", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with open(fd, "wb", closefd=False) as file:
        file.write(data)
    fcntl.fcntl(fd, _F_ADD_SEALS, _ALL_SEALS)
    return fd


def _policy_state(process: Process, copy: Callable[[int], int]) -> State:
    policy = process.policy
    grants = process.paths.grants.values() if isinstance(process.paths, GrantedPaths) else ()
    return {
        "everything": policy.everything,
        "capabilities": [each.value for each in policy.capabilities],
        "dirs": [[copy(each.fd), _path_of(each.names), each.read_only] for each in grants],
        "net": [[each.address.hex(), each.prefix, *each.ports] for each in policy.net],
    }


def _path_of(names: tuple[bytes, ...]) -> str:
    return os.fsdecode(b"/" + b"/".join(names))


def _cwd_state(cwd: WorkingDirectory, copy: Callable[[int], int]) -> State | None:
    if cwd.origin is None or cwd.origin.names is None:
        return None  # everything is allowed: it becomes the process's own
    return {"path": _path_of(cwd.origin.names), "fd": None if cwd.host < 0 else copy(cwd.host)}


def _origin_state(file: OpenFile) -> State | None:
    origin = file.origin
    if origin is None or origin.grant is None:
        return None
    names = None if origin.names is None else _path_of(origin.names)
    return {"grant": _path_of(origin.grant.names), "names": names, "follows": origin.follows}


# -- taking over ------------------------------------------------------------------------------------------------------


def read_state(fd: int) -> State:
    """Read what the engine before has left, and close it."""
    with open(fd, "rb") as file:
        file.seek(0)
        state: State = json.load(file)
    return state


def read_module(state: State) -> bytes:
    """Return the bytes of the program's file."""
    with open(state["module"], "rb") as file:
        return file.read()


def take_over(state: State, report: Callable[[str], None] | None) -> Wali:
    """Return the system for the program, as the engine before has left it.  Raises OSError."""
    environment: dict[str, str] = {}
    for each in state["env"]:
        name, equals, value = each.partition("=")
        if equals:
            environment.setdefault(name, value)
    wali = Wali(
        state["args"], environment, _policy(state["policy"]), report=report, owns_process=True, walls=state["walls"]
    )
    process = wali.process
    process.network.take_over(state["bound"])
    for fd, _, _ in state["policy"]["dirs"]:
        os.close(fd)
    if state["cwd"] is not None:
        assert isinstance(process.paths, GrantedPaths)
        process.paths.take_over_cwd(_names(state["cwd"]["path"]), state["cwd"]["fd"])
    process.files.take_over({number: _origin(process, origin) for number, origin in state["files"]})
    process.streams.take_over(state["streams"], [number for number, _ in state["files"]])
    if state["umask"] is not None:
        process.attributes.umask(state["umask"])
    for number, limit in state["limits"]:
        with suppress(OSError):
            process.attributes.set_limit(number, (limit[0], limit[1]))
    if state["trace"] is not None:
        process.trace = Trace.take_over(state["trace"])
    return wali


def _policy(state: Mapping[str, Any]) -> Policy:
    from pywasmjit.guest.policy.network import NetGrant

    dirs = tuple(DirGrant(_DESCRIPTOR % fd, guest, read_only) for fd, guest, read_only in state["dirs"])
    net = tuple(NetGrant(bytes.fromhex(each[0]), each[1], (each[2], each[3])) for each in state["net"])
    return Policy(dirs, frozenset(Capability(each) for each in state["capabilities"]), state["everything"], net)


def _names(path: str) -> tuple[bytes, ...]:
    return tuple(name for name in os.fsencode(path).split(b"/") if name)


def _origin(process: Process, state: State | None) -> Origin | None:
    if state is None:
        return None
    assert isinstance(process.paths, GrantedPaths)
    names = None if state["names"] is None else _names(state["names"])
    return Origin(process.paths.grants[_names(state["grant"])], names, state["follows"])
