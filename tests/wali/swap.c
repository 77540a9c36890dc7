/* Put a link in the place of a granted directory, /w/sub, then execute a program that looks what is there now. */
#include "family.h"

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    struct strings all;
    if (argc > 2) {
        long error = sys_rename("/w/sub", "/w/moved");
        if (error == 0) error = sys_symlink(argv[2], "/w/sub");
        return error ? 98 : -sys_execve(argv[1], strings(&all, argv[1], NULL), NULL);
    }
    TRY(sys_open("/sub/file", O_RDONLY, 0));
    TRY(sys_open("/sub/inner", O_RDONLY, 0));
    return done();
}
