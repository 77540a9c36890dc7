from .util import lcg, s32

AL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def enc(p, n):
    o = bytearray()
    i = 0
    while i + 2 < n:
        t = p[i] << 16 | p[i + 1] << 8 | p[i + 2]
        o.append(AL[t >> 18])
        o.append(AL[(t >> 12) & 63])
        o.append(AL[(t >> 6) & 63])
        o.append(AL[t & 63])
        i += 3
    if i < n:
        t = p[i] << 16
        if i + 1 < n:
            t |= p[i + 1] << 8
        o.append(AL[t >> 18])
        o.append(AL[(t >> 12) & 63])
        o.append(AL[(t >> 6) & 63] if i + 1 < n else 61)
        o.append(61)
    return o


def run(reps):
    a = 7
    for r in range(reps):
        s = a
        words = []
        for _ in range(751):
            s = lcg(s)
            words.append(s.to_bytes(4, "little"))
        data = b"".join(words)[:3001]
        o = enc(data, 3001 - r % 3)
        h = len(o)
        for c in o[::16]:
            h = (h * 33 + c) & 0xFFFFFFFF
        a = h
    return s32(a)
