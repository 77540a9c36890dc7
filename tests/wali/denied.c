/* What a sandbox with few grants answers. */
#include "net.h"
static long name_call(int how, int type, const void *name, int size)
{
    const struct sockaddr_in *in = name;
    int fd = (int)sys_socket(in->family ? in->family : AF_INET, type, 0);
    if (fd < 0) return fd;
    long result = how == 'b' ? sys_bind(fd, name, size) : how == 'c' ? sys_connect(fd, name, size)
                : sys_sendto(fd, "x", 1, MSG_NOSIGNAL, name, size);
    sys_close(fd);
    return result;
}
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    u16 port = (u16)number(argv[1]);
    port = port << 8 | port >> 8;
    struct sockaddr_in at = loopback(port), other = loopback((u16)(port ^ 0x100)), any = {AF_INET, port, 0, {0}},
                       unspecified = {0, port, LOOPBACK, {0}}, chosen = loopback(0);
    struct sockaddr_in6 mapped = {AF_INET6, port, 0, {[10] = 255, 255, 127, 0, 0, 1}, 0},
                        mapped2 = {AF_INET6, port, 0, {[10] = 255, 255, 127, 0, 0, 2}, 0};
    struct sockaddr_un outside = unix_name(argv[2]), inside = unix_name("sock"), link = unix_name("link"),
                       read_only = unix_name("ro/server"), made = unix_name("ro/made"), abstract = {AF_UNIX, "\0name"};
    TRY(name_call('c', SOCK_STREAM, &at, 16));
    TRY(name_call('c', SOCK_STREAM, &mapped, 28));
    TRY(name_call('s', SOCK_DGRAM, &at, 16));
    TRY(name_call('c', SOCK_STREAM, &other, 16));
    TRY(name_call('c', SOCK_STREAM, &any, 16));
    TRY(name_call('c', SOCK_STREAM, &mapped2, 28));
    TRY(name_call('s', SOCK_STREAM, &other, 16));
    TRY(name_call('s', SOCK_DGRAM, &other, 16));
    TRY(name_call('s', SOCK_DGRAM, &(struct sockaddr_in){0, other.port, LOOPBACK, {0}}, 16));
    TRY(name_call('c', SOCK_DGRAM, &other, 16));
    TRY(name_call('b', SOCK_STREAM, &any, 16));
    TRY(name_call('b', SOCK_STREAM, &chosen, 16));
    TRY(name_call('b', SOCK_STREAM, &unspecified, 8));
    TRY(name_call('c', SOCK_STREAM, &at, 6));
    TRY(name_call('c', SOCK_DGRAM, &unspecified, 16));
    int fd = (int)sys_socket(AF_INET, SOCK_STREAM, 0), on = 1;
    TRY(fd >= 0 ? sys_listen(fd, 1) : fd);
    TRY(sys_sendto(fd, "x", 1, 0x20000000, &other, 16) < 0);
    TRY(sys_setsockopt(fd, 0, 4, (char[]){1, 1, 1, 1}, 4));
    TRY(sys_setsockopt(fd, 0, 35, (u32[]){0x010000e0, LOOPBACK}, 8));
    TRY(sys_setsockopt(fd, 1, 36, &on, 4));
    TRY(sys_setsockopt(fd, 1, 26, &on, 16));
    TRY(sys_setsockopt(fd, 0, 64, &on, 4));
    TRY(sys_setsockopt(fd, 6, 35, &on, 4));
    TRY(sys_getsockopt(fd, 1, 77, &on, (u32[]){4}));
    TRY(sys_socket(AF_INET, 3, 1));
    TRY(sys_socket(AF_INET, 10, 0));
    TRY(sys_socket(AF_INET, SOCK_DGRAM, 1));
    TRY(sys_socket(AF_INET, SOCK_STREAM, 262));
    TRY(sys_socket(16, 3, 0));
    TRY(sys_socket(17, 3, 0));
    TRY(sys_socket(40, SOCK_STREAM, 0));

    TRY(name_call('c', SOCK_STREAM, &outside, sizeof outside));
    TRY(name_call('s', SOCK_DGRAM, &outside, sizeof outside));
    TRY(name_call('b', SOCK_STREAM, &outside, sizeof outside));
    TRY(name_call('c', SOCK_STREAM, &link, sizeof link));
    TRY(name_call('b', SOCK_STREAM, &link, sizeof link));
    TRY(name_call('c', SOCK_STREAM, &read_only, sizeof read_only));
    TRY(name_call('b', SOCK_STREAM, &made, sizeof made));
    TRY(name_call('b', SOCK_STREAM, &abstract, 8));
    TRY(name_call('c', SOCK_STREAM, &abstract, 8));
    TRY(name_call('b', SOCK_STREAM, &abstract, 2));
    TRY(name_call('b', SOCK_STREAM, &inside, sizeof inside));
    int pair[2];
    TRY(sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    char control[32] __attribute__((aligned(8))) = {0};
    struct cmsghdr *header = (struct cmsghdr *)control;
    header->len = 28, header->level = 1, header->type = 2;
    ((int *)(header + 1))[0] = 1;
    struct iovec part = {"x", 1};
    struct msghdr m;
    clear(&m, sizeof m);
    m.iov = &part, m.iovlen = 1, m.control = control, m.controllen = 28;
    show("forged", sys_sendmsg(pair[0], &m, 0));
    header->len = 20, header->level = 0, header->type = 7;
    m.controllen = 20;
    show("route", sys_sendmsg(pair[0], &m, 0));
    header->level = 276, header->type = 1;
    show("rds", sys_sendmsg(pair[0], &m, 0));
    TRY(sys_timerfd_create(8, 0));
    return done();
}
