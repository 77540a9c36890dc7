/* Attack programs: what they have in common.
 *
 *     program TOP PORT UDP VICTIM TOKEN ATTACK...
 *
 * TOP is the directory of all targets: TOP/rw, the working directory, and TOP/two are granted, TOP/ro for reading,
 * TOP/outside is not.  On 127.0.0.1 PORT (TCP) and UDP listen, and so do TOP/outside/socket, TOP/outside/datagram,
 * TOP/ro/socket and the abstract name TOKEN; nobody was granted them.  VICTIM is the number of another process.
 *
 * An attack tries everything that it can think of and does not care for errors: success shows outside, or as the
 * content of something secret in the output.  Where only the program itself can tell, it says so by `won`.
 */
#include "wali.h"

typedef unsigned short u16;
struct rlimit { u64 cur, max; };
struct statx { u32 words[64]; };
struct sockaddr_in { u16 family, port; u32 address; char zero[8]; };
struct sockaddr_in6 { u16 family, port; u32 flow; u8 address[16]; u32 scope; };
struct sockaddr_un { u16 family; char path[108]; };
struct cmsghdr {
    usize len;
#ifdef __wasm__
    u32 pad;
#endif
    int level, type;
};
struct msghdr {
    void *name;
    u32 namelen;
    struct iovec *iov;
#ifdef __wasm__
    int iovlen, pad1;
    void *control;
    u32 controllen, pad2;
#else
    usize iovlen;
    void *control;
    usize controllen;
#endif
    int flags;
};
struct __attribute__((packed)) epoll_event { u32 events; u64 data; };

CALL2(chmod, const char *, u32)
CALL2(fchmod, int, u32)
CALL4(fchmodat, int, const char *, u32, int)
CALL3(chown, const char *, int, int)
CALL3(lchown, const char *, int, int)
CALL3(fchown, int, int, int)
CALL5(fchownat, int, const char *, int, int, int)
CALL4(utimensat, int, const char *, const struct timespec *, int)
CALL3(futimesat, int, const char *, const struct timeval *)
CALL2(utimes, const char *, const struct timeval *)
CALL2(utime, const char *, const long *)
CALL5(statx, int, const char *, int, u32, struct statx *)
CALL2(truncate, const char *, long)
CALL2(link, const char *, const char *)
CALL5(linkat, int, const char *, int, const char *, int)
CALL2(symlink, const char *, const char *)
CALL3(symlinkat, const char *, int, const char *)
CALL3(mkdirat, int, const char *, int)
CALL3(unlinkat, int, const char *, int)
CALL4(readlinkat, int, const char *, char *, int)
CALL4(renameat, int, const char *, int, const char *)
CALL5(renameat2, int, const char *, int, const char *, int)
CALL2(creat, const char *, u32)
CALL3(mknod, const char *, u32, long)
CALL1(chroot, const char *)
CALL4(sendfile, int, int, long *, usize)
CALL4(fallocate, int, int, long, long)
CALL2(flock, int, int)
CALL5(pwritev, int, const struct iovec *, int, long, long)
CALL3(socket, int, int, int)
CALL4(socketpair, int, int, int, int *)
CALL3(bind, int, const void *, int)
CALL3(connect, int, const void *, int)
CALL2(listen, int, int)
CALL3(getsockname, int, void *, u32 *)
CALL6(sendto, int, const void *, usize, int, const void *, int)
CALL6(recvfrom, int, void *, usize, int, void *, u32 *)
CALL3(sendmsg, int, const struct msghdr *, int)
CALL3(recvmsg, int, struct msghdr *, int)
CALL5(setsockopt, int, int, int, const void *, int)
CALL5(getsockopt, int, int, int, void *, u32 *)
CALL2(pipe2, int *, int)
CALL5(select, int, u64 *, u64 *, u64 *, struct timeval *)
CALL6(pselect6, int, u64 *, u64 *, u64 *, struct timespec *, void *)
CALL1(epoll_create1, int)
CALL4(epoll_ctl, int, int, int, struct epoll_event *)
CALL4(epoll_wait, int, struct epoll_event *, int, int)
CALL2(kill, int, int)
CALL2(tkill, int, int)
CALL3(tgkill, int, int, int)
CALL3(rt_sigqueueinfo, int, int, void *)
CALL3(setitimer, int, const void *, void *)
CALL2(sigaltstack, const void *, void *)
CALL5(prctl, int, u64, u64, u64, u64)
CALL4(prlimit64, int, int, const struct rlimit *, struct rlimit *)
CALL3(sched_getaffinity, int, usize, u64 *)
CALL3(sched_setaffinity, int, usize, const u64 *)
CALL3(sched_setscheduler, int, int, const int *)
CALL0(sched_yield)
CALL0(fork)
CALL3(execve, const char *, const char **, const char **)
CALL4(wait4, int, int *, int, void *)
CALL5(waitid, int, int, void *, int, void *)
CALL2(setpgid, int, int)
CALL1(getpgid, int)
CALL1(getsid, int)
CALL0(getppid)

#define O_TMPFILE 020200000
#define AT_EMPTY_PATH 0x1000
#define AT_SYMLINK_FOLLOW 0x400
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_REMOVEDIR 0x200
#define RENAME_EXCHANGE 2
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define LOOPBACK 0x0100007f
#define SA_SIGINFO 4
#define SA_NODEFER 0x40000000
#define SIGUSR1 10

