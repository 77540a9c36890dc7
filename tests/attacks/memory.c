/* Addresses outside of memory, structures that are cut or wrap round, memory that should not be mapped. */
#include "attacks.h"

static char bytes[8192];

static void mapping_outside(void)
{
    usize far[] = {0, 0x1000, 0x10000, 0xffff0000u, 0xfffff000u, 0x80000000u, 0x7ffff000u};
    for (int i = 0; i < 7; i++) {
        long at = sys_mmap((void *)far[i], PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        won_if(at > 0, "mapped where nothing is");
        at = sys_mmap((void *)far[i], 0xfffff000u, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        won_if(at > 0, "mapped all");
        won_if(sys_mremap((void *)far[i], PAGE, PAGE * 4, 1, NULL) > 0, "moved what is not there");
        won_if(sys_mremap((void *)far[i], 0xfffff000u, PAGE, 1, NULL) > 0, "moved what is not there");
    }
    won_if(sys_mmap(NULL, 0xffffffffu, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) > 0, "mapped 4 GiB");
    won_if(sys_mmap(NULL, PAGE, 3, MAP_PRIVATE, make("map"), 1) > 0, "mapped at an odd offset");
    won_if(sys_mmap(NULL, PAGE, 3, MAP_PRIVATE, make("map"), -4096) > 0, "mapped at a negative offset");
}

static void moved_outside(void)
{
    long at = sys_mmap(NULL, 4 * PAGE, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    usize far[] = {0, 0x1000, 0xffff0000u, 0xfffff000u, (usize)&bytes & ~(usize)4095};
    for (int i = 0; i < 5; i++)
        won_if(sys_mremap((void *)(usize)at, 4 * PAGE, 4 * PAGE, 3, (void *)far[i]) > 0, "moved outside");
    won_if(sys_mremap((void *)(usize)at, 4 * PAGE, 0xfffff000u, 1, NULL) > 0, "grew to 4 GiB");
    int fd = make("moved");
    sys_ftruncate(fd, PAGE);
    long shared = sys_mmap(NULL, PAGE, 3, MAP_SHARED, fd, 0);
    for (int i = 0; i < 5; i++)
        won_if(sys_mremap((void *)(usize)shared, PAGE, PAGE, 3, (void *)far[i]) > 0, "moved a file outside");
}

static void unmapped(void)
{
    static volatile char kept[PAGE * 2];
    kept[PAGE] = 7;
    usize starts[] = {0, PAGE, 0x10000, 0x100000};
    for (int i = 0; i < 4; i++) {
        sys_munmap((void *)starts[i], 0xffff0000u);
        sys_munmap((void *)starts[i], 0x7fff0000u);
        sys_mprotect((void *)starts[i], 0x10000, 0);
        sys_madvise((void *)starts[i], 0x10000, 4);
        sys_mprotect((void *)((usize)kept & ~(usize)4095), PAGE * 2, 0);
        sys_madvise((void *)((usize)kept & ~(usize)4095), PAGE * 2, 4);
    }
    won_if(kept[PAGE] != 7, "lost its own memory");
    for (volatile char *at = (volatile char *)0x1000; at < kept; at += PAGE) (void)*at;
    won_if(sys_mmap(NULL, PAGE, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) < 0, "cannot map any more");
}

static void vectors(void)
{
    static struct iovec parts[1030];
    int fd = make("vector"), counts[] = {-1, 1025, 1030, 0x7fffffff, (int)0x80000000, 0x20000001};
    for (int i = 0; i < 1030; i++) parts[i] = (struct iovec){bytes, 1};
    for (int i = 0; i < 6; i++) {
        won_if(sys_writev(fd, parts, counts[i]) > 0, "too many parts");
        won_if(sys_readv(fd, parts, counts[i]) > 0, "too many parts");
    }
    struct iovec bad[][2] = {{{FAR, 4096}, {bytes, 1}},
                             {{bytes, 0xffffffffu}, {bytes, 1}},
                             {{bytes, 0x80000000u}, {bytes, 0x80000001u}},
                             {{(void *)0xffffffffu, 2}, {bytes, 1}},
                             {{NULL, 64}, {bytes, 1}},
                             {{LAST_BYTES, 5}, {bytes, 1}}};
    for (int i = 0; i < 6; i++) {
        won_if(sys_writev(fd, bad[i], 2) > 0, "wrote from outside");
        sys_lseek(fd, 0, 0);
        sys_write(fd, bytes, 64);
        sys_lseek(fd, 0, 0);
        won_if(sys_readv(fd, bad[i], 2) > 0 && i != 5, "read to outside");
    }
    won_if(sys_writev(fd, (struct iovec *)LAST_BYTES, 1) > 0, "a vector beyond the end");
    won_if(sys_writev(fd, (struct iovec *)FAR, 1) > 0, "a vector outside");
}

static void lengths(void)
{
    int fd = make("length");
    sys_write(fd, bytes, sizeof bytes);
    struct { void *at; usize size; } bad[] = {{bytes, 0xffffffffu}, {(void *)0xfffff000u, 0x2000}, {FAR, 1},
                                              {(void *)0xffffffffu, 2}, {LAST_BYTES, 5}, {NULL, 1}, {bytes, 0x80000000u}};
    for (int i = 0; i < 7; i++) {
        sys_lseek(fd, 0, 0);
        won_if(sys_read(fd, bad[i].at, bad[i].size) > 0, "read");
        won_if(sys_write(fd, bad[i].at, bad[i].size) > 0, "write");
        won_if(sys_pread64(fd, bad[i].at, bad[i].size, 0) > 0, "pread");
        won_if(sys_pwrite64(fd, bad[i].at, bad[i].size, 0) > 0, "pwrite");
        won_if(sys_getrandom(bad[i].at, bad[i].size, 0) > 0, "getrandom");
        won_if(sys_getcwd(bad[i].at, bad[i].size) > 0 && i != 0 && i != 6, "getcwd");
        int dir = (int)sys_open(".", O_RDONLY, 0);
        won_if(sys_getdents64(dir, bad[i].at, bad[i].size) > 0 && i != 0 && i != 6, "getdents");
        won_if(sys_readlink("loop", bad[i].at, (int)bad[i].size) > 0, "readlink");
        sys_close(dir);
    }
    won_if(!sys_stat(".", (void *)(LAST_BYTES - 100)), "stat");
    won_if(!sys_fstat(fd, FAR), "fstat");
    won_if(!sys_uname(LAST_BYTES - 300), "uname");
}

static void messages(void)
{
    int ends[2];
    sys_socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    static struct { struct cmsghdr head; int fds[64]; } control;
    usize lengths[] = {0, 1, 15, 16, 17, 0xffffffffu, 0xfffffff0u, 0x7fffffff, sizeof control + 1, sizeof control + 4096};
    usize rooms[] = {0xffffffffu, 0x80000000u, 0x7fffffff, sizeof control, 16, 8};
    for (int i = 0; i < 10; i++)
        for (int j = 0; j < 6; j++) {
            struct iovec part[1] = {{"x", 1}};
            struct msghdr message = {0};
            control.head.len = lengths[i];
            control.head.level = control.head.type = 1;
            message.iov = part;
            message.iovlen = 1;
            message.control = &control;
            message.controllen = rooms[j];
            if (sys_sendmsg(ends[0], &message, 0x40) > 0 && rooms[j] > sizeof control) won("a control message outside");
            message.control = LAST_BYTES - 16;
            won_if(sys_sendmsg(ends[0], &message, 0x40) > 0 && rooms[j] > 20, "a control message beyond the end");
            won_if(sys_recvmsg(ends[1], &message, 0x40) > 0 && rooms[j] > 20, "received beyond the end");
            message.control = NULL;
            message.name = FAR;
            message.namelen = 128;
            won_if(sys_recvmsg(ends[1], &message, 0x40) > 0, "received a name outside");
        }
    u32 size = 0xffffffffu;
    won_if(sys_recvfrom(ends[1], bytes, 1, 0x40, FAR, &size) > 0, "received a name outside");
    won_if(!sys_getsockopt(ends[0], 1, 3, FAR, &size), "an option outside");
    size = 0x7fffffff;
    won_if(!sys_getsockopt(ends[0], 1, 3, FAR, &size), "an option outside");
    won_if(!sys_setsockopt(ends[0], 1, 2, bytes, 0x7fffffff), "an option of 2 GiB");
}

static void waits(void)
{
    u64 pair[2] = {0x100000000ul, 8}, odd[2] = {(usize)LAST_BYTES, 8}, long_one[2] = {(usize)bytes, 0xffffffff};
    struct timespec none = {0, 0};
    won_if(sys_pselect6(0, NULL, NULL, NULL, &none, pair) >= 0, "a mask at 4 GiB");
    won_if(sys_pselect6(0, NULL, NULL, NULL, &none, odd) >= 0, "a mask beyond the end");
    won_if(sys_pselect6(0, NULL, NULL, NULL, &none, long_one) >= 0, "a mask of 4 GiB");
    won_if(sys_pselect6(0, NULL, NULL, NULL, &none, LAST_BYTES) >= 0, "a pair beyond the end");
    struct timeval zero = {0, 0};
    won_if(sys_select(64, (u64 *)(LAST_BYTES + 2), NULL, NULL, &zero) >= 0, "a set beyond the end");
    sys_select(0x7fffffff, (u64 *)bytes, NULL, NULL, &zero);
    won_if(sys_poll((void *)bytes, 0x20000000, 0) >= 0, "2**29 descriptors");
    won_if(sys_poll((void *)bytes, 0x2000000000000000ul, 0) > 0, "2**61 descriptors");
    won_if(sys_poll((void *)LAST_BYTES, 1, 0) >= 0, "a pollfd beyond the end");
    int epoll = (int)sys_epoll_create1(0), ends[2];
    struct epoll_event event = {4, 0x4142434445464748ul};
    sys_pipe2(ends, 0);
    sys_epoll_ctl(epoll, 1, ends[1], &event);
    won_if(sys_epoll_wait(epoll, (void *)bytes, 0x15555556, 0) > 0, "events beyond the end");
    won_if(sys_epoll_wait(epoll, (void *)(LAST_BYTES - 4), 1, 0) > 0, "an event beyond the end");
    won_if(!sys_epoll_ctl(epoll, 3, ends[1], (void *)(LAST_BYTES - 4)), "an event beyond the end");
}

static void futexes(void)
{
    struct timespec none = {0, 1000};
    void *far[] = {NULL, FAR, LAST_BYTES + 1, LAST_BYTES + 4, (void *)0xfffffffcu, bytes + 1};
    for (int i = 0; i < 6; i++) {
        won_if(sys_futex(far[i], 0, 0, &none, NULL, 0) == 0, "waited outside");
        won_if(sys_futex(far[i], 1, 1, NULL, NULL, 0) >= 0, "woke outside");
        won_if(sys_futex((u32 *)bytes, 3, 1, (void *)1, far[i], 0) >= 0, "moved waiters outside");
        won_if(sys_futex((u32 *)bytes, 5, 1, (void *)1, far[i], 0) >= 0, "changed a word outside");
    }
}

static void names(void)
{
    won_if(!sys_prctl(15, 0x100000000ul, 0, 0, 0), "a name at 4 GiB");
    won_if(!sys_prctl(16, (usize)LAST_BYTES, 0, 0, 0), "a name beyond the end");
    won_if(!sys_prctl(35, 8, 0x1000, 0, 0), "PR_SET_MM");
    won_if(!sys_prctl(16, ~0ul, 0, 0, 0), "a name outside");
    won_if(sys_open(FAR, 0, 0) >= 0 || sys_open(LAST_BYTES + 3, 0, 0) >= 0, "a path outside");
    memset(LAST_BYTES, 'x', 4);
    won_if(sys_open(LAST_BYTES, O_CREAT, 0644) >= 0, "a path without an end");
    won_if(!sys_mkdir(LAST_BYTES, 0755), "a path without an end");
    const char **argv = (const char **)LAST_BYTES;
    *argv = "x";
    sys_execve("file", argv, NULL);
    sys_execve("file", NULL, argv);
    struct { u32 at, flags, size; } stack = {0xfffff000u, 0, 0x10000};
    sys_sigaltstack(&stack, NULL);
    sys_kill((int)sys_getpid(), 0);
}

static int wrong_type(long a, long b) { return (int)(a + b); }

/* A handler that is no handler: a trap, and nothing else. */
static void wrong_handler(void)
{
    handle(SIGUSR1, (void *)wrong_type, 0);
    sys_kill((int)sys_getpid(), SIGUSR1);
    won("went on");
}

static void no_handler(void)
{
    handle(SIGUSR1, (void *)0x7ffffff0, SA_SIGINFO);
    sys_kill((int)sys_getpid(), SIGUSR1);
    won("went on");
}

static const struct attack all[] = {
    {"mapping-outside", mapping_outside},
    {"moved-outside", moved_outside},
    {"unmapped", unmapped},
    {"vectors", vectors},
    {"lengths", lengths},
    {"control-messages", messages},
    {"waits", waits},
    {"futexes", futexes},
    {"names", names},
    {"wrong-handler", wrong_handler},
    {"no-handler", no_handler},
};

ATTACKS(all)
