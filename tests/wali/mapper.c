/* mapper FILE: change a file through a mapping, look at it by other means, use much memory. */
#include "try.h"
#include "must.h"
#define RW (PROT_READ | PROT_WRITE)

static void cleanup(void) {}

int main(int argc, char **argv, char **envp)
{
    (void)argc, (void)envp;
    struct stat s;
    char seen[8];
    int fd = (int)MUST(sys_open(argv[1], O_RDWR, 0));
    MUST(sys_fstat(fd, &s));
    char *private = MUST_MAP(NULL, s.size, RW, MAP_PRIVATE, fd, 0);
    char *shared = MUST_MAP(NULL, s.size, RW, MAP_SHARED, fd, 0);
    bytes("private", private, 8);
    shared[0] = '!';
    private[1] = '?';
    MUST(sys_msync(shared, s.size, 4));
    for (long n = 0; n < 8; ) n += MUST(sys_pread64(fd, seen + n, (usize)(8 - n), n));
    bytes("file", seen, 8);
    for (long n = 0; n < 2; ) n += MUST(sys_pwrite64(fd, "%%", (usize)(2 - n), 2 + n));
    for (long n = 0; n < 8; ) n += MUST(sys_pread64(fd, seen + n, (usize)(8 - n), n));
    bytes("file", seen, 8);
    char *room = MUST_MAP(NULL, 3 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(room, 'r', 3 * PAGE);
    MUST(sys_madvise(room + PAGE, PAGE, 4));
    MUST(sys_mprotect(room, 3 * PAGE, PROT_READ));
    MUST(sys_mprotect(room, 3 * PAGE, RW));
    long at = must("mremap", sys_mremap(room, 3 * PAGE, 40 * PAGE, 1, NULL));
    char *large = (char *)(usize)at;
    show("kept", large[0] == 'r' && large[PAGE] == 0 && large[2 * PAGE] == 'r' && large[39 * PAGE] == 0);
    char *anonymous = MUST_MAP(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    anonymous[PAGE] = 'm';
    at = must("mremap", sys_mremap(anonymous, 2 * PAGE, 2 * PAGE, 3, large + 20 * PAGE));
    show("moved", ((char *)(usize)at)[PAGE] == 'm');
    at = must("mremap", sys_mremap(shared, s.size, s.size + PAGE, 1, NULL));
    shared = (char *)(usize)at;
    show("text", shared[0] == '!');
    MUST(sys_munmap(private, s.size));
    MUST(sys_munmap(shared, s.size + PAGE));
    MUST(sys_ftruncate(fd, 4));
    show("end", MUST(sys_lseek(fd, 0, 2)));
    for (int i = 0; i < 6; i++) {
        char *p = MUST_MAP(NULL, 3 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        show("zero", p[0] == 0 && p[(3 << 20) - 1] == 0);
        p[0] = p[(3 << 20) - 1] = 1;
        if (i % 2) MUST(sys_munmap(p, 3 << 20));
    }
    MUST(sys_close(fd));
    return finish();
}
