#include "try.h"
static void print(const struct stat *s)
{
    show("  ino", s->ino);
    show("  nlink", s->nlink);
    show("  mode", s->mode);
    show("  uid", s->uid);
    show("  gid", s->gid);
    show("  size", s->size);
    show("  blksize", s->blksize);
    show("  blocks", s->blocks);
    show("  mtim", s->mtim.sec);
    show("  nsec", s->mtim.nsec);
    show("  ctim", s->ctim.sec);
    show("  dev", s->dev);
}
int main(int argc, char **argv, char **envp)
{
    struct stat s;
    (void)envp;
    for (int i = 1; i < argc; i++) {
        long error = sys_stat(argv[i], &s);
        show(argv[i], error);
        if (!error) print(&s);
        error = sys_lstat(argv[i], &s);
        show("lstat", error);
        if (!error) print(&s);
        long fd = sys_open(argv[i], O_RDONLY, 0);
        if (fd >= 0 && !sys_fstat((int)fd, &s)) print(&s);
    }
    TRY(sys_stat(".", BAD));
    TRY(sys_stat(BAD, &s));
    TRY(sys_stat(NULL, &s));
    TRY(sys_stat("", &s));
    TRY(sys_fstat(88, &s));
    TRY(sys_fstat(88, BAD));
    TRY(sys_fstat(0, BAD));
    TRY(sys_fstat(0, NULL));
    return done();
}
