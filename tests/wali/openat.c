/* openat DIRECTORY PATH ...: opens each path in the directory, in the working one, and in what is none. */
#include "try.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp;
    int dir = (int)sys_open(argv[1], O_RDONLY | O_DIRECTORY, 0);
    int path = (int)sys_open(argv[1], O_PATH, 0);
    show("dir", dir);
    for (int i = 2; i < argc; i++) {
        char buffer[8];
        struct stat found;
        text(&out, argv[i]);
        text(&out, "\n");
        long fd = sys_openat(dir, argv[i], O_RDONLY, 0);
        show("  dir", fd < 0 ? fd : sys_read((int)fd, buffer, 8));
        fd = sys_openat(path, argv[i], O_RDONLY, 0);
        show("  path", fd < 0 ? fd : sys_read((int)fd, buffer, 8));
        fd = sys_openat(AT_FDCWD, argv[i], O_RDONLY, 0);
        show("  cwd", fd < 0 ? fd : sys_read((int)fd, buffer, 8));
        show("  bad", sys_openat(99, argv[i], O_RDONLY, 0) < 0);
        show("  stdin", sys_openat(0, argv[i], O_RDONLY, 0) < 0);
        show("  stat", sys_newfstatat(dir, argv[i], &found, 0));
        show("  lstat", sys_newfstatat(dir, argv[i], &found, 0x100));
        show("  mode", found.mode);
    }
    struct stat found;
    TRY(sys_newfstatat(dir, "", &found, 0x1000));
    show("mode", found.mode);
    TRY(sys_newfstatat(AT_FDCWD, "", &found, 0x1000));
    show("mode", found.mode);
    TRY(sys_newfstatat(dir, "", &found, 0));
    TRY(sys_newfstatat(99, "", &found, 0x1000));
    TRY(sys_newfstatat(dir, ".", &found, 0x2));
    TRY(sys_newfstatat(dir, ".", BAD, 0));
    TRY(sys_newfstatat(dir, BAD, &found, 0));
    TRY(sys_fchdir(dir));
    for (int i = 2; i < argc; i++) show(argv[i], sys_access(argv[i], 0));
    return done();
}
