/* sendmsg and recvmsg: headers, pieces, control messages. */
#include "net.h"
#define ALIGN(n) (((n) + sizeof(usize) - 1) & ~(sizeof(usize) - 1))
#define HEADER 16
static char control[2048] __attribute__((aligned(8)));
static usize used;
static void *add(int level, int type, usize size)
{
    struct cmsghdr *header = (struct cmsghdr *)(control + used);
#ifdef __wasm__
    header->pad = 0xdeadbeef;
#endif
    header->len = HEADER + size;
    header->level = level;
    header->type = type;
    used += HEADER + ALIGN(size);
    return control + used - ALIGN(size);
}
static struct msghdr message(struct iovec *parts, int count, void *at, usize room)
{
    struct msghdr m;
    memset(&m, 0xa5, sizeof m);
    m.name = NULL, m.namelen = 0, m.iov = parts, m.iovlen = count, m.control = at, m.controllen = room, m.flags = 77;
    return m;
}
static void controls(struct msghdr *m)
{
    usize at = 0, count = 0;
    while (at + HEADER <= m->controllen) {
        struct cmsghdr *header = (struct cmsghdr *)((char *)m->control + at);
        count++;
        show("level", header->level);
        show("type", header->type);
        show("data", header->len - HEADER);
        if (header->level == 1 && header->type == 1)
            for (usize i = 0; i < (header->len - HEADER) / 4; i++) {
                int fd = ((int *)(header + 1))[i];
                show("descriptor", fd);
                show("works", sys_write(fd, "", 0));
                show("cloexec", sys_fcntl(fd, 1, 0));
                sys_close(fd);
            }
        else if (header->level == 1 && header->type == 2)
            show("pid", ((int *)(header + 1))[0] == sys_getpid());
        if (!ALIGN(header->len)) break;
        at += ALIGN(header->len);
    }
    show("controls", count);
}
static long receive(int fd, usize room, int flags)
{
    char a[3] = "", b[8] = "";
    static char got[2048] __attribute__((aligned(8)));
    struct iovec parts[2] = {{a, 3}, {b, 8}};
    struct msghdr m = message(parts, 2, room ? got : NULL, room);
    long result = sys_recvmsg(fd, &m, flags);
    show("some room", room != 0);
    show("received", result);
    if (result < 0) return result;
    bytes("a", a, 3);
    bytes("b", b, result > 3 ? result - 3 : 0);
    show("flags", m.flags);
    if (m.flags & MSG_CTRUNC) show("truncated", 1);
    controls(&m);
    return result;
}
static void descriptors(int from, int to, int count, usize room, int flags)
{
    used = 0;
    int *fds = add(1, 1, 4 * count);
    for (int i = 0; i < count; i++) fds[i] = 1;
    struct iovec part = {"abcdef", 6};
    struct msghdr m = message(&part, 1, control, used);
    show("sent", sys_sendmsg(from, &m, 0));
    receive(to, room, flags);
    int next = (int)sys_dup(0);
    show("next", next);
    sys_close(next);
}
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc, (void)argv;
    int pair[2], on = 1;
    char c[8];
    sys_socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    struct iovec parts[3] = {{"one ", 4}, {NULL, 0}, {"two", 3}};
    struct msghdr m = message(parts, 3, NULL, 0);
    TRY(sys_sendmsg(pair[0], &m, 0));
    receive(pair[1], 0, 0);
    receive(pair[1], 0, MSG_DONTWAIT);
    TRY(sys_sendmsg(pair[0], &m, 0));
    receive(pair[1], 100, MSG_PEEK);
    m.iovlen = 1;
    TRY(sys_recvmsg(pair[1], &m, 0) == 4 || 1);
    TRY(sys_sendmsg(pair[0], BAD, 0));
    TRY(sys_recvmsg(pair[1], BAD, MSG_DONTWAIT));
    TRY(sys_recvmsg(pair[1], LAST, MSG_DONTWAIT));
    TRY(sys_sendmsg(77, &m, 0));
    TRY(sys_sendmsg(0, &m, 0));
    TRY(sys_recvmsg(77, &m, 0));
    m = message(parts, 1025, NULL, 0);
    TRY(sys_sendmsg(pair[0], &m, 0));
    m = message(parts, -1, NULL, 0);
    TRY(sys_sendmsg(pair[0], &m, 0));
    m = message(BAD, 1, NULL, 0);
    TRY(sys_sendmsg(pair[0], &m, 0));
    m = message((struct iovec[]){{BAD, 4}}, 1, NULL, 0);
    TRY(sys_sendmsg(pair[0], &m, 0));
    m = message(parts, 1, BAD, 32);
    TRY(sys_sendmsg(pair[0], &m, 0));
    m = message(parts, 0, NULL, 0);
    TRY(sys_sendmsg(pair[0], &m, 0));
    TRY(sys_recvmsg(pair[1], &m, MSG_DONTWAIT));
    m = message(parts, 1, NULL, 0);
    m.name = BAD, m.namelen = 16;
    TRY(sys_sendmsg(pair[0], &m, 0));
    m.name = NULL, m.namelen = 16;
    TRY(sys_sendmsg(pair[0], &m, 0));
    m.name = c, m.namelen = -5;
    TRY(sys_sendmsg(pair[0], &m, 0));
    TRY(sys_recvmsg(pair[1], &m, MSG_DONTWAIT));
    receive(pair[1], 0, MSG_DONTWAIT);

    int rooms[] = {1000, HEADER + 8, HEADER + 4, HEADER + 3, HEADER, 8, 0};
    for (int i = 0; i < 7; i++) descriptors(pair[0], pair[1], 1, rooms[i], 0);
    for (int i = 0; i < 7; i++) descriptors(pair[0], pair[1], 3, rooms[i], MSG_CMSG_CLOEXEC);
    descriptors(pair[0], pair[1], 2, HEADER + 8, 0);
    descriptors(pair[0], pair[1], 5, HEADER + 12, 0);
    descriptors(pair[0], pair[1], 253, 2000, 0);
    descriptors(pair[0], pair[1], 254, 2000, MSG_DONTWAIT);

    used = 0;
    ((int *)add(1, 1, 4))[0] = 99;
    m = message(parts, 1, control, used);
    TRY(sys_sendmsg(pair[0], &m, 0));
    used = 0;
    ((int *)add(1, 1, 4))[0] = 1;
    ((struct cmsghdr *)control)->len = 15;
    TRY(sys_sendmsg(pair[0], &m, 0));
    ((struct cmsghdr *)control)->len = 100;
    TRY(sys_sendmsg(pair[0], &m, 0));
    ((struct cmsghdr *)control)->len = 20;
    ((struct cmsghdr *)control)->type = 55;
    TRY(sys_sendmsg(pair[0], &m, 0));
    m.controllen = 12;
    TRY(sys_sendmsg(pair[0], &m, 0));
    receive(pair[1], 64, MSG_DONTWAIT);

    /* Several at once: descriptors and credentials. */
    TRY(sys_setsockopt(pair[1], 1, 16, &on, 4));
    used = 0;
    int *id = add(1, 2, 12);
    id[0] = sys_getpid(), id[1] = sys_getuid(), id[2] = sys_getgid();
    int *fds = add(1, 1, 4);
    fds[0] = 0;
    m = message(parts, 1, control, used);
    TRY(sys_sendmsg(pair[0], &m, 0));
    receive(pair[1], 256, 0);
    TRY(sys_sendmsg(pair[0], &m, 0));
    receive(pair[1], HEADER + ALIGN(12) + HEADER, 0);
    TRY(sys_sendmsg(pair[0], &m, 0));
    receive(pair[1], HEADER + 5, 0);
    TRY(sys_setsockopt(pair[1], 1, 29, &on, 4));
    TRY(sys_sendto(pair[0], "stamped", 7, 0, NULL, 0));
    receive(pair[1], 256, 0);
    TRY(sys_sendto(pair[0], "stamped", 7, 0, NULL, 0));
    receive(pair[1], HEADER + 16 + HEADER + 10, 0);

    /* Datagrams of IP say where they came in. */
    struct sockaddr_in at = loopback(0), from;
    u32 size = sizeof at;
    int one = (int)sys_socket(AF_INET, SOCK_DGRAM, 0), other = (int)sys_socket(AF_INET, SOCK_DGRAM, 0);
    sys_bind(one, &at, sizeof at);
    sys_getsockname(one, &at, &size);
    TRY(sys_setsockopt(one, 0, 8, &on, 4));
    TRY(sys_setsockopt(one, 0, 12, &on, 4));
    TRY(sys_setsockopt(one, 0, 13, &on, 4));
    m = message(parts, 3, NULL, 0);
    m.name = &at, m.namelen = sizeof at;
    TRY(sys_sendmsg(other, &m, 0));
    receive(one, 256, 0);
    used = 0;
    *(int *)add(0, 2, 4) = 9;
    *(int *)add(0, 1, 4) = 16;
    m = message(parts, 3, control, used);
    m.name = &at, m.namelen = sizeof at;
    TRY(sys_sendmsg(other, &m, 0));
    char got[64];
    struct iovec in = {got, 64};
    m = message(&in, 1, control, 100);
    m.name = &from, m.namelen = sizeof from;
    TRY(sys_recvmsg(one, &m, 0));
    show("namelen", m.namelen);
    show("address", from.address);
    show("controllen", m.controllen > 0);
    struct cmsghdr *header = (struct cmsghdr *)control;
    for (usize i = 0; i + HEADER <= m.controllen; i += ALIGN(header->len)) {
        header = (struct cmsghdr *)(control + i);
        show("type", header->type);
        if (header->type != 8) show("value", header->type == 1 ? *(u8 *)(header + 1) : *(int *)(header + 1));
        else show("address", ((u32 *)(header + 1))[2]);
    }
    m.name = &from, m.namelen = 3;
    TRY(sys_sendto(other, "x", 1, 0, &at, sizeof at));
    TRY(sys_recvmsg(one, &m, 0));
    show("namelen", m.namelen);
    return done();
}
