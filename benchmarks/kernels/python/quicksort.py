from .util import lcg, s32

N = 600


def qs(v, lo, hi):
    while lo < hi:
        p = v[(lo + hi) >> 1]
        i, j = lo, hi
        while i <= j:
            while v[i] < p:
                i += 1
            while v[j] > p:
                j -= 1
            if i <= j:
                v[i], v[j] = v[j], v[i]
                i += 1
                j -= 1
        if j - lo < hi - i:
            qs(v, lo, j)
            lo = i
        else:
            qs(v, i, hi)
            hi = j


def run(reps):
    a, s = 0, 42
    for r in range(reps):
        v = []
        for _ in range(N):
            s = lcg(s)
            v.append(s32(s) >> 8)
        qs(v, 0, N - 1)
        a = s32(a * 31 + v[r % N] + v[N // 2])
    return a
