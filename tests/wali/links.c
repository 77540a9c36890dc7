/* links COMMAND WORD...: names of all kinds; one line a command.  Numbers 10 to 12 are directories that are open. */
#include "more.h"

static long run(const char *what)
{
    if (equal(what, "link")) {
        const char *old = path();
        return sys_link(old, path());
    }
    if (equal(what, "linkat")) {
        int at = (int)value();
        const char *old = path();
        int to = (int)value();
        const char *new = path();
        return sys_linkat(at, old, to, new, (int)value());
    }
    if (equal(what, "symlink")) {
        const char *target = path();
        return sys_symlink(target, path());
    }
    if (equal(what, "symlinkat")) {
        const char *target = path();
        int at = (int)value();
        return sys_symlinkat(target, at, path());
    }
    if (equal(what, "renameat") || equal(what, "renameat2")) {
        int at = (int)value();
        const char *old = path();
        int to = (int)value();
        const char *new = path();
        return equal(what, "renameat") ? sys_renameat(at, old, to, new) : sys_renameat2(at, old, to, new, (int)value());
    }
    if (equal(what, "mkdirat")) {
        int at = (int)value();
        const char *name = path();
        return sys_mkdirat(at, name, (int)value());
    }
    if (equal(what, "unlinkat")) {
        int at = (int)value();
        const char *name = path();
        return sys_unlinkat(at, name, (int)value());
    }
    if (equal(what, "readlinkat")) {
        char buffer[256];
        int at = (int)value();
        long n = sys_readlinkat(at, path(), buffer, sizeof buffer);
        if (n > 0) bytes(" to", buffer, n);
        return n;
    }
    if (equal(what, "creat")) {
        const char *name = path();
        int fd = (int)sys_creat(name, (u32)value());
        if (fd < 0) return fd;
        sys_write(fd, "made", 4);
        char c;
        show(" read", sys_read(fd, &c, 1));
        return sys_close(fd);
    }
    if (equal(what, "mknod")) {
        const char *name = path();
        long mode = value();
        return sys_mknod(name, (u32)mode, value());
    }
    if (equal(what, "look")) {
        struct stat s;
        long error = sys_lstat(path(), &s);
        if (error) return error;
        show(" nlink", (long)s.nlink);
        show(" rdev", (long)s.rdev);
        return s.mode;
    }
    if (equal(what, "become")) return sys_setuid((u32)value());
    if (equal(what, "umask")) return sys_umask((u32)value());
    return 9999;
}

int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    sys_umask(022);
    sys_dup2((int)sys_open("sub", O_DIRECTORY, 0), 10);
    sys_dup2((int)sys_open(".", O_PATH | O_DIRECTORY, 0), 11);
    sys_dup2((int)sys_open("file", O_RDWR, 0), 12);
    sys_dup2((int)sys_open("link", O_PATH | O_NOFOLLOW, 0), 13);
    words = argv + 1;
    while (*words) {
        const char *what = *words++;
        text(&out, what);
        show("", run(what));
    }
    return done();
}
