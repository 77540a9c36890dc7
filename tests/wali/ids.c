/* ids COMMAND WORD...: change and show who the process is. */
#include "more.h"

static void whoami(void)
{
    static u32 list[64], a, b, c;
    show("  getuid", sys_getuid());
    show("  geteuid", sys_geteuid());
    show("  getgid", sys_getgid());
    show("  getegid", sys_getegid());
    show("  getresuid", sys_getresuid(&a, &b, &c));
    show("    ", a), show("    ", b), show("    ", c);
    show("  getresgid", sys_getresgid(&a, &b, &c));
    show("    ", a), show("    ", b), show("    ", c);
    long n = sys_getgroups(64, list);
    show("  getgroups", n);
    for (long i = 0; i < n; i++) show("    ", list[i]);
    show("  open", sys_close((int)sys_open("/etc/shadow", O_RDONLY, 0)));
}

static long run(const char *what)
{
    u32 a, b, list[4];
    if (equal(what, "setuid")) return sys_setuid((u32)value());
    if (equal(what, "setgid")) return sys_setgid((u32)value());
    if (equal(what, "setreuid")) return a = (u32)value(), sys_setreuid(a, (u32)value());
    if (equal(what, "setregid")) return a = (u32)value(), sys_setregid(a, (u32)value());
    if (equal(what, "setresuid")) return a = (u32)value(), b = (u32)value(), sys_setresuid(a, b, (u32)value());
    if (equal(what, "setresgid")) return a = (u32)value(), b = (u32)value(), sys_setresgid(a, b, (u32)value());
    if (equal(what, "setgroups")) {
        a = (u32)value();
        for (b = 0; b < a && b < 4; b++) list[b] = (u32)value();
        return sys_setgroups(a, list);
    }
    if (equal(what, "badgroups")) return sys_setgroups((usize)value(), BAD);
    if (equal(what, "getgroups")) return sys_getgroups((int)value(), list);
    if (equal(what, "badget")) return sys_getgroups(1, BAD) | sys_getresuid(BAD, &a, &b) | sys_getresgid(&a, &b, BAD);
    if (equal(what, "setpgid")) return a = (u32)value(), sys_setpgid((int)a, (int)value());
    if (equal(what, "group")) return sys_getpgrp() == sys_getpid();
    if (equal(what, "getpgid")) return sys_getpgid((int)value()) == sys_getpgrp();
    if (equal(what, "getpgid!")) return sys_getpgid((int)value());
    if (equal(what, "getsid!")) return sys_getsid((int)value());
    if (equal(what, "session")) return sys_getsid(0) == sys_getpid();
    if (equal(what, "setsid")) {
        long result = sys_setsid();
        return result < 0 ? result : result == sys_getpid();
    }
    if (equal(what, "chroot")) return sys_chroot(path());
    if (equal(what, "chdir")) return sys_chdir(path());
    if (equal(what, "truncate")) return sys_truncate(path(), 2);
    if (equal(what, "statfs")) {
        struct statfs found;
        return sys_statfs(path(), &found);
    }
    if (equal(what, "chmod")) return sys_chmod(path(), 0600);
    if (equal(what, "link")) return sys_link("/inner", path());
    if (equal(what, "access")) return sys_access(path(), 0);
    if (equal(what, "mkdir")) return sys_mkdir(path(), 0777);
    if (equal(what, "getcwd")) {
        static char buffer[4096];
        long n = sys_getcwd(buffer, sizeof buffer);
        if (n > 0) bytes(" at", buffer, n);
        return n;
    }
    return 9999;
}

int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    words = argv + 1;
    while (*words) {
        const char *what = *words++;
        text(&out, what);
        if (equal(what, "who")) whoami();
        else show("", run(what));
    }
    return done();
}
