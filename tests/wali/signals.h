/* Handlers of signals, the same in both builds. */
#define SIG_DFL_ 0
#define SA_SIGINFO 4
#define SA_RESTART 0x10000000
#define SA_NODEFER 0x40000000
#define SA_RESETHAND 0x80000000ul
#define SIG(n) (1ul << ((n) - 1))

#ifdef __wasm__
struct __attribute__((packed)) action { u32 handler; u64 flags; u32 restorer; u64 mask; };
#define IGNORE ((void *)0xfffffffeu)
#else
struct action { u64 handler, flags, restorer, mask; };
#define IGNORE ((void *)1)
void restore_rt(void);
__asm__(".globl restore_rt\nrestore_rt:\n mov $15, %eax\n syscall\n");
#endif

struct siginfo { int signo, error, code, pad, pid; u32 uid; int value; u32 rest[25]; };

CALL4(clock_nanosleep, int, int, const struct timespec *, struct timespec *)
CALL2(kill, int, int)
CALL2(tkill, int, int)
CALL3(tgkill, int, int, int)
CALL0(pause)
CALL1(alarm, u32)
CALL3(setitimer, int, const void *, void *)
CALL2(getitimer, int, void *)
CALL2(rt_sigpending, u64 *, usize)
CALL2(rt_sigsuspend, const u64 *, usize)
CALL4(rt_sigtimedwait, const u64 *, struct siginfo *, const struct timespec *, usize)
CALL3(rt_sigqueueinfo, int, int, struct siginfo *)

__attribute__((unused)) static long handle(int number, void *handler, u64 flags, u64 mask)
{
    struct action action = {(usize)handler, flags, 0, mask};
#ifndef __wasm__
    action.flags |= 0x04000000;
    action.restorer = (u64)restore_rt;
#endif
    return sys_rt_sigaction(number, &action, NULL, 8);
}

__attribute__((unused)) static u64 blocked(void)
{
    u64 now = 0;
    sys_rt_sigprocmask(0, NULL, &now, 8);
    return now;
}

__attribute__((unused)) static void block(u64 set) { sys_rt_sigprocmask(0, &set, NULL, 8); }
__attribute__((unused)) static void unblock(u64 set) { sys_rt_sigprocmask(1, &set, NULL, 8); }
