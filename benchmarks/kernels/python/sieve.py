from .util import s32


def sieve(n):
    comp = bytearray(n)
    cnt = 0
    for i in range(2, n):
        if not comp[i]:
            cnt += 1
            for j in range(i + i, n, i):
                comp[j] = 1
    return cnt


def run(reps):
    a = 0
    for i in range(reps):
        a = s32(a * 31 + sieve(8192 - (i & 3)))
    return a
