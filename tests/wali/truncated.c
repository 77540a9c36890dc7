/* truncated HOW FILE: map a file of 64 pages, cut it to one, and access what is gone. */
#include "try.h"
CALL0(sched_yield)
#include "signals.h"
#include "threads.h"

#define PAGES 64

static char *map;
static struct thread threads[4];
static volatile u32 told;
static char copy[PAGES * PAGE];

/* The handler never returns: the access would be made again. */
static void fault(int number, struct siginfo *info, void *context)
{
    (void)context;
    usize at = (usize)info->pid - (usize)map;
#ifndef __wasm__
    at = *(usize *)&info->pid - (usize)map;
#endif
    for (int i = 0; i < 4; i++)
        if (threads[i].tid && (int)threads[i].tid == sys_gettid()) {
            __atomic_fetch_add(&told, 1, __ATOMIC_SEQ_CST);
            leave(&threads[i]);
        }
    show("number", number);
    show("code", info->code);
    show("page", at / PAGE);
    flush(&out);
    sys_exit_group(3);
}

static void *thread_main(void *argument)
{
    struct thread *t = argument;
    volatile char *at = map + (1 + 10 * t->number) * PAGE;
    u32 sum = 0;
    while (!t->tid);
    for (;;) sum += at[sum & 0xff];
    return NULL;
}

static void access_all(const char *how)
{
    volatile char *byte = map + 5 * PAGE + 7;
    if (equal(how, "store")) *byte = 'x';
    else if (equal(how, "copy")) __builtin_memcpy(copy, map, sizeof copy);
    else if (equal(how, "fill")) __builtin_memset(map, 1, PAGES * PAGE);
    else if (equal(how, "threads")) {
        for (int i = 0; i < 4; i++) threads[i].number = i, start(&threads[i]);
        for (int i = 0; i < 4; i++) join(&threads[i]);
        show("told", told);
        flush(&out);
        sys_exit_group(4);
    }
    /* The kernel answers by itself. */
    else if (equal(how, "write")) show("write", sys_write(1, map + 2 * PAGE, 100)), sys_exit_group(done());
    else told = told + (u32)*byte;
    for (int i = 0; i < 1000000; i++) told = told + 0;
    show("copied", copy[told + 9]);
}

int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    const char *how = argv[1];
    int fd = sys_open(argv[2], 2, 0);
    sys_ftruncate(fd, PAGES * PAGE);
    map = (char *)sys_mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (equal(how, "ignored")) handle(7, IGNORE, 0, 0);
    else if (equal(how, "blocked")) handle(7, fault, SA_SIGINFO, 0), block(SIG(7));
    else if (!equal(how, "default")) handle(7, fault, SA_SIGINFO, 0);
    TRY(sys_ftruncate(fd, PAGE));
    show("first", map[3]);
    flush(&out);
    access_all(how);
    text(&out, "still here\n");
    return done();
}
