/* fork, wait4, waitid: statuses of all kinds. */
#include "family.h"

static int common = 1;

static void statuses(void)
{
    static const int codes[] = {0, 1, 77, 255, 256, 259, -1};
    for (u32 i = 0; i < sizeof codes / sizeof *codes; i++) {
        int status = -1;
        int pid = child();
        if (pid == 0) sys_exit_group(codes[i]);
        struct rusage usage;
        memset(&usage, 0x55, sizeof usage);
        show("same", sys_wait4(pid, &status, 0, &usage) == pid);
        show_status("child", status);
        show("usage", usage.utime.usec < 1000000 && usage.rest[0] == 0x5555555555555555);
    }
    int pid = child();
    if (pid == 0) sys_exit(9);
    int status;
    sys_wait4(-1, &status, 0, NULL);
    show_status("exit", status);
}

static void memory(void)
{
    int status, parent = sys_getpid();
    char *shared = (char *)sys_mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *private = (char *)sys_mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int pid = child();
    if (pid == 0) {
        common = *shared = *private = 2;
        int good = sys_getpid() != parent && sys_getppid() == parent && sys_gettid() == sys_getpid();
        sys_exit_group(good ? 0 : 1);
    }
    TRY(sys_wait4(pid, &status, 0, NULL) == pid);
    show_status("ids", status);
    show("common", common);
    show("shared", *shared);
    show("private", *private);
}

static void pipes(void)
{
    int down[2], up[2], status;
    char buffer[100];
    sys_pipe(down);
    sys_pipe2(up, O_CLOEXEC);
    int pid = child();
    if (pid == 0) {
        sys_close(down[1]);
        sys_close(up[0]);
        long n;
        while ((n = sys_read(down[0], buffer, sizeof buffer)) > 0) {
            for (long i = 0; i < n; i++) buffer[i] -= 32;
            sys_write(up[1], buffer, n);
        }
        sys_exit_group(5);
    }
    sys_close(down[0]);
    sys_close(up[1]);
    sys_write(down[1], "through the pipes", 17);
    sys_close(down[1]);
    usize used = 0;
    for (long n; (n = sys_read(up[0], buffer + used, sizeof buffer - used)) > 0; ) used += n;
    bytes("back", buffer, used);
    sys_wait4(pid, &status, 0, NULL);
    show_status("filter", status);
}

static void waiting(void)
{
    int gate[2], status = 7;
    struct ended info;
    TRY(sys_wait4(-1, &status, 0, NULL));
    TRY(sys_wait4(-1, &status, WNOHANG, NULL));
    TRY(sys_wait4(1, &status, 0, NULL));
    TRY(sys_wait4(-1, &status, 0x40, NULL));
    TRY(sys_waitid(P_ALL, 0, &info, WEXITED, NULL));
    TRY(sys_waitid(P_ALL, 0, &info, 0, NULL));
    TRY(sys_waitid(9, 0, &info, WEXITED, NULL));
    sys_pipe(gate);
    int pid = child();
    if (pid == 0) {
        char byte;
        sys_close(gate[1]);
        sys_read(gate[0], &byte, 1);
        sys_exit_group(6);
    }
    TRY(sys_wait4(pid, &status, WNOHANG, NULL));
    show("status", status);
    memset(&info, 1, sizeof info);
    TRY(sys_waitid(P_PID, pid, &info, WEXITED | WNOHANG, NULL));
    show("pid", info.pid);
    show("signo", info.signo);
    TRY(sys_wait4(0x7ffffff0, &status, 0, NULL));
    sys_close(gate[1]);
    TRY(sys_waitid(P_PID, pid, &info, WEXITED | WNOWAIT, NULL));
    show("same", info.pid == pid);
    show("code", info.code);
    show("status", info.status);
    show("signo", info.signo);
    show("rest", info.rest[3]);
    TRY(sys_waitid(P_ALL, 0, NULL, WEXITED, NULL));
    TRY(sys_waitid(P_ALL, 0, NULL, WEXITED, NULL));
    pid = child();
    if (pid == 0) sys_exit_group(1);
    TRY(sys_wait4(pid, BAD, 0, NULL));
    sys_wait4(pid, NULL, 0, NULL);
}

static void generations(void)
{
    int status;
    int pid = child();
    if (pid == 0) {
        int second = sys_fork();
        if (second == 0) sys_exit_group(3);
        sys_wait4(second, &status, 0, NULL);
        show_status("grandchild", status);
        flush(&out);
        sys_exit_group(4);
    }
    sys_wait4(pid, &status, 0, NULL);
    show_status("child", status);
    pid = child();
    if (pid == 0) {
        sys_setpgid(0, 0);
        sys_exit_group(sys_getpgid(0) == sys_getpid() ? 0 : 1);
    }
    sys_wait4(pid, &status, 0, NULL);
    show_status("group", status);
    pid = child();
    if (pid == 0) sys_exit_group(sys_setsid() == sys_getpid() && sys_getsid(0) == sys_getpid() ? 0 : 1);
    sys_wait4(pid, &status, 0, NULL);
    show_status("session", status);
    pid = child();
    if (pid == 0) __builtin_trap();
    sys_wait4(pid, &status, 0, NULL);
    show("trapped", (status & 127) != 0 || status >> 8 == 134);
}

static void many(int times)
{
    int good = 0, status;
    for (int i = 0; i < times; i++) {
        int pid = sys_vfork();
        if (pid == 0) sys_exit_group(i);
        good += sys_wait4(pid, &status, 0, NULL) == pid && status == (i & 255) << 8;
    }
    show("good", good);
    show("descriptor", sys_dup(0));
}

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    if (argc > 1) many(number(argv[1]));
    else {
        statuses();
        memory();
        pipes();
        waiting();
        generations();
    }
    return done();
}
