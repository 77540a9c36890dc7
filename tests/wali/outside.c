/* outside INSIDE OUTSIDE TCP UDP ABSTRACT VICTIM: everything that reaches beyond a granted directory, one line a try.
 *
 * INSIDE is a granted directory, OUTSIDE another one, which holds: files secret, plain, trunc, creat, rename, replaced,
 * link, unlink, chmod, chown, times, utimes, utime, futimes, chmodat, chownat, lchown; directories empty and sub; links
 * to-secret and, in INSIDE, escape (to OUTSIDE); the executable program; Unix sockets stream and datagram.  TCP and UDP
 * are ports that somebody listens to, ABSTRACT is the name of a Unix socket, VICTIM a process.  A result below zero
 * stands for a request that was refused.
 */
#include "net.h"

CALL2(chmod, const char *, u32)
CALL3(chown, const char *, int, int)
CALL3(lchown, const char *, int, int)
CALL5(fchownat, int, const char *, int, int, int)
CALL4(utimensat, int, const char *, const struct timespec *, int)
CALL3(futimesat, int, const char *, const struct timeval *)
CALL2(utimes, const char *, const struct timeval *)
CALL2(utime, const char *, const long *)
CALL4(faccessat2, int, const char *, int, int)
CALL5(statx, int, const char *, int, u32, void *)
CALL2(statfs, const char *, void *)
CALL2(truncate, const char *, long)
CALL2(link, const char *, const char *)
CALL2(symlink, const char *, const char *)
CALL3(mkdirat, int, const char *, int)
CALL3(unlinkat, int, const char *, int)
CALL4(readlinkat, int, const char *, char *, int)
CALL5(renameat2, int, const char *, int, const char *, int)
CALL2(creat, const char *, u32)
CALL3(mknod, const char *, u32, long)
CALL4(prlimit64, int, int, const void *, void *)
CALL4(faccessat, int, const char *, int, int)
CALL4(fchmodat, int, const char *, u32, int)
CALL5(linkat, int, const char *, int, const char *, int)
CALL0(fork)
CALL3(execve, const char *, const char **, const char **)
CALL4(wait4, int, int *, int, void *)
CALL2(kill, int, int)
CALL3(rt_sigqueueinfo, int, int, const void *)

static const char *outside, *inside;
static char paths[8][512];

/* A path below a directory; eight live at a time. */
static const char *below(const char *directory, const char *name)
{
    static int next;
    char *path = paths[next++ & 7];
    usize n = length(directory);
    memcpy(path, directory, n);
    path[n] = '/';
    memcpy(path + n + 1, name, length(name) + 1);
    return path;
}
#define OUT(name) below(outside, name)
#define IN(name) below(inside, name)

/* What reading the file gives: how much there is, or an error. */
static long content(long fd)
{
    char c[8];
    if (fd < 0) return fd;
    long n = sys_read((int)fd, c, sizeof c);
    sys_close((int)fd);
    return n;
}

static long listing(long fd)
{
    static char buffer[2048];
    if (fd < 0) return fd;
    long n = sys_getdents64((int)fd, buffer, sizeof buffer);
    sys_close((int)fd);
    return n;
}

static long written(long fd)
{
    if (fd < 0) return fd;
    long n = sys_write((int)fd, "overwritten", 11);
    sys_close((int)fd);
    return n;
}

static long mapped(long fd)
{
    if (fd < 0) return fd;
    long at = sys_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, (int)fd, 0);
    sys_close((int)fd);
    return at < 0 && at > -4096 ? at : *(char *)(usize)at;
}

static const char *descriptor_path(long fd)
{
    static char path[32] = "/proc/self/fd/";
    int digits = fd > 9 ? 15 : 14;
    path[digits + 1] = 0;
    for (; digits >= 14; fd /= 10) path[digits--] = (char)('0' + fd % 10);
    return path;
}

