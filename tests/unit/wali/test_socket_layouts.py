"""Control messages, sets of descriptors, durations: layouts and what is left out of them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywasmjit.guest.abi.select import members, pack_set, set_size
from pywasmjit.guest.abi.socket import GUEST_CONTROL, HOST_CONTROL, MSGHDR, ControlMessage, host_room
from pywasmjit.guest.abi.sockopt import OPTIONS
from pywasmjit.wali.syscalls.durations import read_timespec, read_timeval

MESSAGES = st.lists(
    st.builds(
        ControlMessage, st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1), st.binary(max_size=40)
    ),
    max_size=6,
)


@given(MESSAGES)
def test_control_messages_come_back_from_both_layouts(messages: list[ControlMessage]) -> None:
    for layout in (GUEST_CONTROL, HOST_CONTROL):
        assert list(layout.unpack(layout.pack(messages))) == messages


@given(MESSAGES)
def test_the_kernel_gets_room_for_as_much_as_the_guest_has(messages: list[ControlMessage]) -> None:
    room = len(GUEST_CONTROL.pack(messages))
    assert len(HOST_CONTROL.pack(messages)) <= host_room(room)


@given(MESSAGES, st.integers(0, 200))
def test_what_does_not_fit_is_cut_and_said_to_be(messages: list[ControlMessage], room: int) -> None:
    control, cut = GUEST_CONTROL.pack_into(messages, room)
    assert len(control) <= room
    data = [each.data for each in GUEST_CONTROL.unpack(control)]
    whole = [each.data for each in messages]
    assert cut == (data != whole)
    assert all(short == long[: len(short)] for short, long in zip(data, whole, strict=False))


def test_headers_differ_in_the_padding_alone() -> None:
    message = ControlMessage(1, 2, b"abcde")
    assert GUEST_CONTROL.pack([message]) == struct.pack("<IIii5s3x", 21, 0, 1, 2, b"abcde")
    assert HOST_CONTROL.pack([message]) == struct.pack("=Qii5s3x", 21, 1, 2, b"abcde")
    assert GUEST_CONTROL.pack([ControlMessage(1, 2, b"abcd")]) == struct.pack("<IIii4s", 20, 0, 1, 2, b"abcd")


def test_padding_of_a_header_is_not_read() -> None:
    control = struct.pack("<IIii4s", 20, 0xFFFFFFFF, 1, 2, b"abcd")
    assert list(GUEST_CONTROL.unpack(control)) == [ControlMessage(1, 2, b"abcd")]
    header = struct.pack("<IiIiIIIIi", 1, 2, 3, 4, 0xFFFFFFFF, 5, 6, 0xFFFFFFFF, 7)
    assert MSGHDR.unpack(header) == (1, 2, 3, 4, 5, 6, 7)
    assert MSGHDR.size == 36


@pytest.mark.parametrize("length", [0, 15, 25, 0xFFFFFFFF])
def test_lengths_that_cannot_be(length: int) -> None:
    control = struct.pack("<IIii8s", length, 0, 1, 2, bytes(8))
    with pytest.raises(OSError, match="cmsg_len"):
        list(GUEST_CONTROL.unpack(control))


def test_a_piece_of_a_header_at_the_end_is_no_message() -> None:
    control = GUEST_CONTROL.pack([ControlMessage(1, 2, b"abcd")]) + bytes(15)
    assert list(GUEST_CONTROL.unpack(control)) == [ControlMessage(1, 2, b"abcd")]


@given(st.sets(st.integers(0, 299)), st.integers(0, 300))
def test_sets_of_descriptors(descriptors: set[int], nfds: int) -> None:
    inside = {each for each in descriptors if each < nfds}
    bits = pack_set(inside, nfds)
    assert len(bits) == set_size(nfds) == (nfds + 63) // 64 * 8
    assert list(members(bits, nfds)) == sorted(inside)
    assert list(members(b"\xff" * len(bits), nfds)) == list(range(nfds))


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (read_timespec, (1, 500_000_000), 1.5),
        (read_timespec, (0, 0), 0.0),
        (read_timespec, (0, 1_000_000_000), None),
        (read_timespec, (0, -1), None),
        (read_timespec, (-1, 0), None),
        (read_timeval, (1, 500_000), 1.5),
        (read_timeval, (0, 2_500_000), 2.5),
        (read_timeval, (0, -1), None),
        (read_timeval, (-1, 0), None),
    ],
)
def test_durations(read: object, value: tuple[int, int], expected: float | None) -> None:
    if expected is None:
        with pytest.raises(OSError, match="time"):
            read(*value)  # type: ignore[operator]
    else:
        assert read(*value) == expected  # type: ignore[operator]


def test_options_with_addresses_are_in_no_table() -> None:
    """SO_ATTACH_FILTER and its kin, SO_PEERPIDFD, SO_PASSPIDFD, TCP_ZEROCOPY_RECEIVE, TCP_REPAIR, iptables."""
    socket_level = {(1, number) for number in (26, 27, 50, 51, 52, 60, 76, 77)}
    tcp = {(6, number) for number in (14, 19, 20, 21, 22, 31, 32, 33, 35)}
    tables = {
        (level, number)
        for level in (0, 41)
        for number in (*range(64, 70), *range(80, 100))
        if level == 0 or number < 66
    }
    assert not OPTIONS.keys() & (socket_level | tcp | tables)
