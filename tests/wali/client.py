"""A client for the echo server: many connections at once, each checks that what it sends comes back in order."""

from __future__ import annotations

import random
import selectors
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress


def messages(connection: int, count: int) -> Iterator[bytes]:
    """Yield messages of many lengths, whose content tells connection and place."""
    lengths = random.Random(connection)
    for number in range(count):
        head = b"%d/%d:" % (connection, number)
        yield head + bytes([connection & 0xFF]) * (lengths.choice((1, 10, 100, 1000, 3000)) - 1) + b"\n"


class Conversation:
    """One connection: what is still to be sent, and what must come back.

    window: it sends on while fewer bytes than that are on their way.
    """

    def __init__(self, address: tuple[str, int], number: int, count: int, window: int) -> None:
        self._window = window
        self.socket = socket.create_connection(address, timeout=10)
        self.socket.setblocking(False)
        self._next = messages(number, count)
        self._out = bytearray()
        self._expected = bytearray()
        self.received = 0
        self.done = False

    def step(self) -> None:
        """Send and receive until there is nothing to do, and compare.  Raises AssertionError."""
        while not self.over:
            self._fill()
            with suppress(BlockingIOError):
                if self._out:
                    del self._out[: self.socket.send(self._out)]
            try:
                data = self.socket.recv(1 << 16)
            except BlockingIOError:
                return
            assert data, "the server has closed the connection"
            assert self._expected.startswith(data)
            del self._expected[: len(data)]
            self.received += len(data)

    def _fill(self) -> None:
        while len(self._expected) < self._window and not self.done:
            message = next(self._next, None)
            if message is None:
                self.done = True
            else:
                self._out += message
                self._expected += message

    @property
    def over(self) -> bool:
        return self.done and not self._expected


def talk(port: int, connections: int, messages_each: int, window: int) -> int:
    """Hold all conversations at once, and return how many bytes came back."""
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        conversations = [
            Conversation(("127.0.0.1", port), number, messages_each, window) for number in range(connections)
        ]
        for conversation in conversations:
            stack.enter_context(conversation.socket)
            selector.register(conversation.socket, selectors.EVENT_READ, conversation)
        ready = conversations
        while ready:
            for conversation in ready:
                conversation.step()
                if conversation.over:
                    selector.unregister(conversation.socket)
                    conversation.socket.close()
            ready = [key.data for key, _ in selector.select(10)] if selector.get_map() else []
        assert not selector.get_map(), "the server answers no more"
        return sum(conversation.received for conversation in conversations)
