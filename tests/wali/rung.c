/* rung HOW: a main thread that only computes until a signal's handler has run, which its timer or a thread sends. */
#include "try.h"
CALL0(sched_yield)
#include "signals.h"
#include "threads.h"

static volatile int rung, ready;
static volatile u32 work;

static void ring(int number) { rung = number; }

static void *thread_main(void *argument)
{
    (void)argument;
    while (!ready) sys_sched_yield();
    sys_tgkill(sys_getpid(), sys_getpid(), 10);
    return NULL;
}

int main(int argc, char **argv, char **envp)
{
    (void)argc, (void)envp;
    struct thread thread = {.number = 1};
    long once[4] = {0, 0, 0, 20000};
    handle(10, ring, 0, 0);
    handle(14, ring, 0, 0);
    if (equal(argv[1], "timer")) sys_setitimer(0, once, NULL);
    else start(&thread);
    ready = 1;
    while (!rung) work = work + 1;
    show("rung", rung);
    if (!equal(argv[1], "timer")) join(&thread);
    return done();
}
