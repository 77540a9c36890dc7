from .util import lcg, s32


def lev(s, t, n, m):
    row = list(range(m + 1))
    for i in range(1, n + 1):
        diag = row[0]
        row[0] = i
        ch = s[i - 1]
        for j in range(1, m + 1):
            c = diag + (ch != t[j - 1])
            diag = row[j]
            d = diag + 1
            e = row[j - 1] + 1
            if d < c:
                c = d
            if e < c:
                c = e
            row[j] = c
    return row[m]


def run(reps):
    a, q = 0, 99
    for r in range(reps):
        s, t = bytearray(), bytearray()
        for _ in range(64):
            q = lcg(q)
            s.append(97 + (q >> 30))
            q = lcg(q)
            t.append(97 + (q >> 30))
        a = s32(a * 31 + lev(s, t, 64, 64 - (r & 7)))
    return a
