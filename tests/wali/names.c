/* names [COMMAND ARGUMENT...]...: make, remove, rename and look at names; one result a line. */
#include "try.h"
int main(int argc, char **argv, char **envp)
{
    char buffer[4096];
    (void)envp;
    TRY(sys_readlink("link", buffer, 3));
    bytes("short", buffer, 3);
    TRY(sys_readlink("link", buffer, 0));
    TRY(sys_readlink("link", buffer, -1));
    TRY(sys_readlink("link", BAD, 10));
    TRY(sys_readlink(BAD, buffer, 10));
    TRY(sys_getcwd(buffer, 1));
    TRY(sys_getcwd(buffer, 0));
    TRY(sys_getcwd(BAD, 100));
    TRY(sys_mkdir(BAD, 0700));
    TRY(sys_rename("link", BAD));
    TRY(sys_rename("missing", "x"));
    TRY(sys_unlink(NULL));
    TRY(sys_rmdir(""));
    for (int i = 1; i < argc; i++) {
        const char *what = argv[i];
        text(&out, what);
        for (int j = i + 1; j < i + 1 + (equal(what, "rename") ? 2 : !equal(what, "getcwd")); j++) {
            text(&out, " ");
            text(&out, argv[j]);
        }
        if (equal(what, "mkdir")) show("", sys_mkdir(argv[++i], 0751));
        else if (equal(what, "rmdir")) show("", sys_rmdir(argv[++i]));
        else if (equal(what, "unlink")) show("", sys_unlink(argv[++i]));
        else if (equal(what, "chdir")) show("", sys_chdir(argv[++i]));
        else if (equal(what, "rename")) show("", sys_rename(argv[i + 1], argv[i + 2])), i += 2;
        else if (equal(what, "readlink")) {
            long n = sys_readlink(argv[++i], buffer, sizeof buffer);
            show("", n);
            if (n > 0) bytes("  to", buffer, n);
        } else if (equal(what, "getcwd")) {
            long n = sys_getcwd(buffer, sizeof buffer);
            show("", n);
            if (n > 0) bytes("  at", buffer, n);
        } else return 9;
    }
    return done();
}
