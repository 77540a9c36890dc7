/* execve: what comes of a path, and what the program that it starts finds.
 *
 * Started again by itself it tells what it was given.  Words after the mode: programs to execute, each in a child.
 */
#include "family.h"

static const char *none[] = {NULL};
static const char *env[] = {"A=1", "PYTHONPATH=/nowhere", "LD_PRELOAD=", "odd", "EMPTY=", NULL};

static void tell(int argc, char **argv, char **envp)
{
    char buffer[4096];
    text(&out, "told:");
    for (int i = 0; i < argc; i++) {
        text(&out, " [");
        text(&out, argv[i]);
        text(&out, "]");
    }
    text(&out, "\n");
    for (; *envp; envp++)
        if (!equal(*envp, "odd")) text(&out, *envp), text(&out, "\n");
    for (int fd = 0; fd < 40; fd++) {
        long flags = sys_fcntl(fd, 1, 0);
        if (flags >= 0) show("descriptor", fd), show("flags", flags), show("at", sys_lseek(fd, 0, 1) >= 0 ? 1 : 0);
    }
    long n = sys_read(7, buffer, sizeof buffer);
    if (n >= 0) bytes("seven", buffer, n);
    n = sys_read(8, buffer, sizeof buffer);
    if (n >= 0) bytes("eight", buffer, n);
    TRY(sys_getcwd(buffer, sizeof buffer) > 0);
    text(&out, buffer);
    text(&out, "\n");
    struct rlimit limit;
    sys_getrlimit(7, &limit);
    show("files", limit.cur);
    flush(&out);
    sys_exit_group(37);
}

/* Put descriptors where they collide with each other and with what an engine has open. */
static void descriptors(void)
{
    int three = sys_open("file", O_RDONLY, 0), four = sys_open("sub/inner", O_RDONLY, 0);
    sys_lseek(three, 4, 0);
    sys_dup2(three, 8);
    sys_dup2(four, 7);
    sys_dup2(three, 20);
    sys_dup2(four, three);
    sys_dup2(20, four);
    sys_close(20);
    sys_open("file", O_RDONLY | O_CLOEXEC, 0);
    sys_dup2(1, 30);
    sys_dup3(1, 31, O_CLOEXEC);
    sys_close(0);
}

static void large(const char *path)
{
    static char big[131073];
    static const char *many[2000];
    static char chunk[100001];
    struct strings all;
    memset(big, 'x', 131072);
    TRY(sys_execve(path, strings(&all, path, big, NULL), none));
    TRY(sys_execve(path, none, strings(&all, big, NULL)));
    memset(chunk, 'y', 100000);
    for (int i = 0; i < 1999; i++) many[i] = chunk;
    TRY(sys_execve(path, many, none));
    TRY(sys_execve(path, many, many));
    TRY(sys_execve("missing", many, many));
}

int main(int argc, char **argv, char **envp)
{
    struct strings all;
    const char *mode = argc > 1 ? argv[1] : "tell";
    if (equal(mode, "paths"))
        for (int i = 2; i < argc; i++) run(argv[i], strings(&all, argv[i], "one", NULL), env);
    else if (equal(mode, "bad")) {
        TRY(sys_execve(NULL, none, none));
        TRY(sys_execve(BAD, none, none));
        TRY(sys_execve("", none, none));
        TRY(sys_execve("sub", none, none));
        TRY(sys_execve("file", BAD, none));
        TRY(sys_execve(argv[2], BAD, none));
        TRY(sys_execve(argv[2], none, BAD));
        TRY(sys_execve(argv[2], strings(&all, argv[2], BAD, NULL), none));
        large(argv[2]);
        show("still", sys_dup(0));
    } else if (equal(mode, "become")) {
        descriptors();
        sys_chdir("sub");
        struct rlimit limit = {100, 200};
        sys_setrlimit(7, &limit);
        sys_execve(argv[2], strings(&all, "name", "a b", "", "\xff\xfe", NULL), env);
        return 99;
    } else if (equal(mode, "bare")) {
        sys_execve(argv[2], NULL, NULL);
        return 99;
    } else
        tell(argc, argv, envp);
    return done();
}
