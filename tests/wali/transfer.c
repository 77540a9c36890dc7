/* Large transfers over blocking sockets, between this program and its standard input and output. */
#include "net.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    static char large[1 << 20];
    long size = sizeof large;
    int fd = (int)number(argv[2]);
    for (long i = 0; i < size; i += 13) large[i] = (char)(i * 7 >> 3);
    struct iovec parts[3] = {{large, 1}, {large + 1, 1 << 19}, {large + 1 + (1 << 19), size - 1 - (1 << 19)}};
    struct msghdr m;
    clear(&m, sizeof m);
    m.iov = parts, m.iovlen = 3;
    long n = 0, sum = 0;
    if (equal(argv[1], "sendto")) n = sys_sendto(fd, large, size, 0, NULL, 0);
    if (equal(argv[1], "sendmsg")) n = sys_sendmsg(fd, &m, 0);
    if (equal(argv[1], "recvfrom")) clear(large, size), n = sys_recvfrom(fd, large, size, MSG_WAITALL, NULL, NULL);
    if (equal(argv[1], "recvmsg")) clear(large, size), n = sys_recvmsg(fd, &m, MSG_WAITALL);
    for (long i = 0; i < n; i += 61) sum = (sum * 31 + (u8)large[i]) % 1000003;
    struct out to = {2, 0, {0}};
    integer(&to, n, 0);
    text(&to, " ");
    integer(&to, sum, 0);
    flush(&to);
    return 0;
}
