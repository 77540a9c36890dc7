/* Signals that the program sends to itself: who runs when, with what masks, in which order, and what calls say then. */
#include "try.h"
CALL1(pipe, int *)
#include "signals.h"
#include "jumps.h"

static struct jump place;
static int ends[2];
static volatile int count;

static void plain(int number)
{
    show("handler", number);
    show("mask", blocked());
}

static void nested(int number)
{
    show("begin", number);
    if (count++ < 3) sys_kill(sys_getpid(), number);
    show("end", number);
}

static void informed(int number, struct siginfo *info, void *context)
{
    show("informed", number);
    show("signo", info->signo);
    show("code", info->code);
    if (info->code <= 0) show("pid", info->pid == sys_getpid() || info->pid == 7);
    show("value", info->code == -1 ? info->value : 0);
    u64 *mask = (u64 *)((char *)context + (sizeof(usize) == 4 ? 280 : 296));
    show("saved", *mask);
    *mask |= SIG(25);
}

static void jumping(int number)
{
    show("jumping", number);
    long_jump(&place, number);
}

static void counting(int number) { (void)number; count = count + 1; }

static void basics(void)
{
    int me = sys_getpid();
    handle(10, plain, 0, 0);
    TRY(sys_kill(me, 10));
    TRY(sys_tkill(sys_gettid(), 10));
    TRY(sys_tgkill(me, sys_gettid(), 10));
    TRY(sys_kill(me, 0));
    TRY(sys_kill(me, 65));
    TRY(sys_tkill(-1, 10));
    handle(10, plain, SA_NODEFER, SIG(12) | SIG(9) | SIG(40));
    TRY(sys_kill(me, 10));
    handle(10, nested, 0, 0);
    TRY(sys_kill(me, 10));
    count = 0;
    handle(10, nested, SA_NODEFER, 0);
    TRY(sys_kill(me, 10));
    handle(10, plain, SA_RESETHAND, 0);
    TRY(sys_kill(me, 10));
    struct action now;
    sys_rt_sigaction(10, NULL, &now, 8);
    show("reset", now.handler == 0);
    handle(10, IGNORE, 0, 0);
    TRY(sys_kill(me, 10));
    TRY(sys_kill(me, 17));
    TRY(sys_kill(me, 23));
    show("after", blocked());
}

static void held(void)
{
    int me = sys_getpid();
    u64 set = 0;
    int numbers[] = {12, 10, 35, 40, 36, 35, 12, 34, 1};
    block(SIG(10) | SIG(12) | SIG(1) | SIG(34) | SIG(35) | SIG(36) | SIG(40));
    for (int i = 0; i < 9; i++) handle(numbers[i], plain, 0, ~0ul);
    for (int i = 0; i < 9; i++) show("sent", sys_tkill(me, numbers[i]));
    TRY(sys_rt_sigpending(&set, 8));
    show("pending", set);
    unblock(SIG(35) | SIG(40));
    handle(34, IGNORE, 0, 0);
    sys_rt_sigpending(&set, 8);
    show("pending", set);
    for (int i = 0; i < 9; i++) handle(numbers[i], plain, 0, 0);
    unblock(~0ul);
    sys_rt_sigpending(&set, 8);
    show("pending", set);
}

static void info(void)
{
    struct siginfo given = {.code = -1, .pid = 7, .value = 4711};
    handle(10, informed, SA_SIGINFO, SIG(3));
    block(SIG(5));
    TRY(sys_kill(sys_getpid(), 10));
    show("mask", blocked());
    TRY(sys_tkill(sys_gettid(), 10));
    TRY(sys_rt_sigqueueinfo(sys_getpid(), 10, &given));
    show("mask", blocked());
    unblock(~0ul);
}

static void jumps(void)
{
    handle(10, jumping, 0, 0);
    for (volatile int i = 0; i < 3; i++) {
        int got = set_jump_mask(&place, 1);
        show("got", got);
        show("mask", blocked());
        if (!got) sys_kill(sys_getpid(), 10);
    }
    int got = set_jump(&place);
    show("got", got);
    show("mask", blocked());
    if (!got) sys_kill(sys_getpid(), 10);
    unblock(~0ul);
}

static void timers(void)
{
    struct timeval tick[2] = {{0, 3000}, {0, 3000}}, none[2] = {{0, 0}, {0, 0}}, old[2];
    struct timespec sleep = {5, 0}, left = {0, 0};
    u64 all = 0;
    char byte;
    handle(14, counting, 0, 0);
    TRY(sys_setitimer(0, tick, NULL));
    while (count < 5) sys_pause();
    TRY(sys_getitimer(0, old));
    show("interval", old[0].usec);
    TRY(sys_nanosleep(&sleep, &left));
    show("left", left.sec == 4);
    TRY(sys_clock_nanosleep(1, 0, &sleep, &left));
    TRY(sys_poll(NULL, 0, -1));
    TRY(sys_read(ends[0], &byte, 1));
    static u32 word;
    TRY(sys_futex(&word, 0, 0, NULL, NULL, 0));
    TRY(sys_futex(&word, 0, 0, &sleep, NULL, 0));
    block(SIG(14));
    TRY(sys_rt_sigsuspend(&all, 8));
    show("mask", blocked());
    TRY(sys_setitimer(0, none, NULL));
    unblock(SIG(14));
    tick[0].usec = 0, tick[1].usec = 20000;
    handle(14, counting, SA_RESTART, 0);
    block(SIG(14));
    TRY(sys_setitimer(0, tick, NULL));
    TRY(sys_rt_sigtimedwait(&(u64){SIG(14)}, NULL, NULL, 8));
    struct timespec soon = {0, 2000000};
    TRY(sys_rt_sigtimedwait(&(u64){SIG(14)}, NULL, &soon, 8));
    unblock(SIG(14));
    TRY(sys_setitimer(0, tick, NULL));
    TRY(sys_nanosleep(&sleep, &left));
    TRY(sys_alarm(100));
    TRY(sys_alarm(0));
    TRY(sys_alarm(0));
}

static void waits(void)
{
    struct siginfo found;
    struct timespec none = {0, 0};
    u64 set = SIG(10) | SIG(40);
    block(set);
    sys_tkill(sys_gettid(), 40);
    sys_kill(sys_getpid(), 10);
    TRY(sys_rt_sigtimedwait(&set, &found, &none, 8));
    show("code", found.code);
    TRY(sys_rt_sigtimedwait(&set, &found, &none, 8));
    TRY(sys_rt_sigtimedwait(&set, &found, &none, 8));
    TRY(sys_rt_sigtimedwait(&set, &found, &none, 128));
    handle(10, plain, 0, 0);
    sys_kill(sys_getpid(), 10);
    u64 other = SIG(12);
    TRY(sys_rt_sigsuspend(&other, 8));
    show("mask", blocked());
    TRY(sys_rt_sigsuspend(&other, 128));
}

int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    sys_pipe(ends);
    unblock(~0ul);
    if (equal(argv[1], "basics")) basics();
    if (equal(argv[1], "held")) held();
    if (equal(argv[1], "info")) info();
    if (equal(argv[1], "jumps")) jumps();
    if (equal(argv[1], "timers")) timers();
    if (equal(argv[1], "waits")) waits();
    return done();
}
