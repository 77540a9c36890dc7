from .util import s32


def find(h, n, q):
    m = len(q)
    c = 0
    for i in range(n - m + 1):
        k = 0
        while k < m and h[i + k] == q[k]:
            k += 1
        if k == m:
            c += 1
    return c


def run(reps):
    acc = 0
    a = bytearray(2048)
    b = bytearray(2048)
    for r in range(reps):
        a[:1024] = bytes([97 + (r & 3)]) * 1024
        for i in range(0, 1024, 5):
            a[i] = 98
        for i in range(8):
            b[i * 256 : i * 256 + 256] = a[i * 97 : i * 97 + 256]
        acc = s32(acc * 31 + find(b, 2048, b"baaaa") + find(b, 2048, b"bcc"))
    return acc
