/* Blocks for ever in one call; the argument says in which. */
#include "net.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    static char large[1 << 22];
    int ends[2], pair[2], ep = (int)sys_epoll_create1(0);
    u16 port;
    u64 set[16] = {1 << 4};
    struct pollfd fd;
    struct epoll_event event = {POLLIN, 0};
    const char *how = argv[1];
    sys_pipe(ends); /* 4 and 5 */
    sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    struct iovec part = {large, sizeof large};
    struct msghdr m;
    clear(&m, sizeof m);
    m.iov = &part, m.iovlen = 1;
    show("before", 1);
    flush(&out);
    if (equal(how, "poll")) fd = (struct pollfd){ends[0], POLLIN, 0}, sys_poll(&fd, 1, -1);
    if (equal(how, "ppoll")) sys_ppoll(NULL, 0, NULL, NULL, 8);
    if (equal(how, "select")) sys_select(8, set, NULL, NULL, NULL);
    if (equal(how, "pselect6")) sys_pselect6(0, NULL, NULL, NULL, NULL, NULL);
    if (equal(how, "epoll_wait")) sys_epoll_ctl(ep, 1, ends[0], &event), sys_epoll_wait(ep, &event, 1, -1);
    if (equal(how, "epoll_pwait")) sys_epoll_pwait(ep, &event, 1, 1000000, NULL, 8);
    if (equal(how, "accept")) sys_accept(listener(&port, 0), NULL, NULL);
    if (equal(how, "recvfrom")) sys_recvfrom(pair[0], large, 10, 0, NULL, NULL);
    if (equal(how, "recvmsg")) sys_recvmsg(pair[0], &m, 0);
    if (equal(how, "waitall")) sys_write(pair[1], "x", 1), sys_recvfrom(pair[0], large, 10, MSG_WAITALL, NULL, NULL);
    if (equal(how, "sendto")) sys_sendto(pair[0], large, sizeof large, 0, NULL, 0);
    if (equal(how, "sendmsg")) sys_sendmsg(pair[0], &m, 0);
    if (equal(how, "connect")) {
        int server = (int)sys_socket(AF_UNIX, SOCK_STREAM, 0);
        struct sockaddr_un name = unix_name("server");
        sys_bind(server, &name, sizeof name);
        sys_listen(server, 0);
        for (;;) sys_connect((int)sys_socket(AF_UNIX, SOCK_STREAM, 0), &name, sizeof name);
    }
    show("after", 1);
    return done();
}
