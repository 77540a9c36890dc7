from .util import s64

M = 0xFFFFFFFFFFFFFFFF


def unit(x):
    s = 0
    for _ in range(4000):
        x ^= x >> 12
        x ^= (x << 25) & M
        x ^= x >> 27
        s += x * 2685821657736338717
    return s & M


def run(reps):
    a = 88172645463325252
    for _ in range(reps):
        a = unit(a | 1)
    return s64(a)
