#include "try.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc, (void)argv;
    struct timespec a, b, tenth = {0, 20000000};
    struct timeval tv;
    TRY(sys_clock_gettime(1, &a));
    TRY(sys_nanosleep(&tenth, NULL));
    TRY(sys_clock_gettime(1, &b));
    long passed = (b.sec - a.sec) * 1000000000 + b.nsec - a.nsec;
    show("slept", passed >= 20000000 && passed < 10000000000);
    TRY(sys_clock_gettime(0, &a));
    TRY(sys_gettimeofday(&tv, NULL));
    show("together", tv.sec - a.sec < 10 && tv.usec < 1000000 && a.sec > 1600000000);
    TRY(sys_gettimeofday(NULL, NULL));
    TRY(sys_gettimeofday(BAD, NULL));
    int zone[2] = {7, 7};
    TRY(sys_gettimeofday(NULL, zone));
    show("zone", zone[0] + zone[1]);
    for (int clock = 0; clock < 13; clock++) {
        struct timespec t = {-1, -1};
        show("clock", clock);
        show("  gettime", sys_clock_gettime(clock, &t));
        show("  sane", t.sec >= -1 && t.nsec < 1000000000);
        show("  getres", sys_clock_getres(clock, &t));
        show("  sec", t.sec);
        show("  nsec", t.nsec);
    }
    TRY(sys_clock_getres(1, NULL));
    TRY(sys_clock_gettime(1, NULL));
    TRY(sys_clock_gettime(1, BAD));
    TRY(sys_clock_gettime(99, &a));
    TRY(sys_nanosleep(BAD, NULL));
    TRY(sys_nanosleep(NULL, NULL));
    TRY(sys_nanosleep(&(struct timespec){0, 1000000000}, NULL));
    TRY(sys_nanosleep(&(struct timespec){0, -1}, NULL));
    TRY(sys_nanosleep(&(struct timespec){-1, 0}, NULL));
    TRY(sys_nanosleep(&(struct timespec){0, 0}, &a));
    return done();
}
