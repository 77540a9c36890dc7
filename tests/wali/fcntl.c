/* fcntl by the interface's table: fcntl FILE. */
#include "more.h"
struct owner { int type, pid; };
static long arg(const void *p) { return (long)(usize)p; }
static void print(const struct flock *l)
{
    show("  type", l->type);
    show("  whence", l->whence);
    show("  start", l->start);
    show("  len", l->len);
    show("  own", l->pid == sys_getpid() ? 1 : l->pid);
}
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    int fd = (int)sys_open(argv[1], O_RDWR, 0), other = (int)sys_open(argv[1], O_RDWR, 0);
    int at = (int)sys_open(argv[1], O_PATH, 0), reading = (int)sys_open(argv[1], O_RDONLY, 0);
    /* Locks of the process, and of open files. */
    for (int base = 5; base < 40; base += 31) {
        struct flock lock = {1, 0, 10, 20, 0, 0};
        show("set", sys_fcntl(fd, base + 1, arg(&lock)));
        print(&lock);
        lock.start = 15, lock.len = 1;
        show("get", sys_fcntl(other, base, arg(&lock)));
        print(&lock);
        lock = (struct flock){1, 0, 5, 10, 0, 0};
        show("set other", sys_fcntl(other, base + 1, arg(&lock)));
        lock = (struct flock){0, 0, 100, 0, 0, 0};
        show("read lock", sys_fcntl(reading, base + 1, arg(&lock)));
        lock = (struct flock){1, 0, 100, 1, 0, 0};
        show("no writer", sys_fcntl(reading, base + 1, arg(&lock)));
        lock = (struct flock){1, 0, 0, 0, 5, 0};
        show("pid", sys_fcntl(fd, base, arg(&lock)));
        lock = (struct flock){1, 2, -4, 4, 0, 0};
        show("from the end", sys_fcntl(fd, base + 1, arg(&lock)));
        lock = (struct flock){9, 0, 0, 0, 0, 0};
        show("bad type", sys_fcntl(fd, base + 1, arg(&lock)));
        lock = (struct flock){1, 7, 0, 0, 0, 0};
        show("bad whence", sys_fcntl(fd, base + 1, arg(&lock)));
        lock = (struct flock){1, 0, -1, 0, 0, 0};
        show("negative", sys_fcntl(fd, base + 1, arg(&lock)));
        lock = (struct flock){2, 0, 0, 0, 0, 0};
        show("wait", sys_fcntl(fd, base + 2, arg(&lock)));
        show("unlock", sys_fcntl(other, base + 1, arg(&lock)));
        show("unlock", sys_fcntl(reading, base + 1, arg(&lock)));
        show("bad", sys_fcntl(fd, base, arg(BAD)));
        show("null", sys_fcntl(fd, base + 1, 0));
        show("path", sys_fcntl(at, base, arg(&lock)));
        show("closed", sys_fcntl(99, base, arg(&lock)));
    }
    /* Numbers. */
    TRY(sys_fcntl(fd, 3, 0) & 077777);
    TRY(sys_fcntl(at, 3, 0) & 010077777);
    TRY(sys_fcntl(fd, 4, 02000 | 04000 | 0100));
    TRY(sys_fcntl(fd, 3, 0) & 077777);
    TRY(sys_fcntl(at, 4, 0));
    TRY(sys_fcntl(at, 1, 0));
    TRY(sys_fcntl(at, 2, 1));
    TRY(sys_fcntl(at, 0, 30));
    TRY(sys_fcntl(30, 3, 0) & 010077777);
    TRY(sys_fcntl(fd, 1030, 30));
    TRY(sys_fcntl(31, 1, 0));
    TRY(sys_fcntl(fd, 0, 0x100000000L + 40));
    TRY(sys_fcntl(fd, 1025, 0));
    TRY(sys_fcntl(fd, 1032, 0));
    TRY(sys_fcntl(fd, 1034, 0));
    TRY(sys_fcntl(fd, 1033, 1));
    TRY(sys_fcntl(fd, 1031, 4096));
    TRY(sys_fcntl(fd, 9, 0));
    TRY(sys_fcntl(fd, 11, 0));
    TRY(sys_fcntl(at, 9, 0));
    /* Hints. */
    u64 hint = 99;
    TRY(sys_fcntl(fd, 1035, arg(&hint)));
    show("hint", (long)hint);
    hint = 3;
    TRY(sys_fcntl(fd, 1036, arg(&hint)));
    hint = 0;
    TRY(sys_fcntl(other, 1035, arg(&hint)));
    show("hint", (long)hint);
    hint = 77;
    TRY(sys_fcntl(fd, 1036, arg(&hint)));
    TRY(sys_fcntl(fd, 1035, arg(BAD)));
    hint = 0;
    TRY(sys_fcntl(fd, 1036, arg(&hint)));
    /* What is not passed on. */
    TRY(sys_fcntl(fd, 12345, 0));
    TRY(sys_fcntl(fd, -1, 0));
    TRY(sys_fcntl(88, 3, 0));
    if (argc > 2) {
        struct owner owner = {1, sys_getpid()}, found = {7, 7};
        TRY(sys_fcntl(fd, 8, sys_getpid()));
        show("own", sys_fcntl(fd, 9, 0) == sys_getpid());
        TRY(sys_fcntl(fd, 16, arg(&found)));
        show("type", found.type);
        show("own", found.pid == sys_getpid());
        owner.type = 2, owner.pid = (int)sys_getpgrp();
        TRY(sys_fcntl(fd, 15, arg(&owner)));
        TRY(sys_fcntl(fd, 16, arg(&found)));
        show("type", found.type);
        owner.type = 9;
        TRY(sys_fcntl(fd, 15, arg(&owner)));
        TRY(sys_fcntl(fd, 15, arg(BAD)));
        TRY(sys_fcntl(fd, 16, arg(BAD)));
        TRY(sys_fcntl(fd, 8, 0));
        TRY(sys_fcntl(fd, 8, 0x7fffffff));
        TRY(sys_fcntl(fd, 10, 34));
        TRY(sys_fcntl(fd, 11, 0));
        TRY(sys_fcntl(fd, 10, 65));
        TRY(sys_fcntl(fd, 10, 0));
        TRY(sys_fcntl(fd, 4, 020000));
        TRY(sys_fcntl(fd, 1024, 0));
        sys_close(other), sys_close(fd), sys_close(30), sys_close(31), sys_close(40);
        TRY(sys_fcntl(reading, 1024, 0));
        TRY(sys_fcntl(reading, 1025, 0));
        TRY(sys_fcntl(reading, 1024, 2));
        TRY(sys_fcntl(reading, 1026, 1));
        TRY(sys_fcntl((int)sys_open(".", O_RDONLY, 0), 1026, 0));
    }
    return done();
}
