/* loop: pipes, counters and timers in one loop; waiting in every way. */
#include "net.h"
#include "must.h"

static void cleanup(void) {}

int main(int argc, char **argv, char **envp)
{
    (void)argc, (void)argv, (void)envp;
    int ends[2], seen = 0, rounds = 0;
    char c, random[16];
    u64 word = 0;
    struct timespec now, soon = {0, 1000000};
    struct epoll_event events[4];
    struct itimerspec timer = {{0, 0}, {0, 2000000}};
    MUST(sys_pipe(ends));
    int counter = (int)MUST(sys_eventfd2(2, O_NONBLOCK));
    int clock = (int)MUST(sys_timerfd_create(1, 0));
    int epoll = (int)MUST(sys_epoll_create1(0));
    int watched[] = {ends[0], counter, clock};
    for (int i = 0; i < 3; i++) {
        struct epoll_event event = {POLLIN, (u64)i};
        MUST(sys_epoll_ctl(epoll, 1, watched[i], &event));
    }
    MUST(sys_timerfd_settime(clock, 0, &timer, NULL));
    write_all(ends[1], "x", 1);
    while (seen != 7 && rounds++ < 100) {
        long n = MUST(sys_epoll_pwait(epoll, events, 4, 1000, NULL, 8));
        for (long i = 0; i < n; i++) {
            int which = (int)events[i].data;
            if (which == 0) MUST(sys_read(ends[0], &c, 1));
            else MUST(sys_read(watched[which], &word, 8));
            seen |= 1 << which;
            MUST(sys_epoll_ctl(epoll, 2, watched[which], NULL));
        }
    }
    show("seen", seen);
    write_all(ends[1], "yz", 2);
    struct pollfd poll = {ends[0], POLLIN, 0};
    show("poll", MUST(sys_poll(&poll, 1, 1000)));
    word = 1ul << ends[0];
    show("select", MUST(sys_select(ends[0] + 1, &word, NULL, NULL, &(struct timeval){1, 0})));
    word = 1ul << ends[0];
    show("pselect", MUST(sys_pselect6(ends[0] + 1, &word, NULL, NULL, &(struct timespec){1, 0}, NULL)));
    show("ppoll", MUST(sys_ppoll(&poll, 1, &(struct timespec){1, 0}, NULL, 8)));
    int copy = (int)MUST(sys_dup(ends[0]));
    MUST(sys_dup2(ends[0], 40));
    MUST(sys_fcntl(40, 4, O_NONBLOCK));
    show("flags", MUST(sys_fcntl(copy, 3, 0)) & O_NONBLOCK);
    show("first", MUST(sys_read(copy, &c, 1)));
    show("second", MUST(sys_read(40, &c, 1)));
    long third = sys_read(40, &c, 1);
    if (third != -11) must("third", third);
    MUST(sys_nanosleep(&soon, NULL));
    MUST(sys_clock_gettime(1, &now));
    show("random", MUST(sys_getrandom(random, 16, 0)) > 0);
    for (int fd = 3; fd < 10; fd++) sys_close(fd);
    MUST(sys_close(40));
    return finish();
}
