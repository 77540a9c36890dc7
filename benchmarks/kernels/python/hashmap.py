from .util import lcg, s32

M = 0xFFFFFFFF
NB = 64


def hs(k):
    h = 2166136261
    for c in k:
        h = ((h ^ c) * 16777619) & M
    return h


class Node:
    __slots__ = ("key", "hash", "val")

    def __init__(self, key, h):
        self.key, self.hash, self.val = key, h, 0


def ref(tab, k):
    h = hs(k)
    chain = tab[h % NB]
    for n in chain:
        if n.hash == h and n.key == k:
            return n
    n = Node(k, h)
    chain.insert(0, n)
    return n


def run(reps):
    a, s = 1, 77
    for _ in range(reps):
        tab = [[] for _ in range(NB)]
        for i in range(400):
            s = lcg(s)
            n = ref(tab, b"k:%d" % ((s >> 16) % 200))
            n.val = (n.val + i) & M
        cnt = 0
        for chain in tab:
            for n in chain:
                a = (a + n.val * (n.hash | 1)) & M
                cnt += 1
        a = (a * 31 + cnt) & M
    return s32(a)
