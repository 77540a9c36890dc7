from ctypes import c_float

from .util import s32


def f(x):
    return c_float(x).value


# idiomatic Python has no binary32: this version rounds where the C does
def unit(cr, ci):
    total = 0
    k2, k16 = f(0.2), f(1.6)
    for y in range(16):
        for x in range(16):
            zr = f(f(x * k2) - k16)
            zi = f(f(y * k2) - k16)
            it = 0
            while it < 48:
                r2 = f(zr * zr)
                i2 = f(zi * zi)
                if f(r2 + i2) > 4.0:
                    break
                zi = f(f(f(2.0 * zr) * zi) + ci)
                zr = f(f(r2 - i2) + cr)
                it += 1
            total += it
    return total


def run(reps):
    a = 0
    k = f(0.01)
    for i in range(reps):
        a = s32(a * 31 + unit(f(f(-0.7) + f((i & 7) * k)), f(0.27)))
    return a
