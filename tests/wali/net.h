/* Calls, structures and numbers of sockets and of waiting. */
#include "try.h"

typedef unsigned short u16;
struct sockaddr_in { u16 family, port; u32 address; char zero[8]; };
struct sockaddr_in6 { u16 family, port; u32 flow; u8 address[16]; u32 scope; };
struct sockaddr_un { u16 family; char path[108]; };
struct cmsghdr { usize len; 
#ifdef __wasm__
    u32 pad;
#endif
    int level, type; };
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
struct itimerspec { struct timespec interval, value; };

CALL3(socket, int, int, int)
CALL4(socketpair, int, int, int, int *)
CALL3(bind, int, const void *, int)
CALL3(connect, int, const void *, int)
CALL2(listen, int, int)
CALL3(accept, int, void *, u32 *)
CALL4(accept4, int, void *, u32 *, int)
CALL3(getsockname, int, void *, u32 *)
CALL3(getpeername, int, void *, u32 *)
CALL6(sendto, int, const void *, usize, int, const void *, int)
CALL6(recvfrom, int, void *, usize, int, void *, u32 *)
CALL3(sendmsg, int, const struct msghdr *, int)
CALL3(recvmsg, int, struct msghdr *, int)
CALL2(shutdown, int, int)
CALL5(setsockopt, int, int, int, const void *, int)
CALL5(getsockopt, int, int, int, void *, u32 *)
CALL1(pipe, int *)
CALL2(pipe2, int *, int)
CALL5(select, int, u64 *, u64 *, u64 *, struct timeval *)
CALL6(pselect6, int, u64 *, u64 *, u64 *, struct timespec *, void *)
CALL5(ppoll, struct pollfd *, u64, struct timespec *, const u64 *, usize)
CALL1(epoll_create, int)
CALL1(epoll_create1, int)
CALL4(epoll_ctl, int, int, int, struct epoll_event *)
CALL4(epoll_wait, int, struct epoll_event *, int, int)
CALL6(epoll_pwait, int, struct epoll_event *, int, int, const u64 *, usize)
CALL1(eventfd, u32)
CALL2(eventfd2, u32, int)
CALL2(timerfd_create, int, int)
CALL4(timerfd_settime, int, int, const struct itimerspec *, struct itimerspec *)
CALL2(timerfd_gettime, int, struct itimerspec *)

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_SEQPACKET 5
#define SOCK_NONBLOCK 04000
#define SOCK_CLOEXEC 02000000
#define MSG_PEEK 2
#define MSG_CTRUNC 8
#define MSG_TRUNC 0x20
#define MSG_DONTWAIT 0x40
#define MSG_WAITALL 0x100
#define MSG_NOSIGNAL 0x4000
#define MSG_CMSG_CLOEXEC 0x40000000
#define POLLIN 1
#define POLLPRI 2
#define POLLOUT 4
#define POLLERR 8
#define POLLHUP 16
#define POLLRDHUP 0x2000

#define LOOPBACK 0x0100007f

__attribute__((unused)) static struct sockaddr_in loopback(u16 port)
{
    return (struct sockaddr_in){AF_INET, port, LOOPBACK, {0}};
}

__attribute__((unused)) static struct sockaddr_un unix_name(const char *path)
{
    struct sockaddr_un name = {AF_UNIX, {0}};
    usize n = length(path);
    memcpy(name.path, path, n < 108 ? n : 108);
    return name;
}

__attribute__((unused)) static void clear(void *at, usize n) { memset(at, 0, n); }

/* A listening socket of IP on the loopback address, and its port. */
__attribute__((unused)) static int listener(u16 *port, int flags)
{
    struct sockaddr_in name = loopback(0);
    u32 size = sizeof name;
    int fd = (int)sys_socket(AF_INET, SOCK_STREAM | flags, 0);
    if (fd < 0 || sys_bind(fd, &name, sizeof name) < 0 || sys_listen(fd, 128) < 0) return -1;
    sys_getsockname(fd, &name, &size);
    *port = name.port;
    return fd;
}
