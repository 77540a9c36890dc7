#include "net.h"
static struct epoll_event got[8];
static void waited(long n)
{
    show("events", n);
    for (int i = 0; i < n; i++) {
        show(" events", got[i].events);
        show(" data", got[i].data);
    }
}
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc, (void)argv;
    int ends[2], pair[2];
    char c[8];
    sys_pipe(ends);
    sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    TRY(sys_epoll_create(0));
    TRY(sys_epoll_create(-1));
    TRY(sys_epoll_create1(1));
    int ep = (int)sys_epoll_create(1), inner = (int)sys_epoll_create1(O_CLOEXEC);
    show("ep", ep);
    TRY(sys_fcntl(ep, 1, 0));
    TRY(sys_fcntl(inner, 1, 0));
    struct epoll_event in = {POLLIN, 0x123456789abcdef0}, out_ = {POLLOUT, (u64)-1}, edge = {POLLIN | 1u << 31, 7},
                       once = {POLLIN | 1u << 30, 8};
    TRY(sys_epoll_ctl(ep, 1, ends[0], &in));
    TRY(sys_epoll_ctl(ep, 1, ends[0], &in));
    TRY(sys_epoll_ctl(ep, 1, ends[1], &out_));
    TRY(sys_epoll_ctl(ep, 1, pair[0], &edge));
    TRY(sys_epoll_ctl(ep, 3, pair[1], &once));
    TRY(sys_epoll_ctl(ep, 1, pair[1], &once));
    TRY(sys_epoll_ctl(ep, 9, pair[1], &once));
    TRY(sys_epoll_ctl(ep, 1, ep, &in));
    TRY(sys_epoll_ctl(ep, 1, 77, &in));
    TRY(sys_epoll_ctl(77, 1, ends[0], &in));
    TRY(sys_epoll_ctl(ends[0], 1, ends[1], &in));
    TRY(sys_epoll_ctl(ep, 1, (int)sys_open("plain", O_RDWR | O_CREAT, 0600), &in));
    TRY(sys_epoll_ctl(ep, 1, inner, BAD));
    TRY(sys_epoll_ctl(ep, 1, inner, NULL));
    TRY(sys_epoll_ctl(ep, 1, inner, LAST));
    TRY(sys_epoll_ctl(ep, 2, inner, NULL));
    TRY(sys_epoll_ctl(ep, 2, inner, BAD));
    waited(sys_epoll_wait(ep, got, 8, 0));
    sys_write(ends[1], "x", 1);
    sys_write(pair[1], "x", 1);
    sys_write(pair[0], "x", 1);
    waited(sys_epoll_wait(ep, got, 8, -1));
    waited(sys_epoll_wait(ep, got, 8, 0));
    waited(sys_epoll_wait(ep, got, 1, 0));
    waited(sys_epoll_wait(ep, got, 1, 0));
    out_.events = 0;
    TRY(sys_epoll_ctl(ep, 3, ends[1], &out_));
    waited(sys_epoll_wait(ep, got, 8, 0));
    TRY(sys_epoll_ctl(ep, 3, pair[1], &once));
    waited(sys_epoll_wait(ep, got, 8, 0));
    sys_read(ends[0], c, 8);
    waited(sys_epoll_wait(ep, got, 8, 10));
    waited(sys_epoll_wait(ep, got, 0, 0));
    waited(sys_epoll_wait(ep, got, -1, 0));
    waited(sys_epoll_wait(77, got, 8, 0));
    waited(sys_epoll_wait(ends[0], got, 8, 0));
    waited(sys_epoll_wait(ep, NULL, 8, 0));
    u64 mask = 1 << 9;
    waited(sys_epoll_pwait(ep, got, 8, 0, &mask, 8));
    waited(sys_epoll_pwait(ep, got, 8, 0, NULL, 0));
    waited(sys_epoll_pwait(ep, got, 8, 0, &mask, 16));
    waited(sys_epoll_pwait(ep, got, 8, 0, BAD, 8));

    /* A set in a set; a descriptor that is closed while a copy lives, then the copy. */
    TRY(sys_epoll_ctl(inner, 1, ep, &in));
    waited(sys_epoll_wait(inner, got, 8, 0));
    int copy = (int)sys_dup(ends[0]);
    sys_write(ends[1], "y", 1);
    waited(sys_epoll_wait(inner, got, 8, 0));
    sys_close(ends[0]);
    waited(sys_epoll_wait(ep, got, 8, 0));
    TRY(sys_epoll_ctl(ep, 2, ends[0], NULL));
    TRY(sys_epoll_ctl(ep, 1, copy, &in));
    waited(sys_epoll_wait(ep, got, 8, 0));
    sys_close(copy);
    waited(sys_epoll_wait(ep, got, 8, 0));
    sys_close(pair[1]);
    waited(sys_epoll_wait(ep, got, 8, -1));
    waited(sys_epoll_wait(ep, BAD, 8, 0));
    return done();
}
