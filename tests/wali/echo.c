/* An echo server in one thread: echo poll|epoll CONNECTIONS.  Prints its port, and at the end what it has done. */
#include "net.h"
#define MOST 200
#define ROOM 65536
struct connection { int fd; u32 start, end; char data[ROOM]; };
static struct connection *all[MOST];
static int epoll = -1, server;
static long opened, closed, moved;

static void watch(int op, struct connection *c)
{
    struct epoll_event event = {c->start < c->end ? POLLOUT : POLLIN, c->fd};
    if (epoll >= 0 && sys_epoll_ctl(epoll, op, c->fd, &event)) fail("echo", "epoll_ctl", -1);
}
static void enter(void)
{
    for (;;) {
        int fd = (int)sys_accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        if (fd >= MOST) fail("echo", "descriptor", fd);
        if (!all[fd]) all[fd] = allocate(sizeof *all[fd]);
        *all[fd] = (struct connection){.fd = fd};
        watch(1, all[fd]);
        opened++;
    }
}
static void leave(struct connection *c)
{
    sys_close(c->fd);
    c->fd = -1;
    closed++;
}
static void serve(struct connection *c)
{
    int waited = c->start < c->end;
    if (!waited) {
        long n = sys_read(c->fd, c->data, ROOM);
        if (n == -11) return;
        if (n <= 0) return leave(c);
        c->start = 0, c->end = n;
    }
    while (c->start < c->end) {
        long n = sys_sendto(c->fd, c->data + c->start, c->end - c->start, MSG_NOSIGNAL, NULL, 0);
        if (n == -11) break;
        if (n < 0) return leave(c);
        c->start += n;
        moved += n;
    }
    if (waited != (c->start < c->end)) watch(3, c);
}
static void by_epoll(long total)
{
    struct epoll_event events[16], in = {POLLIN, server};
    epoll = (int)sys_epoll_create1(O_CLOEXEC);
    sys_epoll_ctl(epoll, 1, server, &in);
    while (closed < total) {
        long n = sys_epoll_wait(epoll, events, 16, 5000);
        if (n <= 0) return fail("echo", "epoll_wait", n);
        for (int i = 0; i < n; i++)
            if ((int)events[i].data == server) enter();
            else serve(all[events[i].data]);
    }
}
static void by_poll(long total)
{
    static struct pollfd fds[MOST];
    while (closed < total) {
        int n = 1;
        fds[0] = (struct pollfd){server, POLLIN, 0};
        for (int i = 0; i < MOST; i++)
            if (all[i] && all[i]->fd >= 0)
                fds[n++] = (struct pollfd){i, all[i]->start < all[i]->end ? POLLOUT : POLLIN, 0};
        long ready = sys_poll(fds, n, 5000);
        if (ready <= 0) return fail("echo", "poll", ready);
        for (int i = 1; i < n; i++)
            if (fds[i].revents) serve(all[fds[i].fd]);
        if (fds[0].revents) enter();
    }
}
int main(int argc, char **argv, char **envp)
{
    (void)envp;
    if (argc < 3) return 2;
    u16 port;
    server = listener(&port, SOCK_NONBLOCK);
    if (server < 0) return fail("echo", "listen", server), 1;
    show("port", (port & 255) << 8 | port >> 8);
    flush(&out);
    if (equal(argv[1], "epoll")) by_epoll(number(argv[2]));
    else by_poll(number(argv[2]));
    show("opened", opened);
    show("closed", closed);
    show("moved", moved);
    return done();
}
