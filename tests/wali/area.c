/* area FILE COMMAND WORD...: mappings, made and moved and removed within 24 pages; after each what the pages hold. */
#include "more.h"
#define RW (PROT_READ | PROT_WRITE)
#define PAGES 24

static char *area;
static int fd;

/* Whether a page is mapped: who writes back a page that is not is told so. */
static int mapped(int page) { return sys_msync(area + page * PAGE, PAGE, 1) == 0; }

static void pages(void)
{
    char seen[PAGES];
    for (int i = 0; i < PAGES; i++) seen[i] = !mapped(i) ? '-' : area[i * PAGE] ? area[i * PAGE] : '0';
    bytes(" pages", seen, PAGES);
}

static long placed(long at)
{
    if (at < 0 && at > -4096) return at;
    char *p = (char *)(usize)at;
    if (p >= area && p < area + PAGES * PAGE) return (p - area) / PAGE;
    return 1000;
}

static long run(const char *what)
{
    char *at = area + value() * PAGE;
    usize size = (usize)value() * PAGE;
    if (equal(what, "zeros")) {
        int flags = (int)value();
        return placed(sys_mmap(at, size, RW, flags | MAP_FIXED | MAP_ANONYMOUS, -1, 0));
    }
    if (equal(what, "file")) {
        int flags = (int)value();
        return placed(sys_mmap(at, size, RW, flags | MAP_FIXED, fd, value() * PAGE));
    }
    if (equal(what, "unmap")) return sys_munmap(at, size);
    if (equal(what, "protect")) return sys_mprotect(at, size, RW);
    if (equal(what, "forget")) return sys_madvise(at, size, 4);
    if (equal(what, "sync")) return sys_msync(at, size, 4);
    if (equal(what, "fill")) {
        char c = (char)value();
        for (char *p = at; p < at + size; p += PAGE)
            if (mapped((int)((p - area) / PAGE))) *p = c;
        return 0;
    }
    if (equal(what, "move")) {
        usize new = (usize)value() * PAGE;
        return placed(sys_mremap(at, size, new, 3, area + value() * PAGE));
    }
    if (equal(what, "shrink")) return placed(sys_mremap(at, size, (usize)value() * PAGE, 0, NULL));
    return -1000;
}

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    char c;
    fd = (int)sys_open(argv[1], O_RDWR, 0);
    sys_ftruncate(fd, 3 * PAGES * PAGE);
    area = (char *)(usize)sys_mmap(NULL, PAGES * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (words = argv + 2; words < argv + argc; ) {
        const char *what = *words++;
        text(&out, what);
        show("", run(what));
        pages();
    }
    for (long at = 0; sys_pread64(fd, &c, 1, at) == 1; at += PAGE)
        if (c) bytes("file", &c, 1);
    return done();
}
