#include "try.h"
#ifdef __wasm__
struct __attribute__((packed)) action { u32 handler; u64 flags; u32 restorer; u64 mask; };
#define IGNORE 0xfffffffeu
#else
struct action { u64 handler, flags, restorer, mask; };
#define IGNORE 1
#endif
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc, (void)argv;
    struct action ignore = {IGNORE, 0, 0, 0}, old = {9, 9, 9, 9};
    u64 set = 1 << 9 | 1 << 8 | 1 << 18, before = 99;
    TRY(sys_rt_sigaction(10, &ignore, &old, 8));
    show("default", old.handler == 0 && old.flags == 0);
    TRY(sys_rt_sigaction(10, NULL, &old, 8));
    show("ignored", old.handler == IGNORE);
    TRY(sys_rt_sigaction(9, &ignore, NULL, 8));
    TRY(sys_rt_sigaction(19, &ignore, NULL, 8));
    TRY(sys_rt_sigaction(9, NULL, &old, 8));
    TRY(sys_rt_sigaction(0, NULL, &old, 8));
    TRY(sys_rt_sigaction(65, NULL, &old, 8));
    TRY(sys_rt_sigaction(10, NULL, &old, 128));
    TRY(sys_rt_sigaction(10, BAD, NULL, 8));
    TRY(sys_rt_sigaction(10, NULL, BAD, 8));
    TRY(sys_rt_sigprocmask(0, &set, &before, 8));
    show("before", before);
    TRY(sys_rt_sigprocmask(99, NULL, &before, 8));
    show("blocked", before);
    TRY(sys_rt_sigprocmask(99, &set, NULL, 8));
    TRY(sys_rt_sigprocmask(1, &set, NULL, 8));
    TRY(sys_rt_sigprocmask(2, &set, &before, 8));
    show("unblocked", before);
    TRY(sys_rt_sigprocmask(0, &set, NULL, 128));
    TRY(sys_rt_sigprocmask(0, BAD, NULL, 8));
    TRY(sys_rt_sigprocmask(0, NULL, BAD, 8));
    return done();
}
