from .util import s32


def unit(ox):
    total = 0
    for y in range(20):
        ci = -1.4 + y * 0.14
        for x in range(20):
            cr = ox + x * 0.14
            zr = zi = 0.0
            it = 0
            while it < 40:
                r2 = zr * zr
                i2 = zi * zi
                if r2 + i2 > 4.0:
                    break
                zi = 2 * zr * zi + ci
                zr = r2 - i2 + cr
                it += 1
            total += it
    return total


def run(reps):
    a = 0
    for i in range(reps):
        a = s32(a * 31 + unit(-2.0 - (i & 7) * 0.01))
    return a
