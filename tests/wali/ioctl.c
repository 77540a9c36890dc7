#include "try.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    struct winsize size = {1, 2, 3, 4};
    char settings[60] = "";
    int n = -1;
    int fd = (int)sys_open(argv[1], O_RDWR, 0);
    TRY(sys_ioctl(fd, 0x5413, &size));
    TRY(sys_ioctl(fd, 0x5401, settings));
    TRY(sys_ioctl(fd, 0x541b, &n));
    show("left", n);
    TRY(sys_ioctl(fd, 0x541b, BAD));
    TRY(sys_ioctl(fd, 0x541b, NULL));
    TRY(sys_ioctl(fd, 0x12345678, &n));
    TRY(sys_ioctl(99, 0x5413, &size));
    TRY(sys_ioctl(fd, 0x5451, NULL));
    TRY(sys_fcntl(fd, 1, 0));
    TRY(sys_ioctl(fd, 0x5450, NULL));
    TRY(sys_fcntl(fd, 1, 0));
    return done();
}
