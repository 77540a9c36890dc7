/* mprotect, madvise, msync, munmap, mremap on ranges with holes, at odd addresses, with odd lengths. */
#include "try.h"
#define RW (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static char *a; /* eight pages; numbers 2 and 5 are holes */

static void renew(void)
{
    if (a) sys_munmap(a, 8 * PAGE);
    a = (char *)(usize)sys_mmap(a, 8 * PAGE, RW, ANONYMOUS | (a ? MAP_FIXED : 0), -1, 0);
    for (int i = 0; i < 8; i++) a[i * PAGE] = (char)('a' + i);
    sys_munmap(a + 2 * PAGE, PAGE);
    sys_munmap(a + 5 * PAGE, PAGE);
}

static void pages(void)
{
    char seen[8];
    for (int i = 0; i < 8; i++) seen[i] = i == 2 || i == 5 ? '-' : a[i * PAGE] ? a[i * PAGE] : '0';
    bytes(" pages", seen, 8);
}

/* The result of mremap: the place in pages, "elsewhere", or an error. */
#define MOVE(call) \
    do { \
        long at = call; \
        int failed = at < 0 && at > -4096; \
        char *p = (char *)(usize)at; \
        show(#call, failed ? at : p >= a && p < a + 8 * PAGE ? (p - a) / PAGE : 1000); \
        if (!failed) show(" holds", *p); \
        renew(); \
    } while (0)

int main(int argc, char **argv, char **envp)
{
    (void)argc, (void)argv, (void)envp;
    static const int advices[] = {0, 1, 2, 3, 4, 8, 99, -1};
    renew();
    pages();
    TRY(sys_mprotect(a, 2 * PAGE, 1));
    TRY(sys_mprotect(a, 3 * PAGE, RW));
    TRY(sys_mprotect(a + 2 * PAGE, PAGE, RW));
    TRY(sys_mprotect(a + 3 * PAGE, 2 * PAGE, RW));
    TRY(sys_mprotect(a + 3 * PAGE, 2 * PAGE + 1, RW));
    TRY(sys_mprotect(a + 3 * PAGE, 1, RW));
    TRY(sys_mprotect(a + 3 * PAGE + 1, 1, RW));
    TRY(sys_mprotect(a, 0, 99));
    TRY(sys_mprotect(a, PAGE, 8));
    TRY(sys_mprotect(a, PAGE, 0x10));
    TRY(sys_mprotect(a, PAGE, 0x01000000));
    TRY(sys_mprotect(a, PAGE, 0x03000000));
    TRY(sys_mprotect(a, (usize)-1, RW));
    TRY(sys_mprotect(a, 2 * PAGE, RW));
    pages();
    for (usize i = 0; i < sizeof advices / sizeof *advices; i++) {
        show("advice", advices[i]);
        TRY(sys_madvise(a, PAGE, advices[i]));
        TRY(sys_madvise(a + 1, PAGE, advices[i]));
        TRY(sys_madvise(a, 0, advices[i]));
        TRY(sys_madvise(a + PAGE, 3 * PAGE, advices[i]));
        TRY(sys_madvise(a + 2 * PAGE, PAGE, advices[i]));
        if (advices[i] != 8) pages();
        renew();
    }
    for (int flags = -1; flags < 9; flags++) {
        show("flags", flags);
        TRY(sys_msync(a, 2 * PAGE, flags));
        TRY(sys_msync(a, 3 * PAGE, flags));
        TRY(sys_msync(a + 2 * PAGE, PAGE, flags));
        TRY(sys_msync(a + 7, PAGE, flags));
        TRY(sys_msync(a, 0, flags));
    }
    TRY(sys_munmap(a + 2 * PAGE, PAGE));
    TRY(sys_munmap(a + 1, PAGE));
    TRY(sys_munmap(a, 0));
    TRY(sys_munmap(a, (usize)-1));
    TRY(sys_munmap(a + PAGE, 4 * PAGE));
    renew();
    MOVE(sys_mremap(a, PAGE, PAGE, 0, NULL));
    MOVE(sys_mremap(a, 2 * PAGE, PAGE, 0, NULL));
    MOVE(sys_mremap(a, PAGE, 2 * PAGE, 0, NULL));
    MOVE(sys_mremap(a, 4 * PAGE, PAGE, 0, NULL));
    MOVE(sys_mremap(a, 4 * PAGE, 4 * PAGE, 1, NULL));
    MOVE(sys_mremap(a + 2 * PAGE, 4 * PAGE, PAGE, 0, NULL));
    MOVE(sys_mremap(a + PAGE, PAGE, 3 * PAGE, 0, NULL));
    MOVE(sys_mremap(a + PAGE, PAGE, 3 * PAGE, 1, NULL));
    MOVE(sys_mremap(a, 3 * PAGE, 4 * PAGE, 1, NULL));
    MOVE(sys_mremap(a + 2 * PAGE, PAGE, 2 * PAGE, 1, NULL));
    MOVE(sys_mremap(a + 1, PAGE, 2 * PAGE, 1, NULL));
    MOVE(sys_mremap(a, PAGE, 0, 1, NULL));
    MOVE(sys_mremap(a, 0, PAGE, 1, NULL));
    MOVE(sys_mremap(a, PAGE, PAGE, 2, a + 2 * PAGE));
    MOVE(sys_mremap(a, PAGE, PAGE, 3, a + 2 * PAGE));
    MOVE(sys_mremap(a, PAGE, PAGE, 3, a + 3 * PAGE));
    MOVE(sys_mremap(a, 2 * PAGE, 2 * PAGE, 3, a + PAGE));
    MOVE(sys_mremap(a, PAGE, 2 * PAGE, 3, a + 6 * PAGE));
    MOVE(sys_mremap(a, 2 * PAGE, PAGE, 3, a + 6 * PAGE));
    MOVE(sys_mremap(a, PAGE, PAGE, 3, a + 6 * PAGE + 1));
    MOVE(sys_mremap(a, PAGE, PAGE, 8, NULL));
    return done();
}
