#include "try.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    char buffer[20] = "";
    int fd = (int)sys_open(argv[1], O_RDWR | O_CREAT, 0600);
    TRY(sys_pwrite64(fd, "abcdef", 6, 10));
    TRY(sys_pread64(fd, buffer, 20, 8));
    bytes("read", buffer, 8);
    TRY(sys_pread64(fd, buffer, 20, 100));
    TRY(sys_pread64(fd, buffer, 20, -1));
    TRY(sys_pwrite64(fd, buffer, 20, -7));
    TRY(sys_pread64(fd, buffer, 1, 1L << 40));
    TRY(sys_pread64(fd, BAD, 1, 0));
    TRY(sys_pread64(fd, BAD, 0, 0));
    TRY(sys_pwrite64(fd, BAD, 1, 0));
    TRY(sys_pread64(60, buffer, 1, 0));
    TRY(sys_lseek(fd, 0, 1));
    TRY(sys_pwrite64(fd, "Z", 1, 1L << 33));
    TRY(sys_lseek(fd, 0, 2));
    TRY(sys_ftruncate(fd, 16));
    return done();
}