#ifdef __wasm__
#define LAST_BYTES ((char *)(usize)(__builtin_wasm_memory_size(0) * 65536 - 4))
#define FAR ((void *)0xfffff000u)
#else
#define LAST_BYTES ((char *)0x1000)
#define FAR ((void *)0x1000)
#endif

static const char *top, *token;
static int tcp_port, udp_port, victim;

/* Say that an attack has succeeded in what nobody else can see. */
__attribute__((unused)) static void won(const char *what)
{
    text(&out, "WON: ");
    text(&out, what);
    text(&out, "\n");
}

__attribute__((unused)) static void won_if(int has, const char *what)
{
    if (has) won(what);
}

/* Join two strings. */
__attribute__((unused)) static char *join(const char *a, const char *b)
{
    usize n = length(a), m = length(b);
    char *both = allocate(n + m + 1);
    memcpy(both, a, n);
    memcpy(both + n, b, m);
    both[n + m] = 0;
    return both;
}

/* A path below TOP. */
__attribute__((unused)) static char *below(const char *path) { return join(top, path); }

__attribute__((unused)) static char *decimal(long value)
{
    char *digits = allocate(24);
    int at = 23;
    do digits[--at] = '0' + value % 10; while (value /= 10);
    return digits + at;
}

/* Print what a descriptor gives, and close it. */
__attribute__((unused)) static void grab(long fd)
{
    static char bytes[4096];
    if (fd < 0) return;
    long n = sys_read((int)fd, bytes, sizeof bytes);
    if (n > 0) put(&out, bytes, n), text(&out, "\n");
    n = sys_getdents64((int)fd, bytes, sizeof bytes);
    if (n > 0) put(&out, bytes, n), text(&out, "\n");
    sys_close((int)fd);
}

/* Write into a descriptor, and close it. */
__attribute__((unused)) static void spoil(long fd)
{
    if (fd < 0) return;
    sys_write((int)fd, "SPOILED", 7);
    sys_close((int)fd);
}

__attribute__((unused)) static void grab_path(const char *path) { grab(sys_open(path, O_RDONLY | O_NONBLOCK, 0)); }

/* Try to make, to change and to read a file. */
__attribute__((unused)) static void spoil_path(const char *path)
{
    spoil(sys_open(path, O_WRONLY | O_NONBLOCK, 0));
    spoil(sys_open(path, O_RDWR | O_CREAT | O_NONBLOCK, 0644));
    grab_path(path);
}

__attribute__((unused)) static int make(const char *path)
{
    return (int)sys_open(path, O_RDWR | O_CREAT, 0644);
}

__attribute__((unused)) static u16 swapped(int port) { return (u16)(port << 8 | (port >> 8 & 255)); }

__attribute__((unused)) static struct sockaddr_in address_of(u32 host, int port)
{
    return (struct sockaddr_in){AF_INET, swapped(port), host, {0}};
}

__attribute__((unused)) static struct sockaddr_un unix_of(const char *path)
{
    struct sockaddr_un name = {AF_UNIX, {0}};
    usize n = length(path);
    memcpy(name.path, path, n < 108 ? n : 108);
    return name;
}

#ifdef __wasm__
struct __attribute__((packed)) action { u32 handler; u64 flags; u32 restorer; u64 mask; };
#else
struct action { u64 handler, flags, restorer, mask; };
void restore_rt(void);
__asm__(".globl restore_rt\nrestore_rt:\n mov $15, %eax\n syscall\n");
#endif

__attribute__((unused)) static long handle(int number, void *handler, u64 flags)
{
    struct action action = {(usize)handler, flags, 0, 0};
#ifndef __wasm__
    action.flags |= 0x04000000;
    action.restorer = (u64)restore_rt;
#endif
    return sys_rt_sigaction(number, &action, NULL, 8);
}

__attribute__((unused)) static void pause_for(long milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    sys_nanosleep(&time, NULL);
}

__attribute__((unused)) static long now(void)
{
    struct timespec time;
    sys_clock_gettime(1, &time);
    return time.sec * 1000 + time.nsec / 1000000;
}

struct attack { const char *name; void (*run)(void); };

/* The main function: set up, then run the attacks that are named; each begins with a line of its own. */
#define ATTACKS(all) \
    int main(int argc, char **argv, char **envp) \
    { \
        environment = envp; \
        top = argv[1]; \
        tcp_port = (int)number(argv[2]); \
        udp_port = (int)number(argv[3]); \
        victim = (int)number(argv[4]); \
        token = argv[5]; \
        for (int i = 6; i < argc; i++) \
            for (usize j = 0; j < sizeof all / sizeof *all; j++) \
                if (equal(argv[i], all[j].name)) { \
                    text(&out, "== "); \
                    text(&out, all[j].name); \
                    text(&out, "\n"); \
                    flush(&out); \
                    sys_chdir(below("/rw")); \
                    all[j].run(); \
                    for (int n = 3; n < 300; n++) sys_close(n); \
                    text(&out, "done\n"); \
                    flush(&out); \
                } \
        return 0; \
    }

__attribute__((unused)) static char **environment;
