#include "try.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp;
    for (int i = 1; i < argc; i++)
        for (int mode = 0; mode < 9; mode++) {
            text(&out, argv[i]);
            show("", sys_access(argv[i], mode));
        }
    TRY(sys_access(BAD, 0));
    TRY(sys_access("", 0));
    TRY(sys_access(".", -1));
    return done();
}
