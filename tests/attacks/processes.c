/* Reaching other processes: signals, limits, execution, and calls that no program has. */
#include "attacks.h"

#ifdef __wasm__
#define FORBIDDEN(name) IMPORT("SYS_" #name) long sys_##name(long, long, long, long, long, long);
#else
#define FORBIDDEN(name) \
    static inline long sys_##name(long a, long b, long c, long d, long e, long f) \
    { return result_of(syscall(SYS_##name, a, b, c, d, e, f)); }
#endif

FORBIDDEN(ptrace)
FORBIDDEN(process_vm_readv)
FORBIDDEN(pidfd_open)
FORBIDDEN(pidfd_send_signal)
FORBIDDEN(perf_event_open)
FORBIDDEN(io_uring_setup)
FORBIDDEN(userfaultfd)
FORBIDDEN(unshare)
FORBIDDEN(mount)
FORBIDDEN(open_by_handle_at)
FORBIDDEN(name_to_handle_at)
FORBIDDEN(memfd_create)
FORBIDDEN(keyctl)
FORBIDDEN(open_tree)
FORBIDDEN(rt_tgsigqueueinfo)
FORBIDDEN(setpriority)
FORBIDDEN(ioprio_set)
FORBIDDEN(kcmp)

static void kill_victim(void)
{
    sys_kill(victim, SIGUSR1);
    sys_kill(-victim, SIGUSR1);
    won_if(!sys_kill(victim, 0), "knows that a process is there");
}

static void noted(int signal) { (void)signal; }

static void kill_group(void)
{
    handle(SIGUSR1, (void *)noted, 0);
    sys_kill(0, SIGUSR1);
    sys_kill((int)-sys_getpgid(0), SIGUSR1);
}

static void kill_all(void)
{
    won_if(!sys_kill(-1, 0), "could signal everybody"); /* signal 0 only: natively this machine is to live */
}

static void kill_threads(void)
{
    sys_tkill(victim, SIGUSR1);
    sys_tgkill(victim, victim, SIGUSR1);
    sys_tgkill((int)sys_getpid(), victim, SIGUSR1);
    sys_tkill((int)sys_getppid(), 0);
    won_if(!sys_tkill(victim, 0), "knows that a thread is there");
}

static void queued(void)
{
    int info[32] = {SIGUSR1, 0, -1};
    sys_rt_sigqueueinfo(victim, SIGUSR1, info);
    sys_rt_tgsigqueueinfo(victim, victim, SIGUSR1, (long)(usize)info, 0, 0);
    long fd = sys_pidfd_open(victim, 0, 0, 0, 0, 0);
    sys_pidfd_send_signal(fd, SIGUSR1, 0, 0, 0, 0);
}

static void owned(void)
{
    int ends[2], owner[2] = {1, victim}, on = 1;
    sys_socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    sys_fcntl(ends[0], 8, victim);
    sys_fcntl(ends[0], 15, (long)(usize)owner);
    sys_ioctl(ends[0], 0x8901, &victim);
    sys_ioctl(ends[0], 0x8902, &victim);
    sys_fcntl(ends[0], 10, SIGUSR1);
    sys_fcntl(ends[0], 4, 020000);
    sys_ioctl(ends[0], 0x5452, &on);
    sys_write(ends[1], "x", 1);
    pause_for(20);
    int own = make("leased"), dir = (int)sys_open(".", O_RDONLY, 0);
    sys_fcntl(own, 8, victim);
    won_if(!sys_fcntl(own, 10, SIGUSR1), "F_SETSIG");
    won_if(!sys_fcntl(dir, 1026, 4), "F_NOTIFY");
}

static void death_signal(void)
{
    won_if(!sys_prctl(1, 9, 0, 0, 0), "PR_SET_PDEATHSIG");
    won_if(!sys_prctl(4, 1, 0, 0, 0), "PR_SET_DUMPABLE");
    won_if(!sys_prctl(36, 1, 0, 0, 0), "PR_SET_CHILD_SUBREAPER");
    won_if(!sys_prctl(0x59616d61, (u64)-1, 0, 0, 0), "PR_SET_PTRACER");
#ifdef __wasm__
    won_if(!sys_prctl(22, 1, 0, 0, 0), "PR_SET_SECCOMP"); /* which natively ends the process */
#endif
}

static void limits(void)
{
    struct rlimit limit = {3, 3}, found;
    sys_prlimit64(victim, 7, &limit, NULL);
    won_if(!sys_prlimit64(victim, 7, NULL, &found), "another process's limits");
    struct rlimit none = {0, 0};
    won_if(!sys_prlimit64(0, 4, &none, NULL), "a limit of the host's process");
}

static void scheduling(void)
{
    u64 set[16] = {1};
    int priority = 1, none = 0;
    sys_sched_setaffinity(victim, sizeof set, set);
    won_if(sys_sched_getaffinity(victim, sizeof set, set) > 0, "another process's processors");
    sys_sched_setscheduler(victim, 1, &priority);
    sys_sched_setscheduler(victim, 5, &none);
    sys_setpriority(0, victim, 19, 0, 0, 0);
    sys_ioprio_set(1, victim, 3 << 13, 0, 0, 0);
}

static void groups(void)
{
    sys_setpgid(victim, victim);
    won_if(sys_getpgid(victim) >= 0, "another process's group");
    won_if(sys_getsid(victim) >= 0, "another process's session");
    won_if(!sys_setpgid(0, 0), "setpgid");
}

static void children(void)
{
    int status;
    won_if(sys_fork() >= 0, "fork");
    sys_wait4(victim, &status, 1, NULL);
    sys_wait4(-1, &status, 1, NULL);
}

static void execute(const char *path, const char *script)
{
    const char *argv[] = {path, "-c", script, NULL}, *envp[] = {NULL};
    sys_execve(path, argv, envp);
}

static void shell(void)
{
    char *script = join(join("echo SPOILED > ", below("/outside/secret")), "; cat /dev/null");
    sys_symlink("/bin/sh", "shell");
    const char *ways[] = {"shell", "../../../../../../../../bin/sh", "/usr/bin/env", "/bin/sh", "/proc/self/exe"};
    for (int i = 0; i < 5; i++) execute(ways[i], script);
}

static void script(void)
{
    int fd = (int)sys_open("script", O_RDWR | O_CREAT, 0755);
    char *lines = join(join("#!/bin/sh\necho SPOILED > ", below("/outside/secret")), "\n");
    sys_write(fd, lines, length(lines));
    sys_close(fd);
    sys_chmod("script", 0755);
    execute("script", "");
    execute("./script", "");
    execute(below("/rw/script"), "");
    execute(join("/proc/self/fd/", decimal(sys_open("script", O_RDONLY, 0))), "");
}

static void forbidden(void)
{
    static u64 room[32];
    won_if(sys_ptrace(0x4206, victim, 0, 0, 0, 0) >= 0, "ptrace");
    won_if(sys_ptrace(16, victim, 0, 0, 0, 0) >= 0, "ptrace");
    won_if(sys_process_vm_readv(victim, 0, 0, 0, 0, 0) >= 0, "process_vm_readv");
    won_if(sys_pidfd_open(victim, 0, 0, 0, 0, 0) >= 0, "pidfd_open");
    won_if(sys_perf_event_open((long)(usize)room, 0, -1, -1, 0, 0) >= 0, "perf_event_open");
    won_if(sys_io_uring_setup(1, (long)(usize)room, 0, 0, 0, 0) >= 0, "io_uring_setup");
    won_if(sys_userfaultfd(0, 0, 0, 0, 0, 0) >= 0, "userfaultfd");
    won_if(sys_unshare(0x400, 0, 0, 0, 0, 0) >= 0, "unshare");
    won_if(sys_mount(0, 0, 0, 0, 0, 0) >= 0, "mount");
    won_if(sys_memfd_create((long)(usize)"x", 0, 0, 0, 0, 0) >= 0, "memfd_create");
    won_if(sys_keyctl(0, -1, 0, 0, 0, 0) >= 0, "keyctl");
    won_if(sys_kcmp(victim, victim, 1, 0, 0, 0) >= 0, "kcmp");
    won_if(sys_open_tree(-100, (long)(usize)"/", 0, 0, 0, 0) >= 0, "open_tree");
    char name[300] = {0};
    *(u32 *)name = 128;
    int id;
    won_if(sys_name_to_handle_at(-100, (long)(usize)"..", (long)(usize)name, (long)(usize)&id, 0, 0) >= 0, "a handle");
    won_if(sys_open_by_handle_at(-100, (long)(usize)name, 0, 0, 0, 0) >= 0, "opened by handle");
}

static const struct attack all[] = {
    {"kill-victim", kill_victim},
    {"kill-group", kill_group},
    {"kill-all", kill_all},
    {"kill-threads", kill_threads},
    {"queued", queued},
    {"owned", owned},
    {"death-signal", death_signal},
    {"limits", limits},
    {"scheduling", scheduling},
    {"groups", groups},
    {"children", children},
    {"shell", shell},
    {"script", script},
    {"forbidden", forbidden},
};

ATTACKS(all)
