/* ioctl by the interface's table, beyond plain terminals: requests FILE OTHER [session]. */
#include "more.h"
CALL3(socket, int, int, int)
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    static char interface[64] = "lo";
    long flags = 0;
    u64 blocks = 7;
    int n = -1, fd = (int)sys_open(argv[1], O_RDWR, 0), other = (int)sys_open(argv[2], O_RDWR, 0);
    /* Files. */
    TRY(sys_ioctl(fd, (int)0x80086601, &flags));
    show("flags", flags);
    TRY(sys_ioctl(fd, (int)0x80086601, BAD));
    TRY(sys_ioctl(fd, (int)0x80081272, &blocks));
    show("blocks", (long)blocks);
    TRY(sys_ioctl(fd, 0x40049409, (void *)(usize)other));
    TRY(sys_ioctl(fd, 0x40049409, (void *)(usize)99));
    TRY(sys_ioctl(fd, 0x5421, &n));
    TRY(sys_fcntl(fd, 3, 0) & 04000);
    n = 0;
    TRY(sys_ioctl(fd, 0x5421, &n));
    TRY(sys_fcntl(fd, 3, 0) & 04000);
    TRY(sys_ioctl(fd, 0x5452, &n));
    TRY(sys_ioctl(fd, 0x5441, NULL));
    TRY(sys_ioctl(fd, 0x540e, NULL));
    TRY(sys_ioctl(-1, 0x5421, &n));
    /* A pair of terminals. */
    int top = (int)sys_open("/dev/ptmx", O_RDWR, 0);
    if (top >= 0) {
        n = 0;
        TRY(sys_ioctl(top, 0x40045431, &n));
        TRY(sys_ioctl(top, (int)0x80045430, &n));
        show("number", n >= 0);
        int bottom = (int)sys_ioctl(top, 0x5441, (void *)(O_RDWR | 0400 | O_CLOEXEC));
        show("bottom", bottom == top + 1);
        TRY(sys_fcntl(bottom, 1, 0));
        static char settings[64];
        TRY(sys_ioctl(bottom, 0x5401, settings));
        bytes("settings", settings, 36);
        settings[12] &= ~8; /* no echo */
        TRY(sys_ioctl(bottom, 0x5402, settings));
        TRY(sys_ioctl(top, 0x5401, settings));
        bytes("settings", settings, 36);
        TRY(sys_ioctl(bottom, 0x802c542a, settings));
        bytes("settings", settings, 44);
        TRY(sys_ioctl(bottom, 0x402c542b, settings));
        struct winsize size = {24, 80, 1, 2};
        TRY(sys_ioctl(top, 0x5414, &size));
        size.row = 0;
        TRY(sys_ioctl(bottom, 0x5413, &size));
        show("row", size.row);
        TRY(sys_write(top, "line\n", 5));
        struct pollfd arrived = {bottom, 1, 0};
        TRY(sys_poll(&arrived, 1, 5000));
        TRY(sys_ioctl(bottom, 0x541b, &n));
        show("waiting", n);
        TRY(sys_ioctl(bottom, 0x540b, (void *)0));
        TRY(sys_ioctl(bottom, 0x541b, &n));
        show("flushed", n);
        TRY(sys_ioctl(bottom, 0x5411, &n));
        TRY(sys_ioctl(bottom, 0x5424, &n));
        show("discipline", n);
        TRY(sys_ioctl(bottom, 0x5429, &n));
        TRY(sys_ioctl(bottom, 0x540f, &n));
        TRY(sys_ioctl(bottom, 0x540c, NULL));
        TRY(sys_ioctl(bottom, (int)0x80045440, &n));
        show("exclusive", n);
        TRY(sys_ioctl(bottom, 0x540d, NULL));
        TRY(sys_ioctl(bottom, 0x5409, (void *)1));
        TRY(sys_ioctl(bottom, 0x540a, (void *)9));
        TRY(sys_ioctl(bottom, 0x5415, &n));
        TRY(sys_ioctl(bottom, 0x5413, BAD));
    }
    if (argc > 3) { /* The terminal becomes this program's. */
        int bottom = (int)sys_ioctl(top, 0x5441, (void *)(O_RDWR | 0400));
        TRY(sys_setsid() == sys_getpid());
        TRY(sys_ioctl(bottom, 0x540e, NULL));
        TRY(sys_ioctl(bottom, 0x5429, &n));
        show("session", n == sys_getpid());
        n = (int)sys_getpid();
        TRY(sys_ioctl(bottom, 0x5410, &n));
        n = 0;
        TRY(sys_ioctl(bottom, 0x540f, &n));
        show("foreground", n == sys_getpid());
    }
    /* Interfaces. */
    int s = (int)sys_socket(2, 2, 0);
    TRY(sys_ioctl(s, 0x8913, interface));
    show("up", interface[16] & 1);
    TRY(sys_ioctl(s, 0x8933, interface));
    show("index", interface[16]);
    TRY(sys_ioctl(s, 0x8921, interface));
    bytes("mtu", interface + 16, 4);
    TRY(sys_ioctl(s, 0x8915, interface));
    bytes("address", interface + 16, 8);
    interface[0] = 'x';
    TRY(sys_ioctl(s, 0x8913, interface));
    TRY(sys_ioctl(s, 0x8913, BAD));
    TRY(sys_ioctl(s, 0x8905, &n));
    TRY(sys_ioctl(s, 0x541b, &n));
    TRY(sys_ioctl(fd, 0x8913, interface));
    return done();
}
