/* Unix sockets: names in the file system. */
#include "net.h"
static int made(int type, const char *path)
{
    struct sockaddr_un name = unix_name(path);
    int fd = (int)sys_socket(AF_UNIX, type, 0);
    text(&out, "bind ");
    text(&out, path);
    show("", sys_bind(fd, &name, 2 + length(path) + 1));
    return fd;
}
static void call(const char *what, const char *path, long result)
{
    text(&out, what);
    text(&out, " ");
    text(&out, path);
    show("", result);
}
static void shown(const char *what, long (*function)(int, void *, u32 *), int fd)
{
    struct sockaddr_un name = {0};
    u32 size = sizeof name;
    text(&out, what);
    show(" result", function(fd, &name, &size));
    show("size", size);
    bytes("path", name.path, size > 2 ? size - 2 : 0);
}
#ifndef __wasm__
static long getsockname_(int fd, void *at, u32 *size) { return sys_getsockname(fd, at, size); }
static long getpeername_(int fd, void *at, u32 *size) { return sys_getpeername(fd, at, size); }
#else
#define getsockname_ sys_getsockname
#define getpeername_ sys_getpeername
#endif
int main(int argc, char **argv, char **envp)
{
    (void)envp;
    char c[16] = "";
    struct sockaddr_un name;
    u32 size;
    for (int i = 1; i < argc; i++) {
        int server = made(SOCK_STREAM, argv[i]);
        shown("own", getsockname_, server);
        made(SOCK_STREAM, argv[i]);
        name = unix_name(argv[i]);
        int client = (int)sys_socket(AF_UNIX, SOCK_STREAM, 0);
        call("connect early", argv[i], sys_connect(client, &name, sizeof name));
        call("listen", argv[i], sys_listen(server, 5));
        call("connect", argv[i], sys_connect(client, &name, sizeof name));
        call("connect again", argv[i], sys_connect(client, &name, sizeof name));
        size = sizeof name;
        sys_fcntl(server, 4, 04000);
        int conn = (int)sys_accept(server, &name, &size);
        show("conn", conn >= 0);
        show("size", size);
        shown("peer", getpeername_, client);
        shown("own", getsockname_, conn);
        call("write", argv[i], sys_write(client, "hello", 5));
        if (conn >= 0) show("read", sys_read(conn, c, 16));
        for (int fd = 3; fd < 20; fd++) sys_close(fd);
        name = unix_name(argv[i]);
        client = (int)sys_socket(AF_UNIX, SOCK_STREAM, 0);
        call("connect late", argv[i], sys_connect(client, &name, sizeof name));
        call("unlink", argv[i], sys_unlink(argv[i]));
        sys_close(client);
    }
    TRY(sys_mkdir("one", 0755));
    TRY(sys_mkdir("two", 0755));
    int one = made(SOCK_DGRAM, "one/name"), two = made(SOCK_DGRAM, "two/name");
    name = unix_name("one/name");
    TRY(sys_sendto(two, "to one", 6, 0, &name, sizeof name));
    size = sizeof name;
    TRY(sys_recvfrom(one, c, 16, 0, &name, &size));
    bytes("from", name.path, size - 2);
    TRY(sys_sendto(one, "back", 4, 0, &name, size));
    TRY(sys_recvfrom(two, c, 16, 0, &name, &size));
    bytes("from", name.path, size - 2);
    TRY(sys_chdir("one"));
    name = unix_name("name");
    TRY(sys_sendto(two, "again", 5, 0, &name, sizeof name));
    TRY(sys_connect(two, &name, sizeof name));
    TRY(sys_sendto(two, "more", 4, 0, NULL, 0));
    shown("own", getsockname_, one);
    shown("peer", getpeername_, two);
    name = unix_name("nowhere");
    TRY(sys_sendto(two, "more", 4, 0, &name, sizeof name));
    TRY(sys_connect(two, &name, sizeof name));
    TRY(sys_connect(two, &name, 1));
    TRY(sys_connect(two, &name, 111));
    TRY(sys_connect(two, &(struct sockaddr_in){AF_INET, 0, LOOPBACK, {0}}, 16));
    int third = made(SOCK_STREAM, "third");
    TRY(sys_bind(third, &name, sizeof name));
    return done();
}
