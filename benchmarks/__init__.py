"""What the engine costs, measured beside other engines.

Enters: the modules under `kernels/` and small modules built here.  Leaves: a
table, a list of figures with their targets, a picture.  Results are compared
before times: a wrong answer is reported and never timed.  Every sample is taken
in a fresh process and in CPU time, the engines take turns, and the ratio of two
engines is formed from the same run only.
"""
