/* looking PATH...: statx, statfs, faccessat and faccessat2 of each. */
#include "more.h"

static void print(const struct statx *s)
{
    show("  mask", s->mask & 0x7ff);
    show("  blksize", s->blksize);
    show("  nlink", s->nlink);
    show("  uid", s->uid);
    show("  gid", s->gid);
    show("  mode", s->mode);
    show("  size", (long)s->size);
    show("  blocks", (long)s->blocks);
    show("  mtime", s->mtime.nsec);
    show("  rdev", s->rdev_major * 256 + s->rdev_minor);
    show("  dev", s->dev_major * 256 + s->dev_minor);
}

static const int flags[] = {0, 0x100, 0x800, 0x1000, 0x2000, 0x4000, 0x6000, 0x200, 0x100000};

int main(int argc, char **argv, char **envp)
{
    static struct statx s;
    static struct statfs f;
    (void)envp;
    for (int i = 1; i < argc; i++) {
        for (int j = 0; j < (int)(sizeof flags / sizeof *flags); j++) {
            long error = sys_statx(AT_FDCWD, argv[i], flags[j], 0x7ff, &s);
            show(argv[i], error);
            if (!error) print(&s);
        }
        long error = sys_statfs(argv[i], &f);
        show("statfs", error);
        if (!error) show("  bsize", f.bsize), show("  namelen", f.namelen), show("  blocks", (long)f.blocks);
        int fd = (int)sys_open(argv[i], O_PATH, 0);
        if (fd >= 0) {
            show("fstatfs", sys_fstatfs(fd, &f));
            show("empty statx", sys_statx(fd, "", 0x1000, 0x7ff, &s));
            print(&s);
            show("empty access", sys_faccessat2(fd, "", 4, 0x1000));
            show("no flag", sys_faccessat2(fd, "", 4, 0));
            show("no flag", sys_statx(fd, "", 0, 0x7ff, &s));
            sys_close(fd);
        }
        for (int mode = 0; mode < 9; mode++) {
            show("faccessat", sys_faccessat(AT_FDCWD, argv[i], mode, 0x777));
            show("faccessat2", sys_faccessat2(AT_FDCWD, argv[i], mode, 0));
            show("effective", sys_faccessat2(AT_FDCWD, argv[i], mode, 0x200));
            show("link itself", sys_faccessat2(AT_FDCWD, argv[i], mode, 0x100));
        }
    }
    TRY(sys_statx(AT_FDCWD, "file", 0, 0x80000000u, &s));
    TRY(sys_statx(AT_FDCWD, "file", 0, 0x7ff, BAD));
    TRY(sys_statx(AT_FDCWD, BAD, 0, 0x7ff, &s));
    TRY(sys_statx(77, "file", 0, 0x7ff, &s));
    TRY(sys_statfs("file", BAD));
    TRY(sys_statfs(BAD, &f));
    TRY(sys_statfs("", &f));
    TRY(sys_fstatfs(77, &f));
    TRY(sys_fstatfs(0, BAD));
    TRY(sys_faccessat(AT_FDCWD, BAD, 0, 0));
    TRY(sys_faccessat(77, "file", 0, 0));
    TRY(sys_faccessat2(AT_FDCWD, "file", 0, 0x400));
    TRY(sys_faccessat2(AT_FDCWD, "file", 8, 0));
    TRY(sys_faccessat2(AT_FDCWD, "", 0, 0x1000));
    return done();
}
