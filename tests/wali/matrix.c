/* matrix [few] [metadata]: every call that takes a descriptor, on descriptors of every kind; one line a call. */
#include "net.h"

struct statfs { long type, bsize, counts[5], fsid, namelen, frsize, flags, spare[4]; };
CALL2(fchmod, int, u32)
CALL3(fchown, int, int, int)
CALL5(fchownat, int, const char *, int, int, int)
CALL2(fstatfs, int, struct statfs *)
CALL5(preadv, int, const struct iovec *, int, long, long)
CALL5(pwritev, int, const struct iovec *, int, long, long)
CALL4(sendfile, int, int, long *, usize)
CALL4(fallocate, int, int, long, long)
CALL2(flock, int, int)
CALL1(fsync, int)
CALL1(fdatasync, int)
CALL3(mknod, const char *, u32, long)
CALL4(utimensat, int, const char *, const struct timespec *, int)
#ifndef __wasm__
#define SYS_fadvise SYS_fadvise64
#endif
CALL4(fadvise, int, long, long, int)

static struct sockaddr_un here = {AF_UNIX, "socket"};
static char buffer[256];
static struct iovec parts[2] = {{buffer, 5}, {buffer + 5, 5}};

static int other = -1;

static int pair(int kind)
{
    int ends[2];
    sys_socketpair(AF_UNIX, kind | SOCK_NONBLOCK, 0, ends);
    sys_write(ends[1], "sent", 4);
    other = ends[1];
    return ends[0];
}

static int ends(int which)
{
    int both[2];
    sys_pipe2(both, O_NONBLOCK);
    sys_write(both[1], "piped", 5);
    other = both[!which];
    return both[which];
}

static int listening(void)
{
    int fd = (int)sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sys_unlink("socket");
    sys_bind(fd, &here, sizeof here);
    sys_listen(fd, 3);
    return fd;
}

static int fifo(void)
{
    sys_mknod("fifo", 010644, 0);
    return (int)sys_open("fifo", O_RDWR | O_NONBLOCK, 0);
}

static int made(const char *kind)
{
    if (other >= 0) sys_close(other);
    other = -1;
    if (equal(kind, "file")) return (int)sys_open("file", O_RDWR, 0);
    if (equal(kind, "read-only")) return (int)sys_open("file", O_RDONLY, 0);
    if (equal(kind, "write-only")) return (int)sys_open("file", O_WRONLY, 0);
    if (equal(kind, "append")) return (int)sys_open("file", O_RDWR | O_APPEND, 0);
    if (equal(kind, "empty")) return (int)sys_open("empty", O_RDWR, 0);
    if (equal(kind, "directory")) return (int)sys_open("sub", O_DIRECTORY, 0);
    if (equal(kind, "path")) return (int)sys_open("file", O_PATH, 0);
    if (equal(kind, "path-directory")) return (int)sys_open("sub", O_PATH, 0);
    if (equal(kind, "path-link")) return (int)sys_open("link", O_PATH | O_NOFOLLOW, 0);
    if (equal(kind, "pipe")) return ends(0);
    if (equal(kind, "pipe-end")) return ends(1);
    if (equal(kind, "fifo")) return fifo();
    if (equal(kind, "stream")) return pair(SOCK_STREAM);
    if (equal(kind, "datagram")) return pair(SOCK_DGRAM);
    if (equal(kind, "packets")) return pair(SOCK_SEQPACKET);
    if (equal(kind, "unconnected")) return (int)sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (equal(kind, "listening")) return listening();
    if (equal(kind, "eventfd")) return (int)sys_eventfd2(3, O_NONBLOCK);
    if (equal(kind, "timerfd")) return (int)sys_timerfd_create(1, O_NONBLOCK);
    if (equal(kind, "epoll")) return (int)sys_epoll_create1(0);
    return (int)number(kind);
}

#define EACH(call) \
    do { \
        int fd = made(kind); \
        text(&out, kind), text(&out, " "); \
        TRY(call); \
        if (fd > 2) sys_close(fd); \
    } while (0)

/* The same where a number that is no descriptor would not be the only mistake. */
#define IF_OPEN(call) \
    do \
        if (!(kind[0] >= '0' && kind[0] <= '9') && kind[0] != '-') EACH(call); \
    while (0)

