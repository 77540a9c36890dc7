/* server: a server, its client, and what they say to each other, in one thread; a descriptor goes along. */
#include "net.h"
#include "must.h"

static struct sockaddr_un here = {AF_UNIX, "served"};
static void cleanup(void) { sys_unlink("served"); }

static void ready(int fd, int events)
{
    struct pollfd poll = {fd, (short)events, 0};
    if (MUST(sys_poll(&poll, 1, 2000)) != 1) must("nothing came", -110);
}

static void sends(int fd, const char *data, usize size, int passed)
{
    struct iovec part = {(void *)data, size};
    struct { struct cmsghdr head; int fd; } control = {{.len = sizeof(struct cmsghdr) + 4, .level = 1, .type = 1}, passed};
    struct msghdr message = {.iov = &part, .iovlen = 1};
    if (passed >= 0) {
        message.control = &control;
        message.controllen = sizeof(struct cmsghdr) + 4;
    }
    while (part.len) {
        usize n = (usize)MUST(sys_sendmsg(fd, &message, MSG_NOSIGNAL));
        part.base = (char *)part.base + n;
        part.len -= n;
        message.control = NULL;
        message.controllen = 0;
    }
}

static int receives(int fd, char *data, usize size)
{
    int passed = -1;
    while (size) {
        union { char room[64]; struct cmsghdr head; } control;
        struct iovec part = {data, size};
        struct msghdr message = {.iov = &part, .iovlen = 1, .control = &control, .controllen = sizeof control};
        ready(fd, POLLIN);
        long n = MUST(sys_recvmsg(fd, &message, 0));
        if (n == 0) break;
        if (message.controllen) memcpy(&passed, (char *)&control + sizeof(struct cmsghdr), 4);
        data += n;
        size -= (usize)n;
    }
    return passed;
}

int main(int argc, char **argv, char **envp)
{
    (void)argc, (void)argv, (void)envp;
    char got[64] = {0};
    struct sockaddr_un name;
    u32 size = sizeof name, four = 4;
    int one = 1, error = 7;
    int server = (int)MUST(sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    MUST(sys_setsockopt(server, 1, 2, &one, 4));
    MUST(sys_bind(server, &here, sizeof here));
    MUST(sys_listen(server, 5));
    int client = (int)MUST(sys_socket(AF_UNIX, SOCK_STREAM, 0));
    MUST(sys_connect(client, &here, sizeof here));
    ready(server, POLLIN);
    int served = (int)MUST(sys_accept4(server, &name, &size, SOCK_CLOEXEC));
    MUST(sys_getsockname(served, &name, (size = sizeof name, &size)));
    text(&out, name.path);
    text(&out, "\n");
    MUST(sys_getpeername(client, &name, (size = sizeof name, &size)));
    MUST(sys_getsockopt(client, 1, 4, &error, &four));
    show("error", error);
    int ends[2], pair[2];
    MUST(sys_pipe2(ends, O_CLOEXEC));
    sends(client, "a message of some length", 24, ends[0]);
    int passed = receives(served, got, 24);
    bytes("got", got, 24);
    write_all(ends[1], "through", 7);
    for (long n = 0; n < 7; ) n += MUST(sys_read(passed, got + n, (usize)(7 - n)));
    bytes("passed", got, 7);
    for (usize sent = 0; sent < 16; ) sent += (usize)MUST(sys_sendto(served, &"0123456789abcdef"[sent], 16 - sent, 0, NULL, 0));
    for (usize had = 0; had < 16; ) {
        ready(client, POLLIN);
        had += (usize)MUST(sys_recvfrom(client, got + had, 16 - had, 0, NULL, NULL));
    }
    bytes("back", got, 16);
    MUST(sys_socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
    MUST(sys_write(pair[0], "datagram", 8));
    bytes("datagram", got, MUST(sys_read(pair[1], got, 64)));
    MUST(sys_shutdown(client, 1));
    show("end", MUST(sys_read(served, got, 1)));
    MUST(sys_close(client));
    MUST(sys_close(served));
    MUST(sys_close(server));
    MUST(sys_unlink("served"));
    return finish();
}
