/* threads HOW: counters, locks, joining; or an end of the process while threads wait in every way. */
#include "try.h"
CALL0(sched_yield)
CALL1(pipe, int *)
#include "threads.h"

enum { THREADS = 4, ROUNDS = 300 };

static struct mutex mutex;
static volatile long plain, waiting, told;
static long counter;
static const char *how;
static u32 never;
static int ends[2];
static struct thread all[THREADS];

static void work(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        __atomic_add_fetch(&counter, 1, __ATOMIC_SEQ_CST);
        lock(&mutex);
        plain = plain + 1;
        unlock(&mutex);
    }
}

static void block(int number)
{
    char byte;
    struct pollfd fd = {ends[0], 1, 0};
    struct timespec long_time = {1000, 0};
    __atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
    switch (number) {
    case 0: futex_wait(&never, 0); break;
    case 1: sys_read(ends[0], &byte, 1); break;
    case 2: sys_poll(&fd, 1, -1); break;
    default: sys_nanosleep(&long_time, NULL);
    }
    text(&out, "came back\n");
    flush(&out);
}

static void *thread_main(void *argument)
{
    struct thread *t = argument;
    if (equal(how, "count")) work();
    else if (equal(how, "trap") && t->number == 3) {
        while (waiting < 3 || !told) sys_sched_yield();
        __builtin_trap();
    } else if (equal(how, "last")) {
        struct timespec some = {0, 50000000};
        sys_nanosleep(&some, NULL);
        if (t->number == 3) {
            for (int i = 0; i < 3; i++) join(&all[i]);
            text(&out, "the last one\n");
            flush(&out);
            sys_exit(5); /* as the main thread: kernels differ in whose status is the process's */
        }
    } else if (equal(how, "group") && t->number == 3) {
        while (waiting < 3 || !told) sys_sched_yield();
        sys_exit_group(44);
    } else block(t->number);
    return NULL;
}

int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    how = argv[1];
    sys_pipe(ends);
    show("main", sys_gettid() == sys_getpid());
    flush(&out);
    for (int i = 0; i < THREADS; i++) {
        all[i].number = i;
        int tid = start(&all[i]);
        show("started", tid > 0 && tid < 1 << 30 && tid != sys_getpid());
    }
    if (equal(how, "last")) {
        flush(&out);
        sys_exit(5);
    }
    flush(&out);
    told = 1;
    if (equal(how, "main")) {
        while (waiting < THREADS) sys_sched_yield();
        return 7;
    }
    for (int i = 0; i < THREADS; i++) join(&all[i]);
    int distinct = 0;
    for (int i = 0; i < THREADS; i++)
        for (int j = 0; j < i; j++) distinct += all[i].tid != all[j].tid;
    show("distinct", distinct);
    show("counter", counter);
    show("plain", plain);
    return done();
}
