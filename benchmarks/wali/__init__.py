"""What Linux costs a program: system calls, blocks of data, a server under load, start-up, signals, fork.

Each figure is taken from a program in C that is run twice in turn, by the engine and in the way that the figure is
compared with (natively, or the same call from Python), every time in fresh processes.  `measures` takes one pair of
samples, `python -m benchmarks.wali` takes several and prints medians beside the targets.
"""
