/* Execute a program with one variable; without arguments print the environment. */
#include "family.h"

int main(int argc, char **argv, char **envp)
{
    struct strings args, env;
    if (argc > 2) return -sys_execve(argv[1], strings(&args, argv[1], NULL), strings(&env, argv[2], NULL));
    for (; *envp; envp++) text(&out, *envp), text(&out, "\n");
    return done();
}
