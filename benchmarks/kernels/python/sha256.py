from struct import unpack

from .util import lcg, s32


def _primes(n):
    r, k = [], 2
    while len(r) < n:
        if all(k % p for p in r):
            r.append(k)
        k += 1
    return r


def _root(n, e):
    lo, hi = 0, 1 << 40
    while lo < hi:
        m = (lo + hi + 1) // 2
        if m**e <= n:
            lo = m
        else:
            hi = m - 1
    return lo & 0xFFFFFFFF


K = [_root(p << 96, 3) for p in _primes(64)]
H0 = [_root(p << 64, 2) for p in _primes(8)]
M = 0xFFFFFFFF


def block(h, p):
    w = list(unpack(">16I", p))
    for i in range(16, 64):
        x, y = w[i - 15], w[i - 2]
        s0 = ((x >> 7) | (x << 25)) ^ ((x >> 18) | (x << 14)) ^ (x >> 3)
        s1 = ((y >> 17) | (y << 15)) ^ ((y >> 19) | (y << 13)) ^ (y >> 10)
        w.append((w[i - 16] + (s0 & M) + w[i - 7] + (s1 & M)) & M)
    a, b, c, d, e, f, g, k = h
    for ki, wi in zip(K, w):
        t1 = (
            k
            + ((((e >> 6) | (e << 26)) ^ ((e >> 11) | (e << 21)) ^ ((e >> 25) | (e << 7))) & M)
            + ((e & f) ^ (~e & g))
            + ki
            + wi
        )
        t2 = ((((a >> 2) | (a << 30)) ^ ((a >> 13) | (a << 19)) ^ ((a >> 22) | (a << 10))) & M) + (
            (a & b) ^ (a & c) ^ (b & c)
        )
        k = g
        g = f
        f = e
        e = (d + t1) & M
        d = c
        c = b
        b = a
        a = (t1 + t2) & M
    return [(x + y) & M for x, y in zip(h, (a, b, c, d, e, f, g, k))]


def digest(seed):
    msg = bytearray(1024)
    for i in range(1000):
        seed = lcg(seed)
        msg[i] = seed >> 24
    msg[1000] = 0x80
    msg[1022:] = (8000).to_bytes(2, "big")
    h = H0
    for o in range(0, 1024, 64):
        h = block(h, msg[o : o + 64])
    return h[0] ^ h[7]


def run(reps):
    a = 1
    for i in range(reps):
        a = digest((a + i) & M)
    return s32(a)
