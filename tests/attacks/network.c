/* Talking to somebody who was not granted.  Granted is one port of 127.0.0.1, nobody listens there. */
#include "attacks.h"

#define GRANTED_PORT 1

static void try_connect(const void *name, int size, int family, int kind)
{
    int fd = (int)sys_socket(family, kind | 04000, 0);
    sys_connect(fd, name, size);
    sys_sendto(fd, "SPOILED", 7, 0x4000, NULL, 0);
    pause_for(2);
    sys_sendto(fd, "SPOILED", 7, 0x4000, NULL, 0);
    sys_close(fd);
}

static void other_port(void)
{
    struct sockaddr_in name = address_of(LOOPBACK, tcp_port);
    try_connect(&name, sizeof name, AF_INET, SOCK_STREAM);
    try_connect(&name, 16, AF_INET, SOCK_STREAM);
    try_connect(&name, 128, AF_INET, SOCK_STREAM);
}

static void any_address(void)
{
    u32 hosts[] = {0, 0x0200007f, 0xffffff7f};
    for (int i = 0; i < 3; i++) {
        struct sockaddr_in name = address_of(hosts[i], tcp_port);
        try_connect(&name, sizeof name, AF_INET, SOCK_STREAM);
    }
}

static struct sockaddr_in6 six(const u8 *address, int port)
{
    struct sockaddr_in6 name = {AF_INET6, swapped(port), 0, {0}, 0};
    memcpy(name.address, address, 16);
    return name;
}

static void mapped_address(void)
{
    const u8 mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
    const u8 own[16] = {[15] = 1}, any[16] = {0};
    const u8 *all[] = {mapped, own, any};
    for (int i = 0; i < 3; i++) {
        struct sockaddr_in6 name = six(all[i], tcp_port);
        try_connect(&name, sizeof name, AF_INET6, SOCK_STREAM);
        try_connect(&name, 24, AF_INET6, SOCK_STREAM);
        name = six(all[i], udp_port);
        try_connect(&name, sizeof name, AF_INET6, SOCK_DGRAM);
    }
    struct sockaddr_in four = address_of(LOOPBACK, udp_port);
    int fd = (int)sys_socket(AF_INET6, SOCK_DGRAM, 0);
    sys_sendto(fd, "SPOILED", 7, 0, &four, sizeof four);
    sys_connect(fd, &four, sizeof four);
    sys_write(fd, "SPOILED", 7);
}

static void datagram(void)
{
    struct sockaddr_in name = address_of(LOOPBACK, udp_port);
    int fd = (int)sys_socket(AF_INET, SOCK_DGRAM, 0);
    sys_sendto(fd, "SPOILED", 7, 0, &name, sizeof name);
    name.family = 0; /* AF_UNSPEC, which the kernel takes for AF_INET */
    sys_sendto(fd, "SPOILED", 7, 0, &name, sizeof name);
}

static long send_message(int fd, const void *name, u32 size, void *control, usize room)
{
    struct iovec part[1] = {{"SPOILED", 7}};
    struct msghdr message = {0};
    message.name = (void *)(usize)name;
    message.namelen = size;
    message.iov = part;
    message.iovlen = 1;
    message.control = control;
    message.controllen = (u32)room;
    return sys_sendmsg(fd, &message, 0x4040);
}

static void message(void)
{
    struct sockaddr_in name = address_of(LOOPBACK, udp_port);
    int fd = (int)sys_socket(AF_INET, SOCK_DGRAM, 0);
    send_message(fd, &name, sizeof name, NULL, 0);
    struct sockaddr_in granted = address_of(LOOPBACK, GRANTED_PORT);
    sys_connect(fd, &granted, sizeof granted);
    send_message(fd, &name, sizeof name, NULL, 0);
    sys_sendto(fd, "SPOILED", 7, 0, &name, sizeof name);
}

static void fast_open(void)
{
    struct sockaddr_in name = address_of(LOOPBACK, tcp_port);
    sys_sendto((int)sys_socket(AF_INET, SOCK_STREAM, 0), "SPOILED", 7, 0x20004000, &name, sizeof name);
    int fd = (int)sys_socket(AF_INET, SOCK_STREAM, 0);
    struct iovec part[1] = {{"SPOILED", 7}};
    struct msghdr message = {.name = &name, .namelen = sizeof name, .iov = part, .iovlen = 1};
    sys_sendmsg(fd, &message, 0x20004000);
    int one = 1;
    fd = (int)sys_socket(AF_INET, SOCK_STREAM, 0);
    sys_setsockopt(fd, 6, 30, &one, sizeof one);
    sys_connect(fd, &name, sizeof name);
    sys_sendto(fd, "SPOILED", 7, 0x4000, NULL, 0);
}

