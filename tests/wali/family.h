/* Calls about processes, for programs that make and await children. */
#include "more.h"

struct ended { int signo, error, code, pad, pid; u32 uid; int status, rest[25]; };

#ifdef __wasm__
CALL0(fork)
CALL0(vfork)
#else
CALL0(fork)
#define sys_vfork sys_fork
#endif
CALL3(execve, const char *, const char **, const char **)
CALL4(wait4, int, int *, int, struct rusage *)
CALL5(waitid, int, int, struct ended *, int, struct rusage *)
CALL1(pipe, int *)
CALL2(pipe2, int *, int)

#define WNOHANG 1
#define WUNTRACED 2
#define WEXITED 4
#define WNOWAIT 0x01000000
#define P_ALL 0
#define P_PID 1
#define P_PGID 2

/* What a program is executed with: at most 15 strings. */
struct strings { const char *at[16]; int n; };

__attribute__((unused)) static const char **strings(struct strings *all, ...)
{
    __builtin_va_list list;
    __builtin_va_start(list, all);
    all->n = 0;
    for (const char *each; (each = __builtin_va_arg(list, const char *)); ) all->at[all->n++] = each;
    all->at[all->n] = 0;
    __builtin_va_end(list);
    return all->at;
}

__attribute__((unused)) static int child(void)
{
    flush(&out);
    return sys_fork();
}

/* Print a status in words. */
__attribute__((unused)) static void show_status(const char *name, int status)
{
    text(&out, name);
    if ((status & 127) == 0) text(&out, " exited "), integer(&out, status >> 8 & 255, 0);
    else if ((status & 255) == 127) text(&out, " stopped "), integer(&out, status >> 8 & 255, 0);
    else text(&out, " killed "), integer(&out, status & 127, 0);
    text(&out, "\n");
}

/* Run a program in a child and print how it ended; the error of execve is the child's exit status. */
__attribute__((unused)) static int run(const char *path, const char **argv, const char **envp)
{
    int status = -1;
    int pid = child();
    if (pid == 0) sys_exit_group(-sys_execve(path, argv, envp));
    sys_wait4(pid, &status, 0, NULL);
    show_status(path, status);
    return status;
}
