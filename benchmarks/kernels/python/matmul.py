N = 20


def mm(seed):
    A = [[((i * 7 + j * 3 + seed) % 11) * 0.5 for j in range(N)] for i in range(N)]
    B = [[((i + j * 5 + seed) % 13) - 6.0 for j in range(N)] for i in range(N)]
    C = []
    for row in A:
        out = []
        for j in range(N):
            s = 0.0
            for k in range(N):
                s += row[k] * B[k][j]
            out.append(s)
        C.append(out)
    t = 0.0
    for i in range(N):
        t += C[i][(i * 3 + seed) % N]
    return t


def run(reps):
    a = 0.0
    for i in range(reps):
        a = a * 0.5 + mm(i & 7)
    return a
