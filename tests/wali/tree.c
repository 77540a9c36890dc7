/* tree: what is below the working directory, and where its links lead. */
#include "more.h"
#include "must.h"

static void cleanup(void) {}

static void list(int at, const char *name, int depth)
{
    char buffer[1024], target[256];
    struct stat s;
    int fd = (int)MUST(sys_openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
    for (long n; (n = MUST(sys_getdents64(fd, buffer, sizeof buffer))); )
        for (long i = 0; i < n; ) {
            struct dirent *entry = (struct dirent *)(buffer + i);
            i += entry->reclen;
            if (entry->name[0] == '.') continue;
            MUST(sys_newfstatat(fd, entry->name, &s, 0x100));
            for (int k = 0; k < depth; k++) text(&out, "  ");
            text(&out, entry->name);
            if ((s.mode & 0170000) == 0120000) bytes(" ->", target, MUST(sys_readlinkat(fd, entry->name, target, 256)));
            else show(" mode", s.mode);
            if ((s.mode & 0170000) == 040000) list(fd, entry->name, depth + 1);
        }
    MUST(sys_close(fd));
}

int main(int argc, char **argv, char **envp)
{
    (void)argc, (void)argv, (void)envp;
    list(AT_FDCWD, ".", 0);
    return finish();
}
