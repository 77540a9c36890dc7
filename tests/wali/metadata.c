/* metadata COMMAND WORD...: change mode, owner, times, length, and look; one line a command, then what came of it. */
#include "more.h"

static void look(const char *name)
{
    struct stat s;
    if (sys_lstat(name, &s)) return;
    integer(&out, s.mode, 7);
    integer(&out, s.uid, 6);
    integer(&out, s.gid, 6);
    integer(&out, s.size, 6);
    integer(&out, s.blocks, 4);
    integer(&out, s.nlink, 3);
    if (s.atim.sec < 1700000000 && s.atim.sec >= -100) {
        integer(&out, s.atim.sec, 12);
        integer(&out, s.atim.nsec, 10);
    } else text(&out, " later");
    if (s.mtim.sec < 1700000000 && s.mtim.sec >= -100) {
        integer(&out, s.mtim.sec, 12);
        integer(&out, s.mtim.nsec, 10);
    } else text(&out, " later");
    text(&out, "\n");
}

static int opened(void)
{
    const char *name = path();
    return (int)sys_open(name, (int)value(), 0);
}

static struct timespec *times_of(struct timespec *both)
{
    both[0].sec = value();
    both[0].nsec = value();
    both[1].sec = value();
    both[1].nsec = value();
    return both;
}

static long run(const char *what, const char **seen)
{
    struct timespec both[2];
    const char *name;
    int at, fd = -1;
    long first, result;
    *seen = NULL;
    if (equal(what, "become")) return sys_setuid((u32)value());
    if (equal(what, "umask")) return sys_umask((u32)value());
    if (equal(what, "chmod")) return name = *seen = path(), sys_chmod(name, (u32)value());
    if (equal(what, "fchmodat"))
        return at = (int)value(), name = *seen = path(), first = value(), sys_fchmodat(at, name, (u32)first, (int)value());
    if (equal(what, "chown")) return name = *seen = path(), first = value(), sys_chown(name, (int)first, (int)value());
    if (equal(what, "lchown")) return name = *seen = path(), first = value(), sys_lchown(name, (int)first, (int)value());
    if (equal(what, "truncate")) return name = *seen = path(), sys_truncate(name, value());
    if (equal(what, "fchownat")) {
        at = (int)value(), name = *seen = path(), first = value();
        long group = value();
        return sys_fchownat(at, name, (int)first, (int)group, (int)value());
    }
    if (equal(what, "utimensat")) {
        at = (int)value(), name = *seen = path(), first = value();
        return sys_utimensat(at, name, times_of(both), (int)first);
    }
    if (equal(what, "now")) return name = *seen = path(), sys_utimensat(AT_FDCWD, name, NULL, 0);
    if (equal(what, "futimesat"))
        return at = (int)value(), name = *seen = path(), sys_futimesat(at, name, (void *)times_of(both));
    if (equal(what, "utimes")) return name = *seen = path(), sys_utimes(name, (void *)times_of(both));
    if (equal(what, "utime")) {
        long two[2];
        name = *seen = path(), two[0] = value(), two[1] = value();
        return sys_utime(name, two);
    }
    /* The rest: on a descriptor that is opened with flags. */
    *seen = *words;
    fd = opened();
    if (equal(what, "fchmod")) result = sys_fchmod(fd, (u32)value());
    else if (equal(what, "fchown")) first = value(), result = sys_fchown(fd, (int)first, (int)value());
    else if (equal(what, "ftruncate")) result = sys_ftruncate(fd, value());
    else if (equal(what, "futimens")) first = value(), result = sys_utimensat(fd, NULL, times_of(both), (int)first);
    else if (equal(what, "emptychown")) result = sys_fchownat(fd, "", 5, 6, (int)value());
    else if (equal(what, "emptytimes")) first = value(), result = sys_utimensat(fd, "", times_of(both), (int)first);
    else if (equal(what, "futimes")) result = sys_futimesat(fd, NULL, (void *)times_of(both));
    else result = 9999;
    sys_close(fd);
    return result;
}

int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    sys_umask(022);
    words = argv + 1;
    while (*words) {
        const char *what = *words++, *seen;
        text(&out, what);
        long result = run(what, &seen);
        show("", result);
        if (seen && seen != (char *)BAD) look(seen);
    }
    struct timespec both[2] = {{1, 2}, {3, 4}};
    TRY(sys_chmod(BAD, 0));
    TRY(sys_fchmod(88, 0));
    TRY(sys_fchown(-1, 0, 0));
    TRY(sys_utimensat(AT_FDCWD, "file", BAD, 0));
    TRY(sys_utimensat(AT_FDCWD, NULL, both, 0));
    TRY(sys_utimensat(AT_FDCWD, BAD, both, 0));
    TRY(sys_utimensat(77, NULL, both, 0));
    TRY(sys_utimensat(77, "file", both, 0));
    TRY(sys_utimes(BAD, NULL));
    TRY(sys_utimes("file", BAD));
    TRY(sys_utime("file", BAD));
    TRY(sys_utime("file", NULL));
    TRY(sys_utimes("file", NULL));
    TRY(sys_futimesat(AT_FDCWD, "file", NULL));
    TRY(sys_truncate(BAD, 0));
    TRY(sys_truncate("", 0));
    TRY(sys_ftruncate(77, 0));
    return done();
}
