/* getdents64 DIRECTORY SIZE: the entries in order of their names, read through a buffer of SIZE bytes. */
#include "try.h"
int main(int argc, char **argv, char **envp)
{
    static char buffer[65536];
    static char names[500][64];
    int count = 0;
    long n, size = number(argv[2]);
    (void)envp, (void)argc;
    int fd = (int)sys_open(argv[1], O_RDONLY, 0);
    for (int pass = 0; pass < 2; pass++) {
        count = 0;
        while ((n = sys_getdents64(fd, buffer, size)) > 0)
            for (long at = 0; at < n;) {
                struct dirent *entry = (struct dirent *)(buffer + at);
                memcpy(names[count], entry->name, length(entry->name) + 1);
                names[count][62] = entry->type;
                names[count++][63] = entry->ino != 0;
                at += entry->reclen;
            }
        show("end", n);
        show("count", count);
        show("rewind", sys_lseek(fd, 0, 0));
    }
    for (int i = 0; i < count; i++) {
        int least = 0;
        for (int j = 1; j < count; j++)
            if (names[j][0] && (!names[least][0] || compare(names[j], names[least], 60) < 0)) least = j;
        text(&out, names[least]);
        show(" type", names[least][62]);
        names[least][0] = 0;
    }
    TRY(sys_getdents64(fd, buffer, 1));
    TRY(sys_getdents64(fd, BAD, 1000));
    TRY(sys_getdents64(0, buffer, 1000));
    TRY(sys_getdents64(99, buffer, 1000));
    return done();
}
