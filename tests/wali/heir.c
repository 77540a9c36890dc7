/* heir: a thread other than the first makes a child, which only computes, then sleeps, until its parent's signals come.
 * The child starts a thread of its own, too, and sends a signal to that.
 */
#include "family.h"
#include "signals.h"
#include "threads.h"

static volatile int rung;
static volatile u32 work;
static struct thread second = {.number = 2};

static void ring(int number) { (void)number; rung = rung + 1; }

static void *thread_main(void *argument)
{
    if (((struct thread *)argument)->number == 2) {
        while (rung < 3) work = work + 1;
        return NULL;
    }
    int ends[2], status = 0;
    char byte = 0;
    sys_pipe(ends);
    int child = sys_fork();
    if (!child) {
        sys_write(ends[1], "x", 1);
        while (rung < 1) work = work + 1;
        sys_write(ends[1], "y", 1);
        sys_pause();
        start(&second);
        block(SIG(10));
        sys_tkill((int)second.tid, 10);
        join(&second);
        show("rung", rung);
        done();
        sys_exit_group(7);
    }
    sys_read(ends[0], &byte, 1);
    sys_kill(child, 10);
    sys_read(ends[0], &byte, 1);
    struct timespec some = {0, 100000000};
    sys_clock_nanosleep(1, 0, &some, NULL);
    sys_kill(child, 10);
    sys_wait4(child, &status, 0, NULL);
    show("status", status);
    return NULL;
}

int main(int argc, char **argv, char **envp)
{
    (void)argc, (void)argv, (void)envp;
    struct thread thread = {.number = 1};
    handle(10, ring, 0, 0);
    start(&thread);
    join(&thread);
    return done();
}
