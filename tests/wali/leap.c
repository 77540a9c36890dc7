/* leap PATH [informed]: handle SIGTERM, say so and end; become the program PATH, or wait. */
#include "family.h"
#include "signals.h"

static void arrived(int number)
{
    (void)number;
    sys_write(1, "handled\n", 8);
    sys_exit_group(0);
}

static void arrived_informed(int number, struct siginfo *info, void *context)
{
    (void)info, (void)context;
    arrived(number);
}

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    const char *args[] = {argv[1], NULL}, *none[] = {NULL};
    if (argc > 2) handle(15, (void *)arrived_informed, SA_SIGINFO, 0);
    else handle(15, arrived, 0, 0);
    text(&out, "ready\n");
    flush(&out);
    TRY(sys_execve(argv[1], args, none));
    flush(&out);
    for (;;) sys_pause();
}
