#include "try.h"
#define RW (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)
static long map(usize size, int prot, int flags, int fd, long offset)
{
    long at = sys_mmap(NULL, size, prot, flags, fd, offset);
    return at < 0 && at > -4096 ? at : at % PAGE ? -1 : at;
}
static int zero(const char *p, usize n)
{
    for (usize i = 0; i < n; i++)
        if (p[i]) return 0;
    return 1;
}
#define ERROR(call) show(#call, (call) < 0 && (call) > -4096 ? (call) : 0)
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    int fd = (int)sys_open(argv[1], O_RDWR, 0), ro = (int)sys_open(argv[1], O_RDONLY, 0);
    int wo = (int)sys_open(argv[1], O_WRONLY, 0);
    char *a = (char *)(usize)map(100000, RW, ANONYMOUS, -1, 0);
    show("zero", zero(a, 100000));
    memset(a, 'x', 100000);
    char *b = (char *)(usize)map(1, RW, ANONYMOUS, -1, 0);
    show("apart", b < a ? b + PAGE <= a : a + 100000 <= b);
    TRY(sys_munmap(a + PAGE, 2 * PAGE));
    show("kept", a[0] == 'x' && a[3 * PAGE] == 'x');
    TRY(sys_munmap(a, 100000));
    TRY(sys_munmap(a, 100000));
    a = (char *)(usize)map(100000, RW, ANONYMOUS, -1, 0);
    show("zero again", zero(a, 100000));
    TRY(sys_munmap(a, 0));
    TRY(sys_munmap(a + 1, PAGE));

    ERROR(map(0, RW, ANONYMOUS, -1, 0));
    ERROR(map(PAGE, RW, MAP_ANONYMOUS, -1, 0));
    ERROR(map(PAGE, RW, MAP_PRIVATE, 99, 0));
    ERROR(map(PAGE, RW, MAP_PRIVATE, -1, 0));
    ERROR(map(PAGE, RW, MAP_PRIVATE, fd, 100));
    ERROR(map(PAGE, RW, MAP_SHARED, ro, 0));
    ERROR(map(PAGE, PROT_READ, MAP_SHARED, wo, 0));
    ERROR(map(PAGE, PROT_READ, MAP_PRIVATE, wo, 0));
    ERROR(map(PAGE, RW, MAP_PRIVATE, ro, 0));

    struct stat s;
    sys_fstat(fd, &s);
    char *p = (char *)(usize)map(s.size, RW, MAP_PRIVATE, fd, 0);
    bytes("private", p, 20);
    show("tail", zero(p + s.size, (PAGE - s.size % PAGE) % PAGE));
    p[0] = '#';
    char *q = (char *)(usize)map(s.size, RW, MAP_SHARED, fd, 0);
    bytes("shared", q, 20);
    q[1] = '@';
    q[s.size - 1] = '$';
    TRY(sys_msync(q, s.size, 4));
    TRY(sys_msync(q, s.size, 3));
    TRY(sys_msync(q, s.size, 5));
    TRY(sys_msync(q, s.size, 8));
    TRY(sys_msync(q + 1, PAGE, 4));
    char start[4];
    sys_pread64(fd, start, 4, 0);
    bytes("file", start, 4);
    if (s.size > PAGE) {
        char *second = (char *)(usize)map(PAGE, PROT_READ, MAP_PRIVATE, ro, PAGE);
        bytes("second page", second, 8);
        char *view = (char *)(usize)map(PAGE, PROT_READ, MAP_SHARED, ro, PAGE);
        show("same", !compare(second, view, PAGE));
        TRY(sys_mprotect(view, PAGE, RW));
        TRY(sys_mprotect(second, PAGE, RW));
    }
    TRY(sys_close(fd));
    q[2] = '%';
    TRY(sys_munmap(q, s.size));
    sys_pread64(ro, start, 4, 0);
    bytes("file", start, 4);
    TRY(sys_msync(q, PAGE, 4));

    TRY(sys_mprotect(a, PAGE, 0));
    TRY(sys_mprotect(a, PAGE, RW));
    TRY(sys_mprotect(a + 1, PAGE, RW));
    TRY(sys_mprotect(a, PAGE, 0x1000));
    TRY(sys_mprotect(NULL, PAGE, RW));
    TRY(sys_mprotect(a, 0, RW));
    memset(a, 'y', 3 * PAGE);
    TRY(sys_madvise(a + PAGE, PAGE, 4));
    show("forgotten", a[0] == 'y' && zero(a + PAGE, PAGE) && a[2 * PAGE] == 'y');
    TRY(sys_madvise(a, PAGE, 3));
    TRY(sys_madvise(a, PAGE, 9999));
    TRY(sys_madvise(a + 1, PAGE, 0));

    char *shared = (char *)(usize)map(2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    show("shared zero", zero(shared, 2 * PAGE));
    shared[PAGE] = 1;
    TRY(sys_munmap(shared, 2 * PAGE));
    char *fixed = (char *)(usize)sys_mmap(a + PAGE, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0);
    show("fixed", fixed == a + PAGE && zero(fixed, PAGE) && a[0] == 'y');
    ERROR(sys_mmap(a + 1, PAGE, RW, ANONYMOUS | MAP_FIXED, -1, 0));
    return done();
}
