/* An echo server with threads: echo_threads WORKERS.  The main thread accepts, workers serve, each with an epoll set of
 * its own.  Prints its port; goes on until standard input ends, then tells what it has done. */
#include "net.h"
CALL0(sched_yield)
#include "threads.h"
enum { MOST = 300, ROOM = 65536, MOST_WORKERS = 16, CONTROL_ADD = 1, CONTROL_MODIFY = 3 };
struct connection { int fd; u32 start, end; char data[ROOM]; };
struct worker { struct thread thread; int epoll, stop; };
static struct connection *all[MOST];
static struct worker workers[MOST_WORKERS];
static long opened, closed, moved;

static void watch(struct worker *w, int op, struct connection *c)
{
    struct epoll_event event = {c->start < c->end ? POLLOUT : POLLIN, (u64)(usize)c};
    long result = sys_epoll_ctl(w->epoll, op, c->fd, &event);
    if (result) fail("echo_threads", "epoll_ctl", result);
}

static void part(struct connection *c)
{
    __atomic_add_fetch(&closed, 1, __ATOMIC_SEQ_CST);
    sys_close(c->fd);
}

/* Send back what came, and take more if all of it went; or wait until there is room. */
static void serve(struct worker *w, struct connection *c)
{
    int waited = c->start < c->end;
    if (!waited) {
        long n = sys_read(c->fd, c->data, ROOM);
        if (n == -11) return;
        if (n <= 0) return part(c);
        c->start = 0, c->end = n;
    }
    while (c->start < c->end) {
        long n = sys_sendto(c->fd, c->data + c->start, c->end - c->start, MSG_NOSIGNAL, NULL, 0);
        if (n == -11) break;
        if (n < 0) return part(c);
        c->start += n;
        __atomic_add_fetch(&moved, n, __ATOMIC_SEQ_CST);
    }
    if (waited != (c->start < c->end)) watch(w, CONTROL_MODIFY, c);
}

static void *thread_main(void *argument)
{
    struct worker *w = argument;
    struct epoll_event events[16];
    for (;;) {
        long n = sys_epoll_wait(w->epoll, events, 16, -1);
        if (n < 0 && n != -4) fail("echo_threads", "epoll_wait", n);
        for (int i = 0; i < n; i++) {
            if (!events[i].data) return NULL;
            serve(w, (struct connection *)(usize)events[i].data);
        }
    }
}

static void accept_all(int server, int count)
{
    static int next;
    for (;;) {
        int fd = (int)sys_accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        if (fd >= MOST) return fail("echo_threads", "descriptor", fd);
        if (!all[fd]) all[fd] = allocate(sizeof *all[fd]);
        all[fd]->fd = fd;
        all[fd]->start = all[fd]->end = 0;
        __atomic_add_fetch(&opened, 1, __ATOMIC_SEQ_CST);
        watch(&workers[next++ % count], CONTROL_ADD, all[fd]);
    }
}

static int begin_worker(struct worker *w)
{
    struct epoll_event stop = {POLLIN, 0};
    w->epoll = (int)sys_epoll_create1(O_CLOEXEC);
    w->stop = (int)sys_eventfd2(0, O_CLOEXEC);
    return sys_epoll_ctl(w->epoll, CONTROL_ADD, w->stop, &stop) == 0 && start(&w->thread) > 0;
}

static void end_worker(struct worker *w)
{
    u64 one = 1;
    sys_write(w->stop, &one, 8);
    join(&w->thread);
    sys_close(w->stop);
    sys_close(w->epoll);
}

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    int count = argc > 1 ? (int)number(argv[1]) : 0;
    if (count < 1 || count > MOST_WORKERS) return 2;
    u16 port;
    int server = listener(&port, SOCK_NONBLOCK);
    if (server < 0) return fail("echo_threads", "listen", server), 1;
    for (int i = 0; i < count; i++)
        if (!begin_worker(&workers[i])) return fail("echo_threads", "thread", i), 1;
    show("port", (port & 255) << 8 | port >> 8);
    flush(&out);
    for (struct pollfd fds[2] = {{0, POLLIN, 0}, {server, POLLIN, 0}}; !fds[0].revents;) {
        sys_poll(fds, 2, -1);
        if (fds[1].revents) accept_all(server, count);
    }
    for (int i = 0; i < count; i++) end_worker(&workers[i]);
    sys_close(server);
    show("opened", opened);
    show("closed", closed);
    show("moved", moved);
    return done();
}
