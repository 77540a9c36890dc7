/* caller HOW [PATH]: change what the caller sees of standard input and output, say so, and end in some way. */
#include "family.h"
#include "must.h"
#include "signals.h"
#include "threads.h"
CALL0(sched_yield)

#define TCGETS 0x5401
#define TCSETS 0x5402
#define TCSETSF 0x5404
#define TIOCGWINSZ 0x5413
#define TIOCSWINSZ 0x5414
#define FIONBIO 0x5421
#define NONBLOCK 04000

static const char *how;

static void cleanup(void) {}

static void change(void)
{
    struct winsize size = {7, 8, 9, 10};
    u32 modes[15] = {0};
    int on = 1;
    MUST(sys_ioctl(0, TCGETS, modes));
    modes[0] = 0, modes[3] = 0;
    MUST(sys_ioctl(0, equal(how, "flushing") ? TCSETSF : TCSETS, modes));
    MUST(sys_ioctl(1, TIOCSWINSZ, &size));
    MUST(sys_ioctl(1, FIONBIO, &on));
    MUST(sys_fcntl(1, 4, MUST(sys_fcntl(1, 3, 0)) | 02000 | NONBLOCK));
    sys_write(1, "changed\n", 8);
}

static void *thread_main(void *argument)
{
    (void)argument;
    if (equal(how, "thread")) sys_exit_group(3);
    if (equal(how, "storm"))
        for (;;) sys_fcntl(1, 4, MUST(sys_fcntl(1, 3, 0)) ^ NONBLOCK);
    return NULL;
}

int main(int argc, char **argv, char **envp)
{
    static struct thread thread;
    const char *none[] = {NULL}, *args[] = {"caller", "stay", NULL};
    volatile int spun = 0;
    (void)envp;
    how = argv[1];
    if (equal(how, "child")) {
        int status, child = (int)MUST(sys_fork());
        if (!child) {
            change();
            sys_exit_group(0);
        }
        MUST(sys_wait4(child, &status, 0, NULL));
        show("nonblocking after the child", (sys_fcntl(1, 3, 0) & NONBLOCK) != 0);
        flush(&out);
        return 4;
    }
    change();
    if (equal(how, "quiet")) sys_exit(5);
    if (equal(how, "trap")) __builtin_trap();
    if (equal(how, "term")) sys_kill(sys_getpid(), 15);
    if (equal(how, "kill")) sys_kill(sys_getpid(), 9);
    if (equal(how, "realtime")) sys_tkill(sys_gettid(), 50);
    if (equal(how, "alarm")) sys_setitimer(0, (struct timeval[2]){{0, 0}, {0, 5000}}, NULL);
    if (equal(how, "held")) {
        block(SIG(15));
        sys_kill(sys_getpid(), 15);
        unblock(SIG(15));
    }
    if (equal(how, "thread") || equal(how, "storm")) {
        thread.number = 1;
        start(&thread);
        if (equal(how, "storm")) sys_exit_group(3);
    }
    if (equal(how, "execute")) MUST(sys_execve(argv[2], argc > 3 ? (const char **)argv + 2 : args, none));
    if (equal(how, "blocked"))
        for (;;) sys_pause();
    while (equal(how, "spin") || equal(how, "thread") || equal(how, "alarm")) spun++;
    return equal(how, "stay") ? 6 : 2;
}
