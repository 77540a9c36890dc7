#include "try.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    static struct iovec many[1025];
    char a[3], b[10] = "", c[4];
    struct iovec parts[3] = {{a, 3}, {NULL, 0}, {b, 10}};
    int fd = (int)sys_open(argv[1], O_RDWR | O_CREAT, 0600);
    TRY(sys_writev(fd, (struct iovec[]){{"one ", 4}, {"", 0}, {"two three", 9}, {"!", 1}}, 4));
    TRY(sys_lseek(fd, 0, 0));
    TRY(sys_readv(fd, parts, 3));
    bytes("a", a, 3);
    bytes("b", b, 10);
    TRY(sys_readv(fd, parts, 0));
    TRY(sys_readv(fd, parts, -1));
    TRY(sys_readv(fd, many, 1025));
    TRY(sys_readv(fd, many, 1024));
    TRY(sys_readv(fd, BAD, 1));
    TRY(sys_readv(fd, NULL, 1));
    TRY(sys_readv(fd, BAD, 0));
    TRY(sys_lseek(fd, 0, 0));
    TRY(sys_readv(fd, (struct iovec[]){{BAD, 4}}, 1));
    TRY(sys_readv(fd, (struct iovec[]){{BAD, 0}, {c, 4}}, 2));
    bytes("c", c, 4);
    TRY(sys_writev(fd, (struct iovec[]){{BAD, 4}}, 1));
    TRY(sys_readv(50, parts, 3));
    TRY(sys_readv(50, BAD, 3));
    TRY(sys_writev(-1, parts, 3));
    for (int i = 0; i < 1025; i++) many[i] = (struct iovec){&"0123456789"[i % 10], 1};
    TRY(sys_writev(fd, many, 1024));
    TRY(sys_writev(fd, many, 1025));
    return done();
}
