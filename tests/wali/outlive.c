/* outlive: a thread other than the first makes a child that computes for ever ("fork"), in a thread of its own
 * ("thread"), or executes the program again, which does so ("execve"): none may get around the time limit.
 */
#include "family.h"
#include "threads.h"

static const char *program;
static char what;
static struct thread second = {.number = 2};

static void compute(void)
{
    static volatile u32 work;
    for (;;) work = work + 1;
}

static void *thread_main(void *argument)
{
    struct strings all;
    if (((struct thread *)argument)->number == 2) compute();
    if (what != 'e') {
        int pid = child();
        if (!pid && what == 't') {
            start(&second);
            sys_exit(0);
        }
        if (pid) {
            show("child", pid);
            flush(&out);
        }
        compute();
    }
    sys_execve(program, strings(&all, program, "again", NULL), NULL);
    return NULL;
}

int main(int argc, char **argv, char **envp)
{
    static struct thread thread;
    (void)envp;
    program = argv[0];
    what = argc > 1 ? argv[1][0] : 'f';
    if (what == 'a') {
        show("child", sys_getpid());
        flush(&out);
        compute();
    }
    start(&thread);
    join(&thread);
    return 99;
}
