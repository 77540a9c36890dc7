/* flags PATH DIRECTORY LINK: every flag of open, as open takes it and as F_GETFL tells it afterwards. */
#include "net.h"
#define F_GETFL 3
#define F_SETFL 4
static const int each[] = {
    O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_NONBLOCK, O_CREAT, O_EXCL, 0400, O_CLOEXEC, O_NOFOLLOW, O_DIRECTORY,
    010000 /* O_DSYNC */, 04010000 /* O_SYNC */, 04000000 /* its own bit */, 0100000 /* O_LARGEFILE */,
    01000000 /* O_NOATIME */, O_PATH, O_PATH | O_NOFOLLOW, O_PATH | O_DIRECTORY, 040000 /* O_DIRECT */,
    O_DIRECTORY | O_NOFOLLOW, 020200000 | O_RDWR /* O_TMPFILE */, 020200000, 020000000 | O_RDWR, 04000 | O_PATH,
    020000 /* O_ASYNC */, 0200000000, 01000000000, 02000000000,
};
static void told(long fd)
{
    show(" fd", fd < 0 ? fd : 0);
    if (fd < 0) return;
    show(" F_GETFL", sys_fcntl((int)fd, F_GETFL, 0));
    sys_close((int)fd);
}
int main(int argc, char **argv, char **envp)
{
    (void)envp;
    for (int i = 1; i < argc; i++)
        for (unsigned k = 0; k < sizeof each / sizeof *each; k++) {
            text(&out, argv[i]);
            show(" open", each[k]);
            told(sys_open(argv[i], each[k], 0600));
        }
    static const int set[] = {O_APPEND, O_NONBLOCK, O_RDWR, O_NOFOLLOW, O_DIRECTORY, 01000000, 0100000, 010000, -1 & ~020000};
    for (unsigned k = 0; k < sizeof set / sizeof *set; k++) {
        long fd = sys_open(argv[1], O_RDONLY, 0);
        show("F_SETFL", set[k]);
        show(" set", sys_fcntl((int)fd, F_SETFL, set[k]));
        told(fd);
    }
    static const int pipes[] = {0, O_NONBLOCK, 040000, O_CLOEXEC, 040000 | O_NONBLOCK, O_DIRECTORY, 0100000, O_RDWR};
    for (unsigned k = 0; k < sizeof pipes / sizeof *pipes; k++) {
        int ends[2] = {-1, -1};
        show("pipe2", sys_pipe2(ends, pipes[k]));
        told(ends[0]), told(ends[1]);
    }
    return done();
}
