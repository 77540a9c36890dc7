/* copy FROM TO: copy a file by way of another name, which is gone if anything fails. */
#include "more.h"
#include "must.h"

static const char *unfinished;
static void cleanup(void)
{
    if (unfinished) sys_unlink(unfinished);
}

int main(int argc, char **argv, char **envp)
{
    static char buffer[1000];
    struct stat s, t;
    long n, total = 0;
    (void)argc, (void)envp;
    int from = (int)MUST(sys_open(argv[1], O_RDONLY, 0));
    MUST(sys_fstat(from, &s));
    int to = (int)MUST(sys_open("unfinished", O_WRONLY | O_CREAT | O_EXCL, 0600));
    unfinished = "unfinished";
    MUST(sys_flock(to, 2));
    while ((n = MUST(sys_read(from, buffer, sizeof buffer)))) write_all(to, buffer, n), total += n;
    MUST(sys_fchmod(to, s.mode & 0777));
    MUST(sys_fsync(to));
    MUST(sys_close(to));
    MUST(sys_rename("unfinished", argv[2]));
    unfinished = NULL;
    MUST(sys_close(from));
    MUST(sys_stat(argv[2], &t));
    show("copied", total);
    show("same", s.size == t.size && s.mode == t.mode);
    return finish();
}