static void read_files(void)
{
    TRY(content(sys_open(OUT("secret"), O_RDONLY, 0)));
    TRY(content(sys_open(IN("escape/secret"), O_RDONLY, 0)));
    TRY(content(sys_open(IN("../outside/secret"), O_RDONLY, 0)));
    TRY(content(sys_open(OUT("to-secret"), O_RDONLY, 0)));
    TRY(content(sys_openat(AT_FDCWD, OUT("secret"), O_RDWR, 0)));
    TRY(mapped(sys_open(OUT("secret"), O_RDONLY, 0)));
    TRY(listing(sys_open(outside, O_RDONLY | O_DIRECTORY, 0)));
    TRY(content(sys_open("/proc/self/environ", O_RDONLY, 0)));
    TRY(listing(sys_open("/proc/self/fd", O_RDONLY, 0)));
    TRY(content(sys_open("/dev/zero", O_RDONLY, 0)));
    long directory = sys_open(outside, O_PATH | O_DIRECTORY, 0);
    TRY(content(sys_openat((int)directory, "secret", O_RDONLY, 0)));
    TRY(content(sys_openat((int)directory, "../outside/secret", O_RDONLY, 0)));
    long file = sys_open(OUT("secret"), O_PATH, 0);
    TRY(content(sys_open(descriptor_path(file), O_RDONLY, 0)));
}

static void write_files(void)
{
    TRY(written(sys_open(OUT("plain"), O_WRONLY, 0)));
    TRY(written(sys_open(OUT("plain"), O_WRONLY | O_APPEND, 0)));
    TRY(sys_open(OUT("trunc"), O_RDONLY | O_TRUNC, 0));
    TRY(sys_truncate(OUT("trunc"), 1));
    TRY(sys_creat(OUT("creat"), 0600));
    TRY(sys_open(OUT("new"), O_CREAT | O_WRONLY | O_EXCL, 0600));
    TRY(sys_open(outside, 020200000 | O_RDWR, 0600));
}

static void names(void)
{
    TRY(sys_mkdir(OUT("made"), 0700));
    TRY(sys_rmdir(OUT("empty")));
    TRY(sys_unlink(OUT("unlink")));
    TRY(sys_unlinkat(AT_FDCWD, OUT("sub"), 0x200));
    TRY(sys_symlink("/etc", OUT("symlink")));
    TRY(sys_mknod(OUT("node"), 0100600, 0));
    TRY(sys_mknod(OUT("fifo"), 010600, 0));
    TRY(sys_mkdirat(AT_FDCWD, OUT("made-at"), 0700));
    TRY(sys_rename(OUT("rename"), OUT("renamed")));
    TRY(sys_rename(OUT("replaced"), IN("stolen")));
    TRY(sys_rename(IN("given"), OUT("given")));
    TRY(sys_link(OUT("link"), IN("linked")));
    TRY(sys_link(IN("file"), OUT("linked")));
    TRY(sys_link(OUT("link"), OUT("linked-there")));
    int secret = (int)sys_open(OUT("link"), O_PATH, 0);
    TRY(sys_linkat(secret, "", AT_FDCWD, IN("by-descriptor"), 0x1000));
    TRY(sys_linkat(AT_FDCWD, descriptor_path(secret), AT_FDCWD, IN("by-proc"), 0x400));
    TRY(sys_renameat2(AT_FDCWD, OUT("secret"), AT_FDCWD, IN("file"), 2));
}

static void metadata(void)
{
    static struct stat s;
    static char x[256], f[256];
    static const struct timespec times[2] = {{1, 0}, {1, 0}};
    static const struct timeval values[2] = {{1, 0}, {1, 0}};
    static const long seconds[2] = {1, 1};
    char buffer[64];
    show("stat", sys_stat(OUT("secret"), &s));
    show("lstat", sys_lstat(OUT("secret"), &s));
    show("newfstatat", sys_newfstatat(AT_FDCWD, OUT("secret"), &s, 0));
    show("statx", sys_statx(AT_FDCWD, OUT("secret"), 0, 0x7ff, x));
    show("access", sys_access(OUT("secret"), 4));
    show("faccessat", sys_faccessat(AT_FDCWD, OUT("secret"), 4, 0));
    show("faccessat2", sys_faccessat2(AT_FDCWD, OUT("secret"), 4, 0));
    show("readlink", sys_readlink(OUT("to-secret"), buffer, sizeof buffer));
    show("readlinkat", sys_readlinkat(AT_FDCWD, OUT("to-secret"), buffer, sizeof buffer));
    show("statfs", sys_statfs(outside, f));
    show("chmod", sys_chmod(OUT("chmod"), 0777));
    show("fchmodat", sys_fchmodat(AT_FDCWD, OUT("chmodat"), 0777, 0));
    show("chown", sys_chown(OUT("chown"), (int)sys_getuid(), -1));
    show("lchown", sys_lchown(OUT("lchown"), (int)sys_getuid(), -1));
    show("fchownat", sys_fchownat(AT_FDCWD, OUT("chownat"), (int)sys_getuid(), -1, 0));
    show("utimensat", sys_utimensat(AT_FDCWD, OUT("times"), times, 0));
    show("utimes", sys_utimes(OUT("utimes"), values));
    show("utime", sys_utime(OUT("utime"), seconds));
    show("futimesat", sys_futimesat(AT_FDCWD, OUT("futimes"), values));
    show("chdir", sys_chdir(outside));
    sys_chdir(inside);
}

