/* orphan HOW: the main thread, which blocks nothing, has ended; another one, which blocks everything, is sent a signal
 * with the process (by its own kill, or from a child) and waits for it.
 */
#include "family.h"
#include "signals.h"
#include "threads.h"

static int from_child;

static void *thread_main(void *argument)
{
    (void)argument;
    u64 set = SIG(15);
    struct timespec some = {0, 100000000}, long_time = {5, 0};
    sys_clock_nanosleep(1, 0, &some, NULL); /* the main thread ends */
    if (!from_child) sys_kill(sys_getpid(), 15);
    else if (!sys_fork()) {
        sys_clock_nanosleep(1, 0, &some, NULL);
        sys_kill(sys_getppid(), 15);
        sys_exit_group(0);
    }
    TRY(sys_rt_sigtimedwait(&set, NULL, &long_time, 8));
    done();
    sys_exit_group(3);
    return NULL;
}

static void never(int number) { (void)number; sys_exit_group(4); }

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    struct thread *thread = allocate(sizeof *thread);
    from_child = equal(argv[1], "child");
    if (argc > 2) handle(15, never, 0, 0);
    block(~0ul);
    start(thread);
    unblock(~0ul);
    for (;;) sys_exit(0);
}
