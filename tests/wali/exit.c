/* exit HOW STATUS: leave in one of three ways; nothing may run after it. */
#include "try.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    int status = (int)number(argv[2]);
    text(&out, "before\n");
    flush(&out);
    if (equal(argv[1], "exit")) sys_exit(status);
    if (equal(argv[1], "group")) sys_exit_group(status);
    if (equal(argv[1], "return")) return status;
    text(&out, "after\n");
    return done();
}