/* The same for a call that makes a descriptor or a mapping. */
#define MAKES(call) \
    do { \
        int fd = made(kind); \
        long result = call; \
        text(&out, kind), text(&out, " "); \
        show(#call, result < 0 && result > -4096 ? result : 0); \
        if (result > 2 && result < 256 && result != fd) sys_close((int)result); \
        if (fd > 2) sys_close(fd); \
    } while (0)

static void files(const char *kind)
{
    struct stat s;
    struct statfs fs;
    long offset = 2;
    EACH(sys_read(fd, buffer, 10));
    EACH(sys_read(fd, buffer, 0));
    EACH(sys_write(fd, "abcdefgh", 8));
    EACH(sys_write(fd, "abcdefgh", 0));
    EACH(sys_pread64(fd, buffer, 10, 3));
    IF_OPEN(sys_pread64(fd, buffer, 10, -3));
    EACH(sys_pwrite64(fd, "xyz", 3, 3));
    IF_OPEN(sys_pwrite64(fd, "xyz", 3, -1));
    EACH(sys_readv(fd, parts, 2));
    EACH(sys_readv(fd, parts, 0));
    EACH(sys_writev(fd, parts, 2));
    EACH(sys_preadv(fd, parts, 2, 1, 0));
    EACH(sys_pwritev(fd, parts, 2, 1, 0));
    EACH(sys_lseek(fd, 5, 0));
    EACH(sys_lseek(fd, -5, 0));
    EACH(sys_lseek(fd, 0, 2) > 0 && !equal(kind, "directory"));
    EACH(sys_lseek(fd, 0, 1));
    EACH(sys_lseek(fd, 0, 7));
    EACH(sys_fstat(fd, &s));
    show(" mode", s.mode);
    EACH(sys_fstatfs(fd, &fs));
    EACH(sys_ftruncate(fd, 40));
    IF_OPEN(sys_ftruncate(fd, -40));
    EACH(sys_fallocate(fd, 0, 0, 20));
    EACH(sys_fallocate(fd, 0, 0, 0));
    EACH(sys_fsync(fd));
    EACH(sys_fdatasync(fd));
    EACH(sys_fadvise(fd, 0, 0, 1));
    EACH(sys_fadvise(fd, 0, 0, 77));
    EACH(sys_flock(fd, 2 | 4));
    EACH(sys_flock(fd, 8));
    IF_OPEN(sys_flock(fd, 3));
    EACH(sys_sendfile(fd, fd, NULL, 3));
    EACH(sys_sendfile(fd, fd, &offset, 3));
    EACH(sys_newfstatat(fd, "", &s, 0x1000));
    EACH(sys_newfstatat(fd, "inner", &s, 0));
    MAKES(sys_openat(fd, "inner", O_RDONLY, 0));
    EACH(sys_fchdir(fd) == 0 ? sys_chdir("..") : -1);
    EACH(sys_getdents64(fd, buffer, sizeof buffer) > 0);
    EACH(sys_getdents64(fd, buffer, 1));
}

static void controls(const char *kind)
{
    struct flock lock = {0, 0, 0, 0, 0, 0};
    struct winsize size;
    int count = -1;
    MAKES(sys_dup(fd));
    MAKES(sys_dup2(fd, 60));
    EACH(sys_dup2(fd, fd) == fd);
    MAKES(sys_dup3(fd, 61, O_CLOEXEC));
    EACH(sys_dup3(fd, fd, 0));
    MAKES(sys_fcntl(fd, 0, 50));
    EACH(sys_fcntl(fd, 1, 0));
    EACH(sys_fcntl(fd, 2, 1));
    EACH(sys_fcntl(fd, 3, 0));
    EACH(sys_fcntl(fd, 4, O_NONBLOCK));
    EACH(sys_fcntl(fd, 5, (long)(usize)&lock));
    show(" type", lock.type);
    EACH(sys_fcntl(fd, 6, (long)(usize)&lock));
    lock.type = 1;
    EACH(sys_fcntl(fd, 6, (long)(usize)&lock));
    lock.type = 0;
    EACH(sys_fcntl(fd, 1032, 0));
    MAKES(sys_fcntl(fd, 1030, 40));
    EACH(sys_fcntl(fd, 777, 0));
    EACH(sys_ioctl(fd, 0x541b, &count));
    show(" count", count);
    EACH(sys_ioctl(fd, 0x5413, &size));
    EACH(sys_ioctl(fd, 0x5451, NULL));
    count = 0;
    EACH(sys_ioctl(fd, 0x5421, &count));
    EACH(sys_ioctl(fd, 0x8905, &count));
    if (!equal(kind, "epoll")) EACH(sys_ioctl(fd, 0x1234, &count));
    MAKES(sys_mmap(NULL, PAGE, 1, MAP_PRIVATE, fd, 0));
    MAKES(sys_mmap(NULL, PAGE, 3, MAP_SHARED, fd, 0));
}

/* What a sandbox refuses for what no granted directory holds. */
static void metadata(const char *kind)
{
    struct timespec times[2] = {{1, 2}, {3, 4}};
    EACH(sys_utimensat(fd, NULL, times, 0));
    EACH(sys_utimensat(fd, NULL, NULL, 0));
    EACH(sys_utimensat(fd, "", times, 0x1000));
    EACH(sys_fchmod(fd, 0640));
    EACH(sys_fchown(fd, -1, -1));
    EACH(sys_fchownat(fd, "", -1, -1, 0x1000));
}

static void sockets(const char *kind)
{
    u32 size = sizeof here, four = 4;
    struct sockaddr_un name;
    int value = 0;
    EACH(sys_bind(fd, &here, 1));
    EACH(sys_connect(fd, &(struct sockaddr_un){AF_UNIX, "missing"}, 10));
    EACH(sys_listen(fd, 1));
    MAKES(sys_accept(fd, NULL, NULL));
    MAKES(sys_accept4(fd, &name, &size, SOCK_NONBLOCK));
    EACH(sys_getsockname(fd, &name, (size = sizeof name, &size)));
    show(" size", size);
    EACH(sys_getpeername(fd, &name, (size = sizeof name, &size)));
    show(" size", size);
    EACH(sys_sendto(fd, "to", 2, MSG_NOSIGNAL, NULL, 0));
    EACH(sys_sendto(fd, "to", 2, MSG_NOSIGNAL, &(struct sockaddr_un){AF_UNIX, "missing"}, 10));
    EACH(sys_recvfrom(fd, buffer, 10, MSG_DONTWAIT, NULL, NULL));
    EACH(sys_recvfrom(fd, buffer, 2, MSG_DONTWAIT | MSG_PEEK | MSG_TRUNC, &name, &size));
    show(" size", size);
    EACH(sys_sendmsg(fd, &(struct msghdr){.iov = parts, .iovlen = 2}, MSG_NOSIGNAL));
    EACH(sys_recvmsg(fd, &(struct msghdr){.iov = parts, .iovlen = 2}, MSG_DONTWAIT));
    EACH(sys_shutdown(fd, 1));
    EACH(sys_shutdown(fd, 5));
    EACH(sys_getsockopt(fd, 1, 3, &value, &four));
    show(" type", value);
    EACH(sys_getsockopt(fd, 1, 30, &value, &four));
    show(" listens", value);
    EACH(sys_setsockopt(fd, 1, 2, &value, 4));
    EACH(sys_setsockopt(fd, 1, 2, &value, 3));
}

static void events(const char *kind)
{
    u64 word = 1;
    struct itimerspec timer = {{0, 0}, {0, 0}};
    struct epoll_event event = {POLLIN, 5};
    struct pollfd poll = {0, POLLIN | POLLOUT, 0};
    int epoll = (int)sys_epoll_create1(0);
    EACH((poll.fd = fd, sys_poll(&poll, 1, 0)));
    show(" revents", poll.revents);
    IF_OPEN((word = 1ul << fd, sys_select(fd + 1, &word, NULL, NULL, &(struct timeval){0, 0})));
    IF_OPEN((word = 1ul << fd, sys_select(fd + 1, NULL, &word, NULL, &(struct timeval){0, 0})));
    EACH(sys_epoll_ctl(epoll, 1, fd, &event));
    EACH(sys_epoll_ctl(epoll, 2, fd, &event));
    EACH(sys_epoll_ctl(fd, 1, 0, &event));
    EACH(sys_epoll_ctl(fd, 1, fd, &event));
    EACH(sys_epoll_wait(fd, &event, 1, 0));
    EACH(sys_timerfd_settime(fd, 0, &timer, NULL));
    EACH(sys_timerfd_gettime(fd, &timer));
    sys_close(epoll);
}

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    static const char *kinds[] = {
        "file", "read-only", "write-only", "append", "empty", "directory", "path", "path-directory", "path-link", "pipe",
        "pipe-end", "fifo", "stream", "datagram", "packets", "unconnected", "listening", "eventfd", "59", "-1",
        "1000000", "-2147483648", "timerfd", "epoll", NULL};
    int few = argc > 1 && equal(argv[1], "few");
    if (argc > 1 && equal(argv[argc - 1], "metadata")) {
        for (int i = 0; kinds[i] && !(few && equal(kinds[i], "timerfd")); i++) metadata(kinds[i]);
        return done();
    }
    for (int i = 0; kinds[i] && !(few && equal(kinds[i], "timerfd")); i++) {
        files(kinds[i]);
        controls(kinds[i]);
        sockets(kinds[i]);
        if (!few) events(kinds[i]);
    }
    return done();
}
