from .util import lcg, s32


def _mul(a, b):
    return s32(a * (b | 1))


OPS = [
    lambda a, b: s32(a + b),
    lambda a, b: s32(a - b * 3),
    lambda a, b: a ^ (b << 3),
    lambda a, b: s32((a >> 2) + b),
    lambda a, b: b if a < b else a,
    _mul,
    lambda a, b: s32(a + b),
    lambda a, b: a ^ (b << 3),
]


def run(reps):
    s, acc = 5, 1
    for _ in range(reps):
        for _ in range(3000):
            s = lcg(s)
            acc = OPS[s >> 29](acc, (s >> 8) & 0xFFFF)
    return acc
