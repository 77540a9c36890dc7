#include "try.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    int fd = (int)sys_open(argv[1], O_RDONLY, 0);
    TRY(sys_lseek(fd, 5, 0));
    TRY(sys_lseek(fd, 5, 1));
    TRY(sys_lseek(fd, -5, 1));
    TRY(sys_lseek(fd, -6, 1));
    TRY(sys_lseek(fd, -3, 2));
    TRY(sys_lseek(fd, 3, 2));
    TRY(sys_lseek(fd, 1L << 40, 0));
    TRY(sys_lseek(fd, -1, 0));
    TRY(sys_lseek(fd, 0, 99));
    TRY(sys_lseek(fd, 0, -1));
    TRY(sys_lseek(fd, 2, 3));
    TRY(sys_lseek(fd, 2, 4));
    TRY(sys_lseek(42, 0, 0));
    TRY(sys_lseek(sys_open(".", O_DIRECTORY, 0), 0, 0));
    return done();
}
