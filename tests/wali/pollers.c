/* poll, ppoll, select, pselect6 on pipes and sockets. */
#include "net.h"
static int ends[2], pair[2];
static void polled(long result, struct pollfd *fds, int n)
{
    show("polled", result);
    for (int i = 0; i < n; i++) {
        show(" fd", fds[i].fd);
        show(" events", fds[i].events);
        show(" revents", fds[i].revents);
    }
}
static void sets(const char *what, long result, u64 *r, u64 *w, u64 *x)
{
    text(&out, what);
    show("", result);
    if (r) show(" read", r[0]);
    if (w) show(" write", w[0]);
    if (x) show(" except", x[0]);
}
static long elapsed(struct timespec *from)
{
    struct timespec now;
    sys_clock_gettime(1, &now);
    return (now.sec - from->sec) * 1000 + (now.nsec - from->nsec) / 1000000;
}
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc, (void)argv;
    char c[8];
    sys_pipe(ends);
    sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    struct pollfd fds[5] = {{ends[0], POLLIN, 9}, {ends[1], POLLOUT, 9}, {pair[0], POLLIN | POLLOUT, 9},
                            {ends[0], 0, 9}, {-5, POLLIN, 9}};
    polled(sys_poll(fds, 5, 0), fds, 5);
    sys_write(ends[1], "x", 1);
    polled(sys_poll(fds, 5, -1), fds, 5);
    polled(sys_poll(fds, 1, 1000000), fds, 1);
    fds[3].fd = 44;
    polled(sys_poll(fds, 5, -1), fds, 5);
    sys_close(pair[1]);
    fds[2].events = POLLIN | POLLRDHUP;
    polled(sys_poll(fds + 2, 1, -1), fds + 2, 1);
    fds[2].events = 0;
    polled(sys_poll(fds + 2, 1, -1), fds + 2, 1);
    sys_read(ends[0], c, 8);
    polled(sys_poll(fds, 1, 20), fds, 1);
    TRY(sys_poll(fds, -1, 0));
    TRY(sys_poll(BAD, 1, 0));
    TRY(sys_poll(NULL, 1, 0));
    TRY(sys_poll(NULL, 0, 0));
    TRY(sys_poll(LAST, 1, 0));

    struct timespec zero = {0, 0}, soon = {0, 30000000}, later = {100, 0}, wrong = {0, 1000000000}, start;
    u64 mask = 1 << 9;
    fds[1].fd = ends[1];
    polled(sys_ppoll(fds, 2, &later, &mask, 8), fds, 2);
    show("left", later.sec < 100 && later.sec > 50);
    sys_clock_gettime(1, &start);
    TRY(sys_ppoll(fds, 1, &soon, NULL, 0));
    show("waited", elapsed(&start) >= 30);
    show("left", soon.sec || soon.nsec);
    TRY(sys_ppoll(fds, 1, &zero, NULL, 77));
    TRY(sys_ppoll(fds, 1, &zero, &mask, 4));
    TRY(sys_ppoll(fds, 1, &zero, BAD, 8));
    TRY(sys_ppoll(fds, 1, &wrong, NULL, 8));
    TRY(sys_ppoll(fds, 1, BAD, NULL, 8));
    TRY(sys_ppoll(fds + 1, 1, NULL, NULL, 8));
    wrong = (struct timespec){-1, 0};
    TRY(sys_ppoll(fds, 1, &wrong, NULL, 8));

    u64 r[17] = {1 << ends[0]}, w[17] = {1 << ends[1]}, x[17] = {1 << ends[0]};
    struct timeval limit = {50, 0}, none = {0, 0};
    long n = sys_select(ends[1] + 1, r, w, x, &limit);
    sets("ready", n, r, w, x);
    show("left", limit.sec < 50 && limit.sec > 20);
    sys_write(ends[1], "x", 1);
    r[0] = 1 << ends[0] | 1 << pair[0], w[0] = 1 << ends[1];
    n = sys_select(64, r, w, NULL, NULL);
    sets("both", n, r, w, NULL);
    r[0] = 1 << ends[0], w[0] = 1 << ends[1];
    n = sys_select(ends[0], r, w, NULL, &none);
    sets("none", n, r, w, NULL);
    sys_read(ends[0], c, 8);
    r[0] = 1 << ends[0];
    sys_clock_gettime(1, &start);
    limit = (struct timeval){0, 30000};
    n = sys_select(8, r, NULL, NULL, &limit);
    sets("time", n, r, NULL, NULL);
    show("waited", elapsed(&start) >= 30);
    show("left", limit.sec || limit.usec);
    limit = (struct timeval){0, 1030000};
    r[0] = 1 << ends[0], w[0] = 1 << ends[1];
    TRY(sys_select(8, r, w, NULL, &limit));
    TRY(sys_select(-1, r, w, NULL, &none));
    TRY(sys_select(8, BAD, NULL, NULL, &none));
    TRY(sys_select(8, LAST, NULL, NULL, &none));
    TRY(sys_select(0, BAD, NULL, NULL, &none));
    TRY(sys_select(8, r, NULL, NULL, BAD));
    limit = (struct timeval){0, -1};
    TRY(sys_select(8, r, NULL, NULL, &limit));
    limit = (struct timeval){-1, 0};
    TRY(sys_select(8, r, NULL, NULL, &limit));
    r[0] = 1 << 20;
    TRY(sys_select(64, r, NULL, NULL, &none));
    sets("closed", 0, r, NULL, NULL);
    r[0] = 0;
    TRY(sys_select(0, NULL, NULL, NULL, &none));

    struct { u64 address, size; } six = {(u64)(usize)&mask, 8}, empty = {0, 0}, short_ = {(u64)(usize)&mask, 4},
                                  far = {0xfffff000, 8};
    r[0] = 0, w[0] = 1 << ends[1];
    TRY(sys_pselect6(8, r, w, NULL, NULL, &six));
    w[0] = 1 << ends[1];
    TRY(sys_pselect6(8, r, w, NULL, NULL, NULL));
    soon = (struct timespec){0, 1000000};
    r[0] = 1 << ends[0];
    TRY(sys_pselect6(8, r, NULL, NULL, &soon, &empty));
    TRY(sys_pselect6(8, r, NULL, NULL, &zero, &short_));
    TRY(sys_pselect6(8, r, NULL, NULL, &zero, &far));
    TRY(sys_pselect6(8, r, NULL, NULL, &zero, BAD));
    wrong = (struct timespec){0, -1};
    TRY(sys_pselect6(8, r, NULL, NULL, &wrong, NULL));
    TRY(sys_pselect6(-8, r, NULL, NULL, &zero, NULL));

    /* A descriptor that stands in for another, and one above the first word. */
    TRY(sys_dup2(ends[1], 100));
    w[0] = 1, w[1] = 1UL << 36;
    TRY(sys_select(101, NULL, w, NULL, NULL));
    show("low", w[0]);
    show("high", w[1] >> 36);
    fds[0] = (struct pollfd){100, POLLOUT, 0};
    polled(sys_poll(fds, 1, 0), fds, 1);
    sys_close(ends[1]);
    sys_close(100);
    fds[0] = (struct pollfd){ends[0], POLLIN, 0};
    polled(sys_poll(fds, 1, -1), fds, 1);
    r[0] = 1 << ends[0];
    TRY(sys_select(8, r, NULL, NULL, NULL));
    return done();
}
