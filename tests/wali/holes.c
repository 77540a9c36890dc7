/* fallocate with modes, which not every way to the host and not every file system has: holes FILE. */
#include "more.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    struct stat s;
    char c;
    int fd = (int)sys_open(argv[1], O_RDWR, 0);
    for (int mode = 0; mode < 0x82; mode++) {
        show("fallocate", sys_fallocate(fd, mode, 4096, 4096));
        sys_fstat(fd, &s);
        show("  size", s.size);
        sys_pread64(fd, &c, 1, 4096);
        show("  byte", c);
    }
    return done();
}
