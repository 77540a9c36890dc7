"""A function in a child process that may crash or hang without harm to the caller."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final

SILENCE: Final = 120.0
"""Seconds without a word after which a child counts as hung."""


class Crash(Exception):
    """The child died, or had to be killed."""


def in_child(function: Callable[..., Any], arguments: tuple[Any, ...], report: Callable[[Any], None]) -> Any:
    """Return function(*arguments, send) of a new process; what it sends goes to `report` here.

    Raises Crash if the child dies, hangs, or raises.
    """
    here, there = multiprocessing.get_context("spawn").Pipe(duplex=False)
    child = multiprocessing.get_context("spawn").Process(target=_serve, args=(there, function, arguments), daemon=True)
    child.start()
    there.close()
    try:
        while here.poll(SILENCE):
            kind, content = here.recv()
            if kind == "result":
                return content
            if kind == "error":
                raise Crash(f"crashed with an exception: {content}")
            report(content)
        raise Crash(f"crashed: no progress in {SILENCE:g} s")
    except EOFError:
        child.join(10)
        raise Crash(f"crashed: exit status {child.exitcode}") from None
    finally:
        if child.is_alive():
            child.join(1)
            child.kill()
        child.join()
        here.close()


def _serve(connection: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Run in the child."""
    import faulthandler
    import traceback

    faulthandler.enable()
    try:
        result = function(*arguments, lambda message: connection.send(("report", message)))
    except BaseException:
        connection.send(("error", traceback.format_exc()))
    else:
        connection.send(("result", result))
