#include "try.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    int fd = (int)sys_open(argv[1], O_RDWR | O_CREAT | O_TRUNC, 0640);
    show("fd", fd);
    TRY(sys_write(fd, "hello", 5));
    TRY(sys_write(fd, BAD, 5));
    TRY(sys_write(fd, NULL, 5));
    TRY(sys_write(fd, BAD, 0));
    TRY(sys_write(99, "x", 1));
    TRY(sys_write(-5, "x", 1));
    memcpy(LAST, "WXYZ", 4);
    TRY(sys_write(fd, LAST, 4));
    TRY(sys_lseek(fd, 3, 0));
    TRY(sys_write(fd, "LO", 2));
    TRY(sys_write(sys_open(argv[1], O_RDONLY, 0), "x", 1));
    TRY(sys_write(sys_open(argv[1], O_WRONLY | O_APPEND, 0), "end", 3));
    TRY(sys_write(sys_open(".", O_RDONLY, 0), "x", 1));
    TRY(sys_ftruncate(fd, 20));
    TRY(sys_ftruncate(fd, -1));
    TRY(sys_ftruncate(0, 5));
    TRY(sys_write(1, "on standard output\n", 19));
    TRY(sys_write(2, "on standard error\n", 18));
    TRY(sys_close(1));
    TRY(sys_write(1, "lost", 4));
    out.fd = 2;
    return done();
}
