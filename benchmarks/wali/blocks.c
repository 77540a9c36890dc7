/* How fast blocks move: blocks CALL COUNT SIZE moves COUNT blocks of SIZE bytes, by read, pread, readv or recv from
 * standard input, by write, pwrite, writev or send to standard output, and prints nanoseconds on standard error,
 * of the clock (ns) and of the processor (cpu).
 * A file is gone over again from its beginning where it ends; "blocks drain" reads to the end and is silent. */
#include "wali.h"

CALL6(sendto, int, const void *, usize, int, const void *, u32)
CALL6(recvfrom, int, void *, usize, int, void *, u32 *)

static u64 now(int clock)
{
    struct timespec t;
    sys_clock_gettime(clock, &t);
    return (u64)t.sec * 1000000000 + t.nsec;
}

static long move(const char *call, char *block, usize size)
{
    struct iovec halves[2] = {{block, size / 2}, {block + size / 2, size - size / 2}};
    if (equal(call, "read")) return sys_read(0, block, size);
    if (equal(call, "write")) return sys_write(1, block, size);
    if (equal(call, "pread")) return sys_pread64(0, block, size, 0);
    if (equal(call, "pwrite")) return sys_pwrite64(1, block, size, 0);
    if (equal(call, "readv")) return sys_readv(0, halves, 2);
    if (equal(call, "writev")) return sys_writev(1, halves, 2);
    if (equal(call, "recv")) return sys_recvfrom(0, block, size, 0, NULL, NULL);
    if (equal(call, "send")) return sys_sendto(1, block, size, 0, NULL, 0);
    return -22;
}

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    if (argc < 4) return 2;
    const char *call = argv[1];
    usize size = number(argv[3]);
    u64 total = (u64)number(argv[2]) * size, moved = 0;
    char *block = allocate(size);
    memset(block, 'x', size);
    int drains = equal(call, "drain");
    u64 begin = now(1), begin_cpu = now(2);
    while (drains || moved < total) {
        u64 left = total - moved;
        long n = move(drains ? "read" : call, block, drains || left > size ? size : (usize)left);
        if (n < 0) return fail("blocks", call, n), 1;
        if (n == 0 && drains) return 0;
        if (n == 0 && sys_lseek(0, 0, 0) < 0) return 1;
        if (moved % (64 << 20) == 0) sys_lseek(1, 0, 0);
        moved += n;
    }
    u64 taken = now(1) - begin, taken_cpu = now(2) - begin_cpu;
    text(&err, "ns=");
    integer(&err, taken, 0);
    text(&err, "\ncpu=");
    integer(&err, taken_cpu, 0);
    text(&err, "\n");
    flush(&err);
    return 0;
}
