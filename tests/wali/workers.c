/* workers: three threads add to a sum behind a lock and go; the first waits for them. */
#include "more.h"
#include "must.h"
#include "threads.h"

static void cleanup(void) {}
static struct mutex guard;
static long sum;
static struct thread threads[3];

static void *thread_main(void *argument)
{
    struct thread *t = argument;
    for (int i = 0; i < 20; i++) {
        lock(&guard);
        sum += t->number;
        if (i % 10 == 0) sys_nanosleep(&(struct timespec){0, 100000}, NULL);
        unlock(&guard);
    }
    return NULL;
}

int main(int argc, char **argv, char **envp)
{
    (void)argc, (void)argv, (void)envp;
    int running = 0;
    for (int i = 0; i < 3; i++) {
        threads[i].number = i + 1;
        long tid = start(&threads[i]);
        if (tid < 0) {
            fail("workers", "start", tid);
            break;
        }
        running++;
    }
    for (int i = 0; i < running; i++)
        while (!__atomic_load_n(&threads[i].ended, __ATOMIC_SEQ_CST)) futex_wait(&threads[i].ended, 0);
    show("sum", sum);
    finish();
    return running == 3 ? 0 : 1;
}
