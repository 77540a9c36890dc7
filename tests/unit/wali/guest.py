"""A guest without a program: a process with real memory, whose calls tests make by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pywasmjit.guest.policy.policy import Policy
from pywasmjit.runtime.memories import Memory
from pywasmjit.wali.dispatch import bind
from pywasmjit.wali.provider import WaliProcess
from pywasmjit.wali.syscalls import TABLE


class Guest:
    """Calls `guest.read(3, address, 10)` like compiled code, with results as signed numbers.

    `guest.text("...")` puts a string into memory and returns its address.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        args: Iterable[bytes] = (b"p",),
        env: Mapping[str, str] | None = None,
        memory: Memory | None = None,
        **options: Any,
    ) -> None:
        self.reports: list[str] = []
        self.process = WaliProcess(args, env or {}, policy or Policy.sandbox(), report=self.reports.append, **options)
        self.memory = memory or Memory(4, 1000, shared=True)
        self.process.bind(self.memory)
        self._next = 1024

    def __getattr__(self, name: str) -> Callable[..., int]:
        declaration = TABLE.get(f"SYS_{name}") or TABLE[name]
        bound = bind(declaration, self.process, declaration.type)
        bits = [64 if each == "i64" else 32 for each in declaration.type.params]

        def call(*arguments: int | str | bytes) -> int:
            values = [self.text(each) if isinstance(each, str | bytes) else each for each in arguments]
            result = bound(*[value % (1 << width) for value, width in zip(values, bits, strict=True)])
            half = 1 << (63 if declaration.result == "i64" else 31)
            return result if result is None or result < half else result - 2 * half

        return call

    def text(self, text: str | bytes) -> int:
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        return self.put(data + b"\0")

    def put(self, data: bytes) -> int:
        address = self._next
        if address + len(data) > 2 * 65536:
            address = 1024
        self.memory.write(address, data)
        self._next = address + -(-len(data) // 16) * 16
        return address

    def close(self) -> None:
        self.process.close()

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
