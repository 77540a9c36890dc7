"""The implementations of the kernel interface have what it promises, and nothing beside."""

from __future__ import annotations

import inspect

import pytest

from pywasmjit.guest.kernel.interface import Kernel
from pywasmjit.guest.kernel.portable import PortableKernel
from pywasmjit.guest.kernel.raw import RawKernel
from pywasmjit.guest.memory.guest_memory import GuestMemory

PROMISED = {name: value for name, value in vars(Kernel).items() if not name.startswith("_") and callable(value)}
VALUES = [name for name in Kernel.__annotations__ if not name.startswith("_")]
OF_THE_MACHINE = {"machine"}
"""What the raw kernel says of itself beside."""


def shape(function: object) -> list[tuple[str, object, object]]:
    return [(each.name, each.kind, each.default) for each in inspect.signature(function).parameters.values()]  # type: ignore[arg-type]


@pytest.mark.parametrize("kernel", [PortableKernel, RawKernel])
def test_each_method_can_be_called_as_the_interface_says(kernel: type) -> None:
    assert len(PROMISED) > 70
    for name, promised in PROMISED.items():
        assert shape(getattr(kernel, name)) == shape(promised), name


@pytest.mark.parametrize("kernel", [PortableKernel, RawKernel])
def test_there_is_nothing_that_the_interface_does_not_promise(kernel: type) -> None:
    made = kernel(GuestMemory())
    public = {name for name in dir(made) if not name.startswith("_")}
    assert public - PROMISED.keys() - set(VALUES) <= OF_THE_MACHINE
    assert all(hasattr(made, name) for name in VALUES)


def test_every_promise_says_what_it_is() -> None:
    assert [name for name, promised in PROMISED.items() if not promised.__doc__] == []
