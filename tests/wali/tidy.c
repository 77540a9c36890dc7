/* tidy: names and metadata; everything that was made is removed again. */
#include "more.h"
#include "must.h"

static void cleanup(void)
{
    sys_chdir("..");
    static const char *made[] = {"made/one", "made/two", "made/three", "made/link", "made/fifo"};
    for (int i = 0; i < 5; i++) sys_unlink(made[i]);
    sys_rmdir("made");
}

int main(int argc, char **argv, char **envp)
{
    (void)argc, (void)argv, (void)envp;
    char buffer[256];
    struct stat s;
    struct statx x;
    struct statfs fs;
    struct timespec times[2] = {{1, 2}, {3, 4}};
    MUST(sys_mkdir("made", 0755));
    MUST(sys_chdir("made"));
    int fd = (int)MUST(sys_creat("one", 0644));
    write_all(fd, "content", 7);
    MUST(sys_fallocate(fd, 0, 0, 100));
    MUST(sys_fdatasync(fd));
    MUST(sys_close(fd));
    MUST(sys_link("one", "two"));
    MUST(sys_symlink("two", "link"));
    bytes("link", buffer, MUST(sys_readlink("link", buffer, 256)));
    MUST(sys_rename("two", "three"));
    MUST(sys_mknod("fifo", 010600, 0));
    MUST(sys_chmod("one", 0600));
    MUST(sys_chown("one", -1, -1));
    MUST(sys_truncate("one", 5));
    MUST(sys_utimensat(AT_FDCWD, "one", times, 0));
    MUST(sys_stat("three", &s));
    show("mode", s.mode);
    show("size", s.size);
    show("time", s.mtim.sec);
    MUST(sys_statx(AT_FDCWD, "one", 0, 0x7ff, &x));
    show("links", x.nlink);
    MUST(sys_statfs(".", &fs));
    MUST(sys_access("one", 4));
    MUST(sys_faccessat2(AT_FDCWD, "one", 4, 0));
    long dangling = sys_access("link", 4);
    if (dangling != -2) must("access", dangling);
    MUST(sys_getcwd(buffer, sizeof buffer) > 0 ? 0 : -1);
    MUST(sys_unlink("one"));
    MUST(sys_unlinkat(AT_FDCWD, "three", 0));
    MUST(sys_unlink("link"));
    MUST(sys_unlink("fifo"));
    MUST(sys_chdir(".."));
    MUST(sys_rmdir("made"));
    return finish();
}
