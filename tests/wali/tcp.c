/* Connections and datagrams on the loopback address. */
#include "net.h"
static void name(const char *what, long result, struct sockaddr_in *at, u32 size)
{
    text(&out, what);
    show(" result", result);
    show("size", size);
    show("family", at->family);
    show("address", at->address);
    show("has port", at->port != 0);
}
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc, (void)argv;
    struct sockaddr_in at = loopback(0), peer;
    u32 size = sizeof at;
    char c[16];
    int server = (int)sys_socket(AF_INET, SOCK_STREAM, 0);
    TRY(sys_bind(server, &at, 2));
    TRY(sys_bind(server, &at, 15));
    TRY(sys_bind(server, &at, 129));
    TRY(sys_bind(server, &at, -1));
    TRY(sys_bind(server, BAD, 16));
    TRY(sys_bind(server, NULL, 16));
    TRY(sys_bind(77, &at, 16));
    TRY(sys_bind(0, &at, 16));
    TRY(sys_bind(server, &(struct sockaddr_in6){AF_INET6, 0, 0, {[15] = 1}, 0}, 28));
    TRY(sys_bind(server, &at, sizeof at));
    TRY(sys_bind(server, &at, sizeof at));
    TRY(sys_accept(server, NULL, NULL));
    TRY(sys_listen(server, 5));
    TRY(sys_listen(77, 5));
    TRY(sys_listen(0, 5));
    name("own", sys_getsockname(server, &at, &size), &at, size);
    size = sizeof peer;
    TRY(sys_getpeername(server, &peer, &size));
    size = 4;
    peer = (struct sockaddr_in){9, 9, 9, {0}};
    TRY(sys_getsockname(server, &peer, &size));
    show("size", size);
    show("family", peer.family);
    show("address", peer.address);
    size = -1;
    TRY(sys_getsockname(server, &peer, &size));
    TRY(sys_getsockname(server, &peer, BAD));
    size = 16;
    TRY(sys_getsockname(server, BAD, &size));
    TRY(sys_getsockname(77, &peer, &size));
    TRY(sys_getsockname(0, &peer, &size));

    int client = (int)sys_socket(AF_INET, SOCK_STREAM, 0);
    TRY(sys_connect(client, BAD, 16));
    TRY(sys_connect(client, &at, 3));
    TRY(sys_connect(client, &at, 200));
    TRY(sys_connect(77, &at, 16));
    TRY(sys_connect(0, &at, 16));
    TRY(sys_connect(client, &at, sizeof at));
    TRY(sys_connect(client, &at, sizeof at));
    size = sizeof peer;
    int conn = (int)sys_accept(server, &peer, &size);
    show("conn", conn);
    name("peer", 0, &peer, size);
    struct sockaddr_in own;
    size = sizeof own;
    sys_getsockname(client, &own, &size);
    show("same", own.port == peer.port);
    size = sizeof own;
    sys_getpeername(client, &own, &size);
    show("same", own.port == at.port);
    TRY(sys_write(client, "one two", 7));
    TRY(sys_recvfrom(conn, c, 7, MSG_WAITALL, NULL, NULL));
    bytes("c", c, 7);
    size = sizeof own;
    TRY(sys_sendto(conn, "back", 4, 0, NULL, 0));
    TRY(sys_recvfrom(client, c, 16, 0, &own, &size));
    show("size", size);
    TRY(sys_shutdown(client, 1));
    TRY(sys_read(conn, c, 16));
    TRY(sys_close(conn));
    TRY(sys_read(client, c, 16));
    TRY(sys_close(client));

    client = (int)sys_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    show("in progress", sys_connect(client, &at, sizeof at) == -115);
    struct pollfd wait = {client, POLLOUT, 0};
    TRY(sys_poll(&wait, 1, 2000));
    show("revents", wait.revents);
    TRY(sys_accept4(server, NULL, NULL, 1));
    conn = (int)sys_accept4(server, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    show("conn", conn);
    TRY(sys_fcntl(conn, 1, 0));
    TRY(sys_read(conn, c, 1));
    TRY(sys_fcntl(server, 4, 04000));
    TRY(sys_accept(server, NULL, NULL));
    TRY(sys_accept(77, NULL, NULL));
    TRY(sys_accept(0, NULL, NULL));
    TRY(sys_accept(conn, NULL, NULL));
    sys_close(client);
    sys_close(conn);
    sys_close(server);
    client = (int)sys_socket(AF_INET, SOCK_STREAM, 0);
    TRY(sys_connect(client, &at, sizeof at));

    int one = (int)sys_socket(AF_INET, SOCK_DGRAM, 0), other = (int)sys_socket(AF_INET, SOCK_DGRAM, 0);
    at = loopback(0);
    size = sizeof at;
    TRY(sys_sendto(other, "x", 1, 0, NULL, 0));
    TRY(sys_bind(one, &at, sizeof at));
    sys_getsockname(one, &at, &size);
    TRY(sys_sendto(other, "datagram", 8, 0, &at, sizeof at));
    TRY(sys_sendto(other, "datagram", 8, 0, &at, 7));
    TRY(sys_sendto(other, "datagram", 8, 0, &at, 0));
    TRY(sys_sendto(other, "datagram", 8, 0, &at, 300));
    TRY(sys_sendto(other, "datagram", 8, 0, BAD, 16));
    size = sizeof peer;
    TRY(sys_recvfrom(one, c, 4, MSG_PEEK | MSG_TRUNC, &peer, &size));
    name("sender", 0, &peer, size);
    size = 2;
    peer.address = 0;
    TRY(sys_recvfrom(one, c, 16, 0, &peer, &size));
    show("size", size);
    show("address", peer.address);
    TRY(sys_connect(other, &at, sizeof at));
    TRY(sys_sendto(other, "again", 5, 0, NULL, 0));
    size = 77;
    TRY(sys_recvfrom(one, c, 16, 0, NULL, &size));
    show("size", size);
    TRY(sys_connect(other, &(struct sockaddr_in){0, 0, 0, {0}}, 16));
    TRY(sys_sendto(other, "again", 5, 0, NULL, 0));

    struct sockaddr_in6 six = {AF_INET6, 0, 0, {[15] = 1}, 0};
    server = (int)sys_socket(AF_INET6, SOCK_STREAM, 0);
    size = sizeof six;
    if (sys_bind(server, &six, sizeof six) == 0) {
        TRY(sys_listen(server, 1));
        TRY(sys_getsockname(server, &six, &size));
        show("size", size);
        client = (int)sys_socket(AF_INET6, SOCK_STREAM, 0);
        TRY(sys_connect(client, &six, sizeof six));
        TRY(sys_accept(server, &six, &size));
        show("last", six.address[15]);
    }
    return done();
}
