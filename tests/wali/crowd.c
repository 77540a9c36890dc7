/* crowd: threads until there can be no more, twice; all sleep until they are told to end. */
#include "try.h"
CALL0(sched_yield)
#include "threads.h"

enum { MOST = 2000 };
static struct thread all[MOST];
static u32 asleep, told;

static void *thread_main(void *argument)
{
    (void)argument;
    __atomic_add_fetch(&asleep, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&told, __ATOMIC_SEQ_CST)) futex_wait(&told, 0);
    return NULL;
}

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    long most = argc > 1 ? number(argv[1]) : MOST;
    for (int round = 0; round < 2; round++) {
        int count = 0, tid = 0, wrong = 0;
        told = asleep = 0;
        while (count < most && (tid = start(&all[count])) > 0) {
            wrong += tid >= 1 << 30;
            count++;
        }
        show("threads", count);
        show("failed", tid > 0 ? 0 : tid);
        show("wrong", wrong);
        while (__atomic_load_n(&asleep, __ATOMIC_SEQ_CST) < (u32)count) sys_sched_yield();
        __atomic_store_n(&told, 1, __ATOMIC_SEQ_CST);
        futex_wake(&told, 0x7fffffff);
        for (int i = 0; i < count; i++) join(&all[i]);
    }
    return done();
}
