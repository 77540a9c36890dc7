/* Sockets of all kinds, pairs, options. */
#include "net.h"
static void option(int fd, int level, int name, u32 size)
{
    static char value[512];
    u32 before = size;
    clear(value, sizeof value);
    long result = sys_getsockopt(fd, level, name, value, &size);
    integer(&out, level, 0);
    text(&out, ".");
    integer(&out, name, 0);
    text(&out, " of ");
    integer(&out, before, 0);
    show(": result", result);
    show("size", size);
    bytes("value", value, size < 40 ? size : 40);
}
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc, (void)argv;
    int pair[2] = {-7, -7}, one = 1;
    TRY(sys_socket(AF_UNIX, SOCK_STREAM, 0));
    TRY(sys_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    TRY(sys_fcntl(4, 1, 0));
    TRY(sys_fcntl(4, 3, 0) & 04000);
    TRY(sys_socket(AF_INET, SOCK_DGRAM, 17));
    TRY(sys_socket(AF_UNIX, SOCK_SEQPACKET, 0));
    TRY(sys_socket(AF_UNIX, SOCK_DGRAM, 1));
    TRY(sys_socket(AF_INET6, SOCK_STREAM, 6));
    TRY(sys_socket(AF_UNIX, 77, 0));
    TRY(sys_socket(AF_UNIX, SOCK_STREAM | 0x100, 0));
    TRY(sys_socket(AF_UNIX, SOCK_STREAM, 99));
    TRY(sys_socket(AF_INET, SOCK_STREAM, 17));
    TRY(sys_socket(AF_INET, SOCK_STREAM, -1));
    TRY(sys_socket(9999, SOCK_STREAM, 0));
    TRY(sys_socket(-1, SOCK_STREAM, 0));
    for (int fd = 3; fd < 12; fd++) sys_close(fd);

    TRY(sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    show("first", pair[0]);
    show("second", pair[1]);
    TRY(sys_socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
    TRY(sys_fcntl(pair[1], 1, 0));
    TRY(sys_fcntl(pair[0], 3, 0) & 04000);
    TRY(sys_socketpair(AF_INET, SOCK_STREAM, 0, pair));
    TRY(sys_socketpair(9999, SOCK_STREAM, 0, pair));
    TRY(sys_socketpair(AF_UNIX, SOCK_STREAM | 0x100, 0, pair));
    TRY(sys_socketpair(AF_UNIX, SOCK_STREAM, 0, BAD));
    TRY(sys_socketpair(AF_UNIX, SOCK_STREAM, 0, NULL));
    TRY(sys_socketpair(AF_UNIX, SOCK_STREAM, 0, LAST));
    TRY(sys_dup(0));

    char c[32] = "";
    TRY(sys_write(3, "hello", 5));
    TRY(sys_recvfrom(4, c, 2, MSG_PEEK, NULL, NULL));
    TRY(sys_recvfrom(4, c, 32, 0, NULL, NULL));
    bytes("c", c, 5);
    TRY(sys_recvfrom(4, c, 32, MSG_DONTWAIT, NULL, NULL));
    TRY(sys_sendto(3, "more", 4, MSG_NOSIGNAL, NULL, 0));
    TRY(sys_sendto(3, "", 0, 0, NULL, 0));
    TRY(sys_sendto(3, BAD, 4, 0, NULL, 0));
    TRY(sys_sendto(3, BAD, 0, 0, NULL, 0));
    TRY(sys_recvfrom(4, BAD, 4, MSG_DONTWAIT, NULL, NULL));
    TRY(sys_recvfrom(4, c, 4, 0, NULL, NULL));
    TRY(sys_recvfrom(4, c, 4, MSG_DONTWAIT, NULL, NULL));
    TRY(sys_recvfrom(66, c, 4, 0, NULL, NULL));
    TRY(sys_recvfrom(0, c, 4, 0, NULL, NULL));
    TRY(sys_sendto(66, c, 4, 0, NULL, 0));
    TRY(sys_sendto(0, c, 4, 0, NULL, 0));
    TRY(sys_shutdown(3, 1));
    TRY(sys_recvfrom(4, c, 4, 0, NULL, NULL));
    TRY(sys_sendto(3, "x", 1, MSG_NOSIGNAL, NULL, 0));
    TRY(sys_shutdown(3, 7));
    TRY(sys_shutdown(66, 1));
    TRY(sys_shutdown(0, 1));

    option(3, 1, 3, 4);
    option(3, 1, 3, 2);
    option(3, 1, 3, 400);
    option(3, 1, 3, 0);
    option(3, 1, 39, 4);
    option(3, 1, 38, 4);
    option(3, 1, 30, 4);
    option(3, 1, 4, 4);
    option(3, 1, 3, -1);
    option(3, 1, 9999, 4);
    option(3, 77, 1, 4);
    option(66, 1, 3, 4);
    option(0, 1, 3, 4);
    TRY(sys_getsockopt(3, 1, 3, BAD, &(u32){4}));
    TRY(sys_getsockopt(3, 1, 3, c, BAD));
    struct timeval limit = {0, 30000}, wrong = {0, 2000000};
    TRY(sys_setsockopt(4, 1, 20, &limit, sizeof limit));
    option(4, 1, 20, 16);
    TRY(sys_setsockopt(4, 1, 20, &limit, 8));
    TRY(sys_setsockopt(4, 1, 20, &wrong, sizeof wrong));
    TRY(sys_setsockopt(4, 1, 2, &one, 4));
    TRY(sys_setsockopt(4, 1, 2, &one, 3));
    TRY(sys_setsockopt(4, 1, 2, &one, -1));
    TRY(sys_setsockopt(4, 1, 2, BAD, 4));
    TRY(sys_setsockopt(4, 1, 2, NULL, 4));
    TRY(sys_setsockopt(4, 1, 9999, &one, 4));
    TRY(sys_setsockopt(66, 1, 2, &one, 4));
    TRY(sys_setsockopt(0, 1, 2, &one, 4));

    int sock = (int)sys_socket(AF_INET, SOCK_STREAM, 0);
    for (int name = 1; name < 10; name++) {
        TRY(sys_setsockopt(sock, 6, name, &one, 4));
        if (name == 1 || name == 3 || name == 5) option(sock, 6, name, 4);
    }
    TRY(sys_setsockopt(sock, 1, 13, (int[]){1, 5}, 8));
    option(sock, 1, 13, 8);
    option(sock, 0, 1, 4);
    TRY(sys_setsockopt(sock, 0, 1, (int[]){16}, 4));
    option(sock, 0, 1, 4);

    /* The time limit of a socket holds. */
    sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    sys_setsockopt(pair[0], 1, 20, &limit, sizeof limit);
    sys_setsockopt(pair[0], 1, 21, &limit, sizeof limit);
    TRY(sys_recvfrom(pair[0], c, 1, 0, NULL, NULL));
    static char large[1 << 20];
    long sent = sys_sendto(pair[0], large, sizeof large, 0, NULL, 0);
    show("partial", sent > 0 && sent < (long)sizeof large);
    TRY(sys_sendto(pair[0], large, sizeof large, 0, NULL, 0));
    return done();
}
