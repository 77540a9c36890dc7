"""Who a program may send signals to."""

from __future__ import annotations

import os
import signal

from guest import Guest

from pywasmjit.guest.policy.policy import Capability, Policy

EPERM, ESRCH, EINVAL = -1, -3, -22
SI_QUEUE = (-1).to_bytes(4, "little", signed=True)
OTHERS = (os.getppid(), 1, 0, -1, -os.getpgrp())


def test_signals_with_values_for_others_need_a_grant() -> None:
    with Guest() as guest:
        info = guest.put(bytes(8) + SI_QUEUE + bytes(116))
        assert [guest.rt_sigqueueinfo(pid, signal.SIGWINCH, info) for pid in OTHERS] == [EPERM] * len(OTHERS)
        assert guest.rt_sigqueueinfo(os.getpid(), signal.SIGWINCH, info) == 0
        assert any("signals" in report for report in guest.reports)


def test_with_the_grant_the_kernel_decides() -> None:
    with Guest(Policy.sandbox(allow=[Capability.SIGNALS])) as guest:
        info = guest.put(bytes(8) + SI_QUEUE + bytes(116))
        assert guest.rt_sigqueueinfo(os.getppid(), 0, info) == 0
        assert guest.rt_sigqueueinfo(os.getppid(), 65, info) == EINVAL
        assert guest.rt_sigqueueinfo(1 << 29, signal.SIGWINCH, info) == ESRCH
        assert guest.rt_sigqueueinfo(os.getppid(), 0, guest.put(bytes(128))) == EPERM  # SI_USER is the kernel's word
