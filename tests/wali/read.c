#include "try.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp;
    static char buffer[100];
    int fd = argc > 1 ? (int)sys_open(argv[1], O_RDONLY, 0) : 0;
    TRY(sys_read(fd, buffer, 5));
    bytes("first", buffer, 5);
    TRY(sys_read(fd, buffer, 0));
    TRY(sys_read(fd, BAD, 0));
    TRY(sys_read(fd, BAD, 10));
    TRY(sys_read(fd, NULL, 10));
    TRY(sys_read(fd, LAST, 4));
    bytes("last", LAST, 4);
    TRY(sys_read(fd, buffer, sizeof buffer));
    bytes("rest", buffer, 20);
    TRY(sys_read(fd, buffer, 10));
    TRY(sys_read(77, buffer, 10));
    TRY(sys_read(-1, buffer, 10));
    TRY(sys_read(77, BAD, 10));
    TRY(sys_read(0x40000000, buffer, 10));
    TRY(sys_read(sys_open(".", O_DIRECTORY, 0), buffer, 10));
    TRY(sys_read(sys_open("new", O_WRONLY | O_CREAT, 0600), buffer, 10));
    return done();
}
