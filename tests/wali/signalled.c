/* signalled HOW N: be told by others; print each arrival's time, and at last how many there were. */
#include "try.h"
CALL1(pipe, int *)
CALL0(sched_yield)
#include "signals.h"
#include "threads.h"

static volatile int count;
static int wanted;
static volatile u32 work;
static int ends[2];

static void arrived(int number)
{
    struct timespec now;
    (void)number;
    count = count + 1;
    sys_clock_gettime(1, &now);
    struct out line = {1, 0, {0}};
    integer(&line, now.sec * 1000000000 + now.nsec, 0);
    text(&line, "\n");
    flush(&line);
}

static void compute(void)
{
    u32 x = 1;
    for (int i = 0; i < 3000; i++) x = x * 1664525 + 1013904223;
    work = work + x;
}

static void piping(int number)
{
    (void)number;
    count = count + 1;
    sys_write(ends[1], "x", 1);
}

static void piping_informed(int number, struct siginfo *info, void *context)
{
    (void)context;
    if (info->pid > 1) piping(number);
}

/* The handler has a buffer of its own: it may interrupt the program where it empties the other one. */
static void tell(struct out *line, const char *name, long value)
{
    text(line, name);
    text(line, "=");
    integer(line, value, 0);
    text(line, "\n");
}

static void informed(int number, struct siginfo *info, void *context)
{
    struct out line = {1, 0, {0}};
    (void)context;
    tell(&line, "number", number);
    tell(&line, "code", info->code);
    tell(&line, "pid", info->pid);
    tell(&line, "uid", info->uid);
    if (info->code == -1) tell(&line, "value", info->value);
    flush(&line);
    count = count + 1;
}

static void arrived_informed(int number, struct siginfo *info, void *context)
{
    (void)context, (void)info;
    arrived(number);
}

/* Compute, sleep and read in turn until every signal has put a byte into the pipe. */
static void alternate(void)
{
    struct timespec some = {0, 100000};
    char byte;
    for (int bytes = 0; bytes < wanted;) {
        compute();
        some.nsec = some.nsec * 7 % 300000;
        sys_nanosleep(&some, NULL);
        if (sys_read(ends[0], &byte, 1) == 1) bytes++;
    }
    show("count", count);
}

static int spins;

static void *thread_main(void *argument)
{
    (void)argument;
    unblock(~0ul);
    if (spins) while (count < wanted) work = work + 1;
    else alternate();
    return NULL;
}

int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    const char *how = argv[1];
    wanted = (int)number(argv[2]);
    char byte;
    struct thread thread = {.number = 1};
    sys_pipe(ends);
    if (!equal(how, "default")) handle(10, arrived, 0, 0);
    if (equal(how, "alternate") || equal(how, "thread")) handle(40, piping, 0, 0);
    if (equal(how, "alternate_informed")) handle(40, (void *)piping_informed, SA_SIGINFO, 0);
    if (equal(how, "info")) {
        for (int each = 34; each < 64; each++) handle(each, informed, SA_SIGINFO, ~0ul);
        handle(10, informed, SA_SIGINFO, ~0ul);
        handle(17, informed, SA_SIGINFO, ~0ul);
    }
    if (equal(how, "spin_informed") || equal(how, "read_informed")) handle(10, arrived_informed, SA_SIGINFO, 0);
    spins = equal(how, "spin_thread");
    if (equal(how, "ignore")) handle(10, IGNORE, 0, 0);
    if (equal(how, "thread") || spins) {
        block(~0ul);
        start(&thread);
    }
    text(&out, "ready\n");
    flush(&out);
    if (equal(how, "spin") || equal(how, "spin_informed")) while (count < wanted) work = work + 1;
    else if (equal(how, "read") || equal(how, "info") || equal(how, "read_informed")) while (count < wanted) sys_read(ends[0], &byte, 1);
    else if (equal(how, "alternate") || equal(how, "alternate_informed")) alternate();
    else if (equal(how, "thread") || spins) join(&thread);
    else while (sys_read(0, &byte, 1) > 0);
    text(&out, "end\n");
    return done();
}
