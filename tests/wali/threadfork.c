/* fork and execve in a second thread, while the first waits: the child has one thread, which is its main one. */
#include "family.h"
#include "threads.h"

static const char *program;
static int times;

static void *thread_main(void *argument)
{
    struct strings all;
    (void)argument;
    int status;
    for (int i = 0; i < times; i++) {
        int pid = child();
        if (pid == 0) sys_exit_group(sys_gettid() == sys_getpid() ? 21 : 1);
        sys_wait4(pid, &status, 0, NULL);
        show_status("group", status);
        pid = child();
        if (pid == 0) sys_exit(22);
        sys_wait4(pid, &status, 0, NULL);
        show_status("thread", status);
        pid = child();
        if (pid == 0) __builtin_trap();
        sys_wait4(pid, &status, 0, NULL);
        show("trapped", (status & 127) != 0 || status >> 8 == 134);
        run(program, strings(&all, program, "1", "2", NULL), NULL);
    }
    flush(&out);
    sys_execve(program, strings(&all, program, "1", "2", NULL), NULL);
    return NULL;
}

int main(int argc, char **argv, char **envp)
{
    static struct thread thread;
    (void)envp;
    if (argc > 2) {
        show("alone", sys_gettid() == sys_getpid());
        flush(&out);
        return 23;
    }
    program = argv[0];
    times = argc > 1 ? number(argv[1]) : 1;
    start(&thread);
    join(&thread);
    return 99;
}
