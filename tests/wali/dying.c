/* dying HOW: end by a signal of one's own. */
#include "try.h"
CALL1(pipe, int *)
CALL0(sched_yield)
#include "signals.h"
#include "threads.h"

static const char *how;

static void aborting(int number)
{
    (void)number;
    text(&out, "handler\n");
    flush(&out);
    handle(6, 0, 0, 0);
    sys_tkill(sys_gettid(), 6);
}

static void leaving(int number)
{
    text(&out, "leaving\n");
    flush(&out);
    sys_exit_group(number + 30);
}

static void *thread_main(void *argument)
{
    (void)argument;
    if (equal(how, "thread")) sys_kill(sys_getpid(), 15);
    if (equal(how, "main")) sys_tkill(sys_getpid(), 10);
    return NULL;
}

int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    static struct thread thread;
    int ends[2];
    char byte;
    how = argv[1];
    sys_pipe(ends);
    text(&out, "begin\n");
    flush(&out);
    if (equal(how, "term")) sys_kill(sys_getpid(), 15);
    if (equal(how, "kill")) sys_kill(sys_getpid(), 9);
    if (equal(how, "segv")) sys_tkill(sys_gettid(), 11);
    if (equal(how, "realtime")) sys_tkill(sys_gettid(), 50);
    if (equal(how, "unused")) sys_kill(sys_getpid(), 16);
    if (equal(how, "abort")) {
        handle(6, aborting, 0, 0);
        sys_tkill(sys_gettid(), 6);
    }
    if (equal(how, "alarm")) {
        sys_setitimer(0, (struct timeval[2]){{0, 0}, {0, 5000}}, NULL);
        for (;;) ends[0] = ends[0] + 1;
    }
    if (equal(how, "held")) {
        block(SIG(15));
        sys_kill(sys_getpid(), 15);
        text(&out, "held\n");
        flush(&out);
        unblock(SIG(15));
    }
    if (equal(how, "pipe")) {
        sys_close(ends[0]);
        sys_write(ends[1], "x", 1);
    }
    if (equal(how, "leave")) {
        handle(10, leaving, 0, 0);
        sys_kill(sys_getpid(), 10);
    }
    if (equal(how, "thread") || equal(how, "main")) {
        handle(10, leaving, 0, 0);
        thread.number = 1;
        start(&thread);
        sys_read(ends[0], &byte, 1);
    }
    text(&out, "still here\n");
    flush(&out);
    return 0;
}
