/* Signals between a parent and its children; masks of calls that wait. */
#include "try.h"
CALL1(pipe, int *)
CALL0(fork)
CALL0(getppid)
CALL4(wait4, int, int *, int, void *)
CALL5(ppoll, struct pollfd *, u64, const struct timespec *, const u64 *, usize)
CALL6(pselect6, int, void *, void *, void *, const struct timespec *, void *)
CALL1(epoll_create1, int)
CALL6(epoll_pwait, int, void *, int, int, const u64 *, usize)
#include "signals.h"

static volatile int count, last;
static int ends[2];

static void counting(int number)
{
    count = count + 1;
    last = number;
}

static void child_ended(int number, struct siginfo *info, void *context)
{
    (void)context;
    show("SIGCHLD", number);
    show("code", info->code);
    show("status", info->value);
    count = count + 1;
}

static int begin(void)
{
    flush(&out);
    return sys_fork();
}

static int end_of(int child)
{
    int status = -1;
    while (sys_wait4(child, &status, 0, NULL) == -4);
    return status;
}

int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc, (void)argv;
    u64 none = 0, pending = 0;
    struct timespec soon = {0, 3000000}, never = {0, 0};
    sys_pipe(ends);
    unblock(~0ul);

    /* A child is told by its parent, in a loop; the handler is inherited. */
    handle(10, counting, 0, 0);
    handle(40, counting, 0, 0);
    int child = begin();
    if (!child) {
        sys_write(ends[1], "x", 1);
        while (count < 3) last = last;
        sys_exit_group(20 + count);
    }
    char byte;
    sys_read(ends[0], &byte, 1);
    for (int i = 0; i < 3; i++) {
        sys_kill(child, 40);
        sys_nanosleep(&soon, NULL);
    }
    show("status", end_of(child));

    /* A child that dies, and one that tells its parent. */
    child = begin();
    if (!child) {
        handle(15, 0, 0, 0);
        sys_kill(sys_getpid(), 15);
    }
    show("status", end_of(child));
    block(SIG(10));
    child = begin();
    if (!child) {
        sys_rt_sigpending(&pending, 8);
        sys_kill(sys_getppid(), 10);
        sys_exit_group(pending ? 1 : 0);
    }
    show("status", end_of(child));
    sys_rt_sigpending(&pending, 8);
    show("pending", pending);
    TRY(sys_rt_sigsuspend(&none, 8));
    show("count", count);

    /* SIGCHLD. */
    block(SIG(17));
    count = 0;
    handle(17, child_ended, SA_SIGINFO, 0);
    child = begin();
    if (!child) sys_exit_group(7);
    TRY(sys_rt_sigsuspend(&none, 8));
    show("count", count);
    show("status", end_of(child));
    handle(17, 0, 0, 0);

    /* Calls that wait with another mask. */
    block(SIG(10));
    handle(10, counting, SA_RESTART, 0);
    int epoll = sys_epoll_create1(0);
    char events[64];
    struct { u64 set, size; } both = {(usize)&none, 8};
    struct pollfd fd = {ends[1], 4, 0};
    count = 0;
    for (int i = 0; i < 4; i++) {
        sys_kill(sys_getpid(), 10);
        if (i == 0) TRY(sys_ppoll(NULL, 0, NULL, &none, 8));
        if (i == 1) TRY(sys_pselect6(0, NULL, NULL, NULL, NULL, &both));
        if (i == 2) TRY(sys_epoll_pwait(epoll, events, 1, -1, &none, 8));
        if (i == 3) TRY(sys_ppoll(NULL, 0, &never, &none, 8));
        show("count", count);
    }
    sys_kill(sys_getpid(), 10);
    TRY(sys_ppoll(NULL, 0, &soon, NULL, 8));
    TRY(sys_ppoll(&fd, 1, NULL, &none, 8));
    show("count", count);
    show("mask", blocked());
    unblock(SIG(10));
    show("count", count);

    /* From a child, while the parent blocks in a call that is made again. */
    child = begin();
    if (!child) {
        sys_nanosleep(&soon, NULL);
        sys_kill(sys_getppid(), 10);
        sys_nanosleep(&soon, NULL);
        sys_write(ends[1], "y", 1);
        sys_exit_group(0);
    }
    TRY(sys_read(ends[0], &byte, 1));
    show("byte", byte);
    show("count", count);
    show("status", end_of(child));
    return done();
}
