from .util import s32

M = 0xFFFFFFFF
J = b'{"id": 1017, "name": "sensor \\"A\\"", "tags": ["x", "yy", "z\\n", "\\u0041bc"], "ok": true, "err": null, "vals": [1.5, -2e3, 0.0625, 12345678, 9, -17], "geo": {"lat": 48.2082, "lon": 16.3738, "alt": [190, {"unit": "m", "exact": false}]}, "log": [{"t": 1, "m": "start"}, {"t": 25, "m": "a longer message with several words"}, {"t": 300, "m": "stop"}]}\0'


def tokens(p, h):
    """Yield (type, hash) for every token."""
    i = 0
    while True:
        c = p[i]
        while c == 32 or c == 10 or c == 9 or c == 13:
            i += 1
            c = p[i]
        if c == 0:
            return
        if c in b"{}[]:,":
            i += 1
            h = (h * 31 + c) & M
            ty = 0
        elif c == 34:
            i += 1
            ty = 1
            while p[i] and p[i] != 34:
                if p[i] == 92:
                    i += 1
                    if p[i] == 117:
                        i += 4
                h = (h * 31 + p[i]) & M
                i += 1
            i += 1
        elif c in b"tfn":
            ty = 3
            while 97 <= p[i] <= 122:
                h = (h * 31 + p[i]) & M
                i += 1
        elif c == 45 or 48 <= c <= 57:
            ty = 2
            i += 1
            v = 0.0 if c == 45 else c - 48.0
            sc = 1.0
            fr = False
            while True:
                c = p[i]
                if 48 <= c <= 57:
                    v = v * 10 + (c - 48)
                    if fr:
                        sc *= 10
                elif c == 46:
                    fr = True
                elif c in b"eE+-":
                    h = (h + 7) & M
                else:
                    break
                i += 1
            h = (h * 31 + int(v / sc * 16.0)) & M
        else:
            ty = 4
            i += 1
        yield ty, h


def run(reps):
    a = 0
    for _ in range(reps):
        cnt = [0] * 5
        for q in range(6):
            h = (a + q) & M
            for ty, h in tokens(J, h):
                cnt[ty] += 1
            a = h
        a = (a * 31 + cnt[0] + cnt[1] * 3 + cnt[2] * 5 + cnt[3] * 7 + cnt[4] * 11) & M
    return s32(a)
