from math import sqrt


def init(s):
    b = []
    for i in range(5):
        k = i + 1.0
        b.append([k * 1.5, k * k * 0.25 - 2.0, 0.1 * k, 0.3 - 0.1 * k, 0.05 * k + s * 0.001, 0.01 * k, 4.0 / (k * k)])
    return b, [(b[i], b[j]) for i in range(5) for j in range(i + 1, 5)]


def advance(b, pairs, dt):
    for p, q in pairs:
        x1, y1, z1, vx1, vy1, vz1, m1 = p
        x2, y2, z2, vx2, vy2, vz2, m2 = q
        dx = x1 - x2
        dy = y1 - y2
        dz = z1 - z2
        d2 = dx * dx + dy * dy + dz * dz + 0.01
        mag = dt / (d2 * sqrt(d2))
        mi = m1 * mag
        mj = m2 * mag
        p[3] = vx1 - dx * mj
        p[4] = vy1 - dy * mj
        p[5] = vz1 - dz * mj
        q[3] = vx2 + dx * mi
        q[4] = vy2 + dy * mi
        q[5] = vz2 + dz * mi
    for p in b:
        p[0] += dt * p[3]
        p[1] += dt * p[4]
        p[2] += dt * p[5]


def run(reps):
    a = 0.0
    for i in range(reps):
        b, pairs = init(i & 15)
        for _ in range(80):
            advance(b, pairs, 0.01)
        e = 0.0
        for p in b:
            e += p[6] * (p[3] * p[3] + p[4] * p[4])
        a = a * 0.5 + e
    return a
