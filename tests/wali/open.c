/* open PATH FLAGS MODE ...: the result of each, and what can be done with it. */
#include "try.h"
int main(int argc, char **argv, char **envp)
{
    struct stat found;
    char buffer[8];
    (void)envp;
    for (int i = 1; i + 2 < argc; i += 3) {
        long fd = sys_open(argv[i], (int)number(argv[i + 1]), (int)number(argv[i + 2]));
        text(&out, argv[i]);
        text(&out, " ");
        text(&out, argv[i + 1]);
        show("", fd);
        if (fd < 0) continue;
        show("  fstat", sys_fstat(fd, &found));
        show("  kind", found.mode >> 12);
        show("  size", (found.mode >> 12) == 8 ? found.size : 0);
        show("  read", sys_read(fd, buffer, 8));
        show("  write", sys_write(fd, "new", 3));
        show("  close-on-exec", sys_fcntl(fd, 1, 0));
        show("  access mode", sys_fcntl(fd, 3, 0) & 0x4403);
        show("  close", sys_close(fd));
    }
    TRY(sys_open(NULL, 0, 0));
    TRY(sys_open(BAD, 0, 0));
    memcpy(LAST, "abcd", 4);
    TRY(sys_open(LAST, 0, 0));
    return done();
}