static long by_name(char how, int type, const void *name, int size)
{
    long fd = sys_socket(*(const u16 *)name, type, 0);
    if (fd < 0) return fd;
    long result = how == 'c' ? sys_connect((int)fd, name, size) : how == 'b' ? sys_bind((int)fd, name, size)
                : sys_sendto((int)fd, "x", 1, MSG_NOSIGNAL, name, size);
    sys_close((int)fd);
    return result;
}

/* A datagram of a pair of sockets, to somebody else. */
static long by_message(struct sockaddr_un *name)
{
    int pair[2];
    long error = sys_socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    if (error < 0) return error;
    struct iovec parts[2] = {{"x", 1}, {"y", 1}};
    struct msghdr m;
    clear(&m, sizeof m);
    m.name = name, m.namelen = sizeof *name, m.iov = parts, m.iovlen = 2;
    return sys_sendmsg(pair[0], &m, 0);
}

static u16 port_of(const char *word)
{
    u16 port = (u16)number(word);
    return (u16)(port << 8 | port >> 8);
}

static void network(char **argv)
{
    struct sockaddr_in tcp = loopback(port_of(argv[3])), udp = loopback(port_of(argv[4])), any = loopback(0);
    struct sockaddr_un stream = unix_name(OUT("stream")), datagram = unix_name(OUT("datagram")),
                       made = unix_name(OUT("bound")), abstract = {AF_UNIX, {0}};
    int n = (int)length(argv[5]) + 3;
    memcpy(abstract.path + 1, argv[5], length(argv[5]));
    TRY(by_name('c', SOCK_STREAM, &tcp, sizeof tcp));
    TRY(by_name('b', SOCK_STREAM, &any, sizeof any));
    TRY(by_name('s', SOCK_DGRAM, &udp, sizeof udp));
    TRY(by_name('c', SOCK_DGRAM, &udp, sizeof udp));
    TRY(by_name('b', SOCK_DGRAM, &any, sizeof any));
    TRY(sys_socket(AF_INET6, SOCK_STREAM, 0));
    TRY(sys_socket(AF_INET, 3, 1));
    TRY(sys_socket(16, 3, 0));
    TRY(sys_socket(17, 3, 0));
    TRY(by_name('c', SOCK_STREAM, &abstract, n));
    TRY(by_name('b', SOCK_STREAM, &made, sizeof made));
    show("connect to a path", by_name('c', SOCK_STREAM, &stream, sizeof stream));
    show("sendto a path", by_name('s', SOCK_DGRAM, &datagram, sizeof datagram));
    show("sendmsg", by_message(&datagram));
}

static long forked(long pid)
{
    if (pid == 0) sys_exit_group(0);
    return pid < 0 ? pid : sys_wait4((int)pid, NULL, 0, NULL);
}

static void processes(int victim)
{
    static long limit[2];
    static int info[32];
    info[0] = 0, info[2] = -1;
    TRY(sys_kill(victim, 0));
    TRY(sys_kill(victim, 18));
    TRY(sys_kill(-victim, 18));
    TRY(sys_rt_sigqueueinfo(victim, 18, info));
    TRY(sys_prlimit64(victim, 7, NULL, limit));
    TRY(forked(sys_fork()));
}

static void programs(void)
{
    static const char *none[] = {NULL};
    TRY(sys_execve(IN("program"), none, none));
    TRY(sys_execve(OUT("program"), none, none));
}

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    if (argc < 7) return 2;
    inside = argv[1], outside = argv[2];
    network(argv);
    metadata();
    read_files();
    write_files();
    names();
    processes((int)number(argv[6]));
    flush(&out);
    programs();
    return done();
}