static void elsewhere(void)
{
    struct sockaddr_in granted = address_of(LOOPBACK, GRANTED_PORT), nobody = {0};
    int kinds[] = {SOCK_DGRAM, SOCK_STREAM}, ports[] = {udp_port, tcp_port};
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in other = address_of(LOOPBACK, ports[i]);
        int fd = (int)sys_socket(AF_INET, kinds[i], 0);
        sys_connect(fd, &granted, sizeof granted);
        sys_connect(fd, &nobody, sizeof nobody);
        sys_connect(fd, &other, sizeof other);
        sys_sendto(fd, "SPOILED", 7, 0x4000, NULL, 0);
        other.family = 0;
        sys_connect(fd, &other, sizeof other);
        sys_sendto(fd, "SPOILED", 7, 0x4000, NULL, 0);
        sys_sendto(fd, "SPOILED", 7, 0x4000, &other, sizeof other);
    }
}

static void bound(void)
{
    u32 hosts[] = {0, LOOPBACK, 0x0300007f};
    for (int i = 0; i < 3; i++)
        for (int kind = SOCK_STREAM; kind <= SOCK_DGRAM; kind++) {
            struct sockaddr_in name = address_of(hosts[i], 0);
            int fd = (int)sys_socket(AF_INET, kind, 0);
            won_if(!sys_bind(fd, &name, sizeof name), "bound a port");
            name.family = 0;
            fd = (int)sys_socket(AF_INET, kind, 0);
            won_if(!sys_bind(fd, &name, sizeof name), "bound a port");
            won_if(kind == SOCK_STREAM && !sys_listen((int)sys_socket(AF_INET, kind, 0), 5), "listens");
            won_if(kind == SOCK_STREAM && !sys_listen((int)sys_socket(AF_INET6, kind, 0), 5), "listens");
        }
}

static void unix_outside(void)
{
    sys_symlink("../outside/socket", "plug");
    sys_symlink("../outside", "socket-door");
    sys_symlink(below("/outside/datagram"), "post");
    const char *ways[] = {below("/outside/socket"), "../outside/socket", "plug", "socket-door/socket",
                          "./../outside/./socket", "post", "../outside/datagram", "socket-door/datagram",
                          below("/ro/socket"), "../ro/socket"};
    for (usize i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct sockaddr_un name = unix_of(ways[i]);
        int exact = 2 + (int)length(ways[i]);
        try_connect(&name, sizeof name, AF_UNIX, SOCK_STREAM);
        try_connect(&name, exact, AF_UNIX, SOCK_STREAM);
        try_connect(&name, exact, AF_UNIX, SOCK_DGRAM);
        int fd = (int)sys_socket(AF_UNIX, SOCK_DGRAM, 0), ends[2];
        sys_sendto(fd, "SPOILED", 7, 0x4040, &name, sizeof name);
        send_message(fd, &name, exact, NULL, 0);
        sys_socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
        sys_connect(ends[0], &name, exact);
        sys_sendto(ends[0], "SPOILED", 7, 0x4040, NULL, 0);
    }
    sys_chdir("..");
    struct sockaddr_un full = {AF_UNIX, {0}};
    memset(full.path, '/', sizeof full.path); /* no NUL at all */
    usize n = length(below("/outside/socket"));
    memcpy(full.path + 108 - n, below("/outside/socket"), n);
    try_connect(&full, sizeof full, AF_UNIX, SOCK_STREAM);
}

static void abstract(void)
{
    struct sockaddr_un name = {AF_UNIX, {0}};
    memcpy(name.path + 1, token, length(token));
    int size = 3 + (int)length(token);
    try_connect(&name, size, AF_UNIX, SOCK_STREAM);
    int fd = (int)sys_socket(AF_UNIX, SOCK_DGRAM, 0);
    sys_sendto(fd, "SPOILED", 7, 0, &name, size);
    name.path[1] = '_';
    won_if(!sys_bind(fd, &name, size), "bound an abstract name");
    won_if(!sys_bind((int)sys_socket(AF_UNIX, SOCK_STREAM, 0), &name, 2), "bound a name of the kernel's choice");
    name.path[1] = 0;
    won_if(!sys_bind((int)sys_socket(AF_UNIX, SOCK_STREAM, 0), &name, 3), "bound the empty name");
}

static void families(void)
{
    int kinds[] = {SOCK_RAW, SOCK_DGRAM, 5};
    int families[] = {16, 17, 38, 40, 3, 9, 29, 31, 39, 44};
    for (int i = 0; i < 10; i++)
        for (int j = 0; j < 3; j++) {
            won_if(sys_socket(families[i], kinds[j], 0) >= 0, "a socket of another family");
            int ends[2];
            won_if(!sys_socketpair(families[i], kinds[j], 0, ends), "a pair of another family");
        }
    won_if(sys_socket(AF_INET, SOCK_RAW, 1) >= 0, "a raw socket");
    won_if(sys_socket(AF_INET, SOCK_DGRAM, 1) >= 0, "a ping socket");
    won_if(sys_socket(AF_INET, 10, 0x300) >= 0, "a packet socket");
    won_if(sys_socket(AF_INET, SOCK_STREAM, 262) >= 0, "multipath TCP");
    won_if(sys_socket(AF_INET, 5, 132) >= 0, "SCTP");
}

