/* Children that signals end or stop, and what an executed program inherits of signals.
 *
 * Arguments: none, or "tell" in the executed program.
 */
#include "family.h"
#include "signals.h"

static void never(int number) { (void)number; }
static void ignore(int number) { handle(number, IGNORE, 0, 0); }

/* 0 default, 1 ignored, 2 handled. */
static int disposition(int number)
{
    struct action now;
    if (sys_rt_sigaction(number, NULL, &now, 8) < 0) return 0;
    return (void *)(usize)now.handler == IGNORE ? 1 : now.handler ? 2 : 0;
}

static void wait_for(const char *name, int pid, int options)
{
    int status = 0;
    show("same", sys_wait4(pid, &status, options, NULL) == pid);
    if (status == 0xffff) text(&out, name), text(&out, " continued\n");
    else show_status(name, status & ~128);
}

static void killed(void)
{
    static const int numbers[] = {1, 2, 3, 6, 9, 10, 13, 14, 15, 24, 31, 34, 64};
    for (u32 i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int pid = child();
        if (pid == 0) for (;;) sys_pause();
        show("kill", sys_kill(pid, numbers[i]));
        wait_for("paused", pid, 0);
        pid = child();
        if (pid == 0) {
            sys_kill(sys_getpid(), numbers[i]);
            sys_exit_group(99);
        }
        wait_for("itself", pid, 0);
    }
}

static void stopped(void)
{
    int pid = child();
    if (pid == 0) for (;;) sys_pause();
    TRY(sys_kill(pid, 19));
    wait_for("child", pid, WUNTRACED);
    TRY(sys_kill(pid, 18));
    wait_for("child", pid, 8);
    TRY(sys_kill(pid, 9));
    wait_for("child", pid, 0);
}

static void groups(void)
{
    int first = child(), second;
    if (first == 0) {
        sys_setpgid(0, 0);
        for (;;) sys_pause();
    }
    sys_setpgid(first, first);
    second = child();
    if (second == 0) {
        sys_setpgid(0, first);
        for (;;) sys_pause();
    }
    sys_setpgid(second, first);
    TRY(sys_getpgid(second) == first);
    TRY(sys_kill(-first, 15));
    int status, last = 0;
    for (int i = 0; i < 2; i++) {
        last += sys_wait4(-first, &status, 0, NULL);
        show_status("member", status);
    }
    show("both", last == first + second);
    TRY(sys_wait4(-first, &status, 0, NULL));
    TRY(sys_kill(-first, 0));
}

static void ignored_children(void)
{
    int status;
    ignore(17);
    int pid = child();
    if (pid == 0) sys_exit_group(3);
    show("reaped", sys_wait4(pid, &status, 0, NULL));
    handle(17, NULL, 0, 0);
}

static void tell(void)
{
    u64 mask = 0;
    sys_rt_sigprocmask(0, NULL, &mask, 8);
    hex(&out, mask, 16);
    text(&out, "\n");
    for (int n = 1; n <= 64; n++) {
        int how = n == 32 || n == 33 ? 0 : disposition(n); /* the C library's own: what a host left there is its affair */
        if (how > 0) show("signal", n), show("is", how);
    }
    flush(&out);
}

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    if (argc > 1) {
        tell();
        return 0;
    }
    killed();
    stopped();
    groups();
    ignored_children();
    u64 mask = 1ul << 13 | 1ul << 9 | 1ul << 40;
    ignore(13);
    ignore(2);
    ignore(12);
    handle(15, never, 0, 0);
    sys_rt_sigprocmask(2, &mask, NULL, 8);
    struct strings all;
    run(argv[0], strings(&all, argv[0], "tell", NULL), NULL);
    return done();
}
