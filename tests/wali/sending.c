/* Signals to oneself, timers and sleeps: what is refused, what is told, what stays pending. */
#include "more.h"
#include "signals.h"

static const int numbers[] = {-1, 0, 1, 9, 10, 31, 32, 33, 34, 40, 64, 65, 128, 1 << 20};
struct words { long interval, interval_us, value, value_us; };

static void pending(u64 set)
{
    u64 found = 0;
    TRY(sys_rt_sigpending(&found, 8));
    show(" pending", (long)(found & set));
}

static void sent(void)
{
    u64 all = ~(SIG(9) | SIG(11) | SIG(15) | SIG(2));
    int me = (int)sys_getpid(), thread = (int)sys_gettid();
    struct siginfo info = {0}, got;
    struct timespec none = {0, 0}, bad = {0, -1};
    block(all);
    for (usize i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int n = numbers[i];
        if (n == 9) continue;
        show("number", n);
        info.code = -1;
        info.value = 5;
        TRY(sys_kill(me, n));
        TRY(sys_tkill(thread, n));
        TRY(sys_tgkill(me, thread, n));
        TRY(sys_rt_sigqueueinfo(me, n, &info));
        pending(all);
        if (n < 1 || n > 64) continue;
        u64 set = SIG(n);
        for (int k = 0; k < 4; k++) {
            got.code = got.value = 77;
            TRY(sys_rt_sigtimedwait(&set, &got, &none, 8));
            if (got.code != 77) show(" code", got.code), show(" signal", got.signo);
            if (got.code == -1) show(" value", got.value);
        }
    }
    TRY(sys_tkill(0, 10));
    TRY(sys_tkill(-1, 10));
    TRY(sys_tgkill(0, thread, 10));
    TRY(sys_tgkill(me, 0, 10));
    TRY(sys_tgkill(me, -5, 0));
    TRY(sys_kill(0x7ffffff0, 0));
    TRY(sys_kill(me, 65));
    info.code = 0;
    TRY(sys_rt_sigqueueinfo(me, 10, &info));
    TRY(sys_rt_sigqueueinfo(me, 10, BAD));
    TRY(sys_rt_sigqueueinfo(0x7ffffff0, 10, &info));
    TRY(sys_rt_sigtimedwait(&all, NULL, &bad, 8));
    TRY(sys_rt_sigtimedwait(&all, NULL, &none, 7));
    TRY(sys_rt_sigtimedwait(NULL, NULL, &none, 8));
    TRY(sys_rt_sigtimedwait(&all, NULL, BAD, 8));
    TRY(sys_rt_sigtimedwait(&all, NULL, &none, 8));
    TRY(sys_rt_sigtimedwait(&all, NULL, &none, 8));
    u64 nothing = 0, old = 1;
    TRY(sys_rt_sigtimedwait(&nothing, NULL, &none, 8));
    TRY(sys_rt_sigpending(&old, 4));
    TRY(sys_rt_sigpending(&old, 9));
    TRY(sys_rt_sigpending(&old, 0));
    TRY(sys_rt_sigpending(BAD, 8));
    for (int how = -1; how < 4; how++) {
        u64 set = SIG(10) | SIG(9) | SIG(19);
        TRY(sys_rt_sigprocmask(how, &set, &old, 8));
        TRY(sys_rt_sigprocmask(how, NULL, NULL, 8));
        show(" blocked", (long)blocked());
    }
    TRY(sys_rt_sigprocmask(0, BAD, NULL, 8));
    TRY(sys_rt_sigprocmask(0, NULL, BAD, 8));
    TRY(sys_rt_sigprocmask(0, NULL, NULL, 4));
    TRY(sys_rt_sigprocmask(2, &nothing, NULL, 8));
    for (usize i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        show("number", numbers[i]);
        TRY(handle(numbers[i], IGNORE, 0, 0));
        TRY(handle(numbers[i], NULL, 0, 0));
        TRY(sys_rt_sigaction(numbers[i], NULL, NULL, 8));
        TRY(sys_rt_sigaction(numbers[i], BAD, NULL, 8));
        TRY(sys_rt_sigaction(numbers[i], NULL, NULL, 16));
    }
}

static void timed(void)
{
    struct words long_ago = {0, 0, 1000, 0}, off = {0, 0, 0, 0}, odd[] = {{0, 1000000, 1, 0}, {0, 0, 1, 1000000},
        {0, 0, 1, -1}, {0, 0, -1, 0}, {-1, 0, 1, 0}, {5, 7, 1000, 999999}}, old;
    for (int which = -1; which < 4; which++) {
        show("which", which);
        TRY(sys_setitimer(which, &long_ago, NULL));
        TRY(sys_getitimer(which, &old));
        TRY(sys_setitimer(which, &off, &old));
        if (which >= 0 && which < 3) show(" old", old.value > 990 && old.value <= 1000);
        for (int i = 0; i < 6; i++) TRY(sys_setitimer(which, &odd[i], &old));
        TRY(sys_getitimer(which, &old));
        if (which >= 0 && which < 3) show(" interval", old.interval * 1000000 + old.interval_us);
        TRY(sys_setitimer(which, NULL, &old));
        TRY(sys_setitimer(which, BAD, NULL));
        if (which >= 0 && which < 3) TRY(sys_setitimer(which, &off, BAD));
        if (which >= 0 && which < 3) TRY(sys_getitimer(which, BAD));
        TRY(sys_getitimer(which, NULL));
    }
    TRY(sys_alarm(100));
    TRY(sys_alarm(50) >= 99);
    TRY(sys_alarm(0) >= 49);
    TRY(sys_alarm(0));
}

static void slept(void)
{
    struct timespec times[] = {{0, 0}, {0, 1000000}, {0, -1}, {0, 1000000000}, {-1, 0}, {-5, -5}, {1, 0}}, left, now;
    for (int clock = -1; clock < 12; clock++)
        for (int flags = 0; flags < 3; flags++)
            for (int i = 0; i < 6; i++) {
                if (clock == 3 || clock == 2 || clock == 8 || clock == 9) continue;
                show("clock", clock);
                show(" flags", flags);
                show(" time", i);
                TRY(sys_clock_nanosleep(clock, flags, &times[i], &left));
            }
    TRY(sys_clock_nanosleep(2, 0, &times[2], NULL));
    TRY(sys_clock_nanosleep(3, 0, &times[0], NULL));
    TRY(sys_clock_nanosleep(1, 0, BAD, NULL));
    TRY(sys_clock_nanosleep(1, 0, NULL, NULL));
    sys_clock_gettime(1, &now);
    now.nsec += 5000000;
    if (now.nsec >= 1000000000) now.sec++, now.nsec -= 1000000000;
    TRY(sys_clock_nanosleep(1, 1, &now, NULL));
    sys_clock_gettime(1, &left);
    show("late enough", left.sec > now.sec || (left.sec == now.sec && left.nsec >= now.nsec));
}

int main(int argc, char **argv, char **envp)
{
    (void)argc, (void)envp;
    if (equal(argv[1], "sent")) sent();
    if (equal(argv[1], "timed")) timed();
    if (equal(argv[1], "slept")) slept();
    return done();
}
