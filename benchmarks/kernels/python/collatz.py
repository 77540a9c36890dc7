from .util import s64


def unit(frm):
    best = 0
    for n in range(frm, frm + 150):
        x, st = n, 0
        while x != 1:
            x = 3 * x + 1 if x & 1 else x >> 1
            st += 1
        best += st * n
    return best


def run(reps):
    a = 0
    for i in range(reps):
        a = s64(a * 31 + unit(1000001 + (i & 15)))
    return a
