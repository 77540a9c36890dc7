from .util import s32


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def run(reps):
    a = 0
    for i in range(reps):
        a = s32(a * 3 + fib(18) + i)
    return a