static void options(void)
{
    static u64 filter[2] = {1, 0x10000};
    char zeros[64] = {0};
    int refused[][2] = {{1, 26}, {1, 50}, {1, 51}, {1, 52}, {1, 36}, {1, 32}, {1, 25}, {1, 5}, {0, 19}, {0, 4},
                        {0, 64}, {41, 64}, {6, 31}, {6, 35}, {6, 14}, {6, 19}, {0, 35}, {0, 15}, {1, 1}};
    for (usize i = 0; i < sizeof refused / sizeof *refused; i++) {
        int fd = (int)sys_socket(AF_INET, SOCK_STREAM, 0), one[4] = {1, 0, 0, 0};
        u32 size = sizeof zeros;
        const void *value = refused[i][1] == 25 ? (void *)"lo" : refused[i][0] == 1 && refused[i][1] == 26 ? (void *)filter : one;
        if (refused[i][1] == 26) memcpy(filter, (u64[]){1, (usize)zeros}, 16);
        won_if(!sys_setsockopt(fd, refused[i][0], refused[i][1], value, refused[i][1] == 26 ? 16 : 4), "an option");
        sys_getsockopt(fd, refused[i][0], refused[i][1], zeros, &size);
    }
}

static void packet_information(void)
{
    struct { struct cmsghdr head; u32 words[3]; } control = {{0}, {1, LOOPBACK, LOOPBACK}};
    control.head.len = sizeof control.head + 12;
    control.head.level = 0;
    control.head.type = 8;
    struct sockaddr_in name = address_of(LOOPBACK, GRANTED_PORT);
    int fd = (int)sys_socket(AF_INET, SOCK_DGRAM, 0);
    won_if(send_message(fd, &name, sizeof name, &control, sizeof control) > 0, "chose where a packet comes from");
    struct { struct cmsghdr head; int ids[3]; } who = {{0}, {1, 0, 0}};
    int ends[2];
    who.head.len = sizeof who.head + 12;
    who.head.level = 1;
    who.head.type = 2;
    sys_socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    won_if(send_message(ends[0], NULL, 0, &who, sizeof who) > 0, "another process's credentials");
}

static void interfaces(void)
{
    static char room[1024];
    static u64 words[8];
    int fd = (int)sys_socket(AF_UNIX, SOCK_STREAM, 0), net = (int)sys_socket(AF_INET, SOCK_DGRAM, 0);
    for (int i = 0; i < 2; i++, fd = net) {
        memset(words, 0, sizeof words);
        memcpy(words, (u64[]){sizeof room, (usize)room}, 16);
        won_if(!sys_ioctl(fd, 0x8912, words), "SIOCGIFCONF");
        int plain[] = {0x8913, 0x8915, 0x8921, 0x8927, 0x8933, 0x8946};
        for (int j = 0; j < 6; j++) {
            memset(words, 0, sizeof words);
            memcpy(words, "lo", 3);
            won_if(!sys_ioctl(fd, plain[j], words), "a request about a network card");
        }
        int changes[] = {0x8914, 0x8916, 0x891c, 0x8922, 0x8924};
        for (int j = 0; j < 5; j++) {
            memset(words, 0, sizeof words);
            memcpy(words, "none0", 6); /* there is none: the kernel's own answer tells that it was asked */
            won_if(sys_ioctl(fd, changes[j], words) == -19, "a change to a network card");
        }
        memset(words, 0, sizeof words);
        ((u32 *)words)[4] = 1;
        won_if(!sys_ioctl(fd, 0x8910, words), "the name of a network card");
    }
}

static void broken_addresses(void)
{
    struct sockaddr_in name = address_of(LOOPBACK, tcp_port);
    int sizes[] = {0, 1, 2, 3, 8, 15, 129, -1, 0x7fffffff};
    for (int i = 0; i < 9; i++) {
        int fd = (int)sys_socket(AF_INET, SOCK_STREAM, 0);
        won_if(!sys_connect(fd, &name, sizes[i]) && sizes[i] > 0 && sizes[i] != 2, "connected with half an address");
        sys_bind(fd, &name, sizes[i]);
        sys_sendto(fd, "SPOILED", 7, 0x20004000, &name, sizes[i]);
    }
}

static void terminal(void)
{
    const char *command = "x\n";
    char selection[16] = {2, 0};
    won_if(!sys_ioctl(0, 0x5412, (void *)(usize)command), "typed into the terminal");
    won_if(!sys_ioctl(0, 0x541c, selection), "TIOCLINUX");
    won_if(!sys_ioctl(0, 0x541d, NULL), "took the console");
}

static const struct attack all[] = {
    {"other-port", other_port},
    {"any-address", any_address},
    {"mapped-address", mapped_address},
    {"datagram", datagram},
    {"message", message},
    {"fast-open", fast_open},
    {"elsewhere", elsewhere},
    {"bound", bound},
    {"unix-outside", unix_outside},
    {"abstract", abstract},
    {"families", families},
    {"options", options},
    {"packet-information", packet_information},
    {"interfaces", interfaces},
    {"broken-addresses", broken_addresses},
    {"terminal", terminal},
};

ATTACKS(all)
