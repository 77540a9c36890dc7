/* What a cheap call costs: calls getpid|clock_gettime|read|none COUNT prints the nanoseconds of one, loop included,
 * in CPU time. */
#include "wali.h"

static u64 now(void)
{
    struct timespec t;
    sys_clock_gettime(2, &t);
    return (u64)t.sec * 1000000000 + t.nsec;
}

static long by_getpid(long count)
{
    long sum = 0;
    while (count--) sum |= sys_getpid();
    return sum;
}

static long by_clock(long count)
{
    struct timespec t;
    long sum = 0;
    while (count--) sum |= sys_clock_gettime(1, &t);
    return sum;
}

static long by_read(long count)
{
    char byte;
    long sum = 0;
    while (count--) sum |= sys_read(0, &byte, 1) - 1;
    return sum;
}

static long by_nothing(volatile long count)
{
    while (count > 0) count--;
    return 0;
}

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    if (argc < 3) return 2;
    long (*by)(long) = equal(argv[1], "getpid")          ? by_getpid
                       : equal(argv[1], "clock_gettime") ? by_clock
                       : equal(argv[1], "read")          ? by_read
                                                         : by_nothing;
    long count = number(argv[2]);
    u64 least = -1UL;
    by(100);
    for (int round = 0; round < 7; round++) {
        u64 begin = now();
        if (by(count) < 0) return 1;
        u64 taken = now() - begin;
        if (taken < least) least = taken;
    }
    show("ns", least / count);
    flush(&out);
    return 0;
}
