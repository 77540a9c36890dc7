"""Signals of a guest: what is pending, what is blocked, how handlers run, timers."""
