#include "try.h"
#define RW (PROT_READ | PROT_WRITE)
static char *map(usize size)
{
    return (char *)(usize)sys_mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static u32 sum(const char *p, usize n)
{
    u32 s = 0;
    for (usize i = 0; i < n; i++) s = s * 31 + (u8)p[i];
    return s;
}
static void fill(char *p, usize n)
{
    for (usize i = 0; i < n; i++) p[i] = i * 7 + i / 251;
}
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    char *a = map(3 * PAGE);
    fill(a, 3 * PAGE);
    u32 before = sum(a, 3 * PAGE);
    char *b = (char *)(usize)sys_mremap(a, 3 * PAGE, 50 * PAGE, 1, NULL);
    show("grown", sum(b, 3 * PAGE) == before);
    show("zero", b[3 * PAGE] == 0 && b[50 * PAGE - 1] == 0);
    char *wall = map(PAGE);
    wall[0] = 'w';
    fill(b, 50 * PAGE);
    before = sum(b, 50 * PAGE);
    char *c = (char *)(usize)sys_mremap(b, 50 * PAGE, 300 * PAGE, 1, NULL);
    show("moved", sum(c, 50 * PAGE) == before && c[300 * PAGE - 1] == 0 && wall[0] == 'w');
    show("shrunk", (char *)(usize)sys_mremap(c, 300 * PAGE, PAGE, 0, NULL) == c);
    show("kept", sum(c, PAGE) == sum(c, PAGE) && c[1] == 7);
    TRY(sys_mremap(c + 1, PAGE, PAGE, 1, NULL));
    TRY(sys_mremap(c, PAGE, 0, 1, NULL));
    TRY(sys_mremap(c, PAGE, PAGE, 2, NULL));
    TRY(sys_mremap(c, PAGE, PAGE, 64, NULL));
    sys_munmap(c, PAGE);
    TRY(sys_mremap(c, PAGE, 2 * PAGE, 1, NULL));
    char *d = map(8 * PAGE);
    fill(d, 8 * PAGE);
    before = sum(d, 2 * PAGE);
    char *e = (char *)(usize)sys_mremap(d, 2 * PAGE, 2 * PAGE, 3, d + 4 * PAGE);
    show("fixed", e == d + 4 * PAGE && sum(e, 2 * PAGE) == before && d[6 * PAGE + 1] == (char)((6 * PAGE + 1) * 7 + (6 * PAGE + 1) / 251));
    char *kinds = map(32 * PAGE);
    fill(kinds, 32 * PAGE);
    before = sum(kinds, PAGE);
    sys_mprotect(kinds + PAGE, PAGE, PROT_READ);
    show("two kinds", (char *)(usize)sys_mremap(kinds, 9 * PAGE, 6 * PAGE, 0, NULL) == kinds);
    show("same size", (char *)(usize)sys_mremap(kinds, 5 * PAGE, 5 * PAGE, 0, NULL) == kinds);
    show("over a hole", (char *)(usize)sys_mremap(kinds, 8 * PAGE, 5 * PAGE, 1, NULL) == kinds);
    show("fixed", (char *)(usize)sys_mremap(kinds, 5 * PAGE, PAGE, 3, kinds + 20 * PAGE) == kinds + 20 * PAGE);
    show("kept", sum(kinds + 20 * PAGE, PAGE) == before);
    TRY(sys_mremap(kinds, PAGE, PAGE, 0, NULL));
    TRY(sys_mremap(kinds + PAGE, PAGE, PAGE, 0, NULL));
    int fd = (int)sys_open(argv[1], O_RDWR, 0);
    char *f = (char *)(usize)sys_mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    char *next = map(PAGE);
    char *g = (char *)(usize)sys_mremap(f, PAGE, 2 * PAGE, 1, NULL);
    bytes("first", g, 8);
    bytes("second", g + PAGE, 8);
    g[PAGE] = '!';
    TRY(sys_munmap(g, 2 * PAGE));
    char mark = 0;
    sys_pread64(fd, &mark, 1, PAGE);
    show("mark", mark);
    show("next", next[0]);
    return done();
}
