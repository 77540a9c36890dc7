from .util import lcg, s32

T = []
for _i in range(256):
    _c = _i
    for _ in range(8):
        _c = 0xEDB88320 ^ (_c >> 1) if _c & 1 else _c >> 1
    T.append(_c)


def crc(data, c):
    c ^= 0xFFFFFFFF
    for b in data:
        c = T[(c ^ b) & 255] ^ (c >> 8)
    return c ^ 0xFFFFFFFF


def run(reps):
    buf = bytearray(4096)
    s = 12345
    for i in range(4096):
        s = lcg(s)
        buf[i] = (s >> 16) & 255
    a = 0
    for i in range(reps):
        buf[i & 4095] ^= i & 255
        a = crc(buf, a)
    return s32(a)
