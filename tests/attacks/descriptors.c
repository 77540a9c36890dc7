/* Guessing descriptors: the engine's own, and those that its process was given (700 a secret, 701 a directory with one). */
#include "attacks.h"

/* Numbers that the program never got: all low ones, and those near the usual limits. */
static int next_guess(int number)
{
    number++;
    if (number == 1101) return 4032;
    if (number == 4097) return 19900;
    if (number == 20100) return 65536 - 70;
    return number >= 65536 ? -1 : number;
}

#define GUESSES(n) int n = 3; n >= 0; n = next_guess(n)

static char bytes[4096];

static void show_bytes(long n)
{
    if (n <= 0) return;
    put(&out, bytes, n);
    won("bytes of a guessed descriptor");
}

static void guessed_read(void)
{
    struct iovec part[1] = {{bytes, sizeof bytes}};
    for (GUESSES(n)) {
        struct stat found;
        show_bytes(sys_pread64(n, bytes, sizeof bytes, 0));
        won_if(!sys_fstat(n, &found), "fstat");
        won_if(sys_lseek(n, 0, 1) >= 0, "lseek");
        if (n < 700) continue; /* natively a pipe could wait for ever */
        show_bytes(sys_read(n, bytes, sizeof bytes));
        show_bytes(sys_readv(n, part, 1));
        show_bytes(sys_getdents64(n, bytes, sizeof bytes));
    }
}

static void guessed_write(void)
{
    struct iovec part[1] = {{"SPOILED", 7}};
    for (GUESSES(n)) {
        won_if(sys_write(n, "SPOILED", 7) > 0, "write");
        won_if(sys_pwrite64(n, "SPOILED", 7, 0) > 0, "pwrite");
        won_if(sys_writev(n, part, 1) > 0, "writev");
        won_if(!sys_ftruncate(n, 0), "ftruncate");
        won_if(!sys_fallocate(n, 0, 0, 4096), "fallocate");
    }
}

static void guessed_close(void)
{
    struct stat found;
    int closed = 0;
    for (GUESSES(n)) closed += !sys_close(n);
    won_if(closed, "closed what it never had");
    long fd = make("after");
    won_if(fd < 0 || sys_stat("after", &found) || sys_mkdir("after-dir", 0755), "the engine is broken");
}

static void guessed_copy(void)
{
    for (GUESSES(n)) {
        won_if(sys_dup(n) >= 0, "dup");
        won_if(sys_dup2(n, 4) >= 0 && n != 4, "dup2");
        won_if(sys_dup3(n, 4, 0) >= 0, "dup3");
        won_if(sys_fcntl(n, 0, 0) >= 0, "F_DUPFD");
        won_if(sys_fcntl(n, 1030, 0) >= 0, "F_DUPFD_CLOEXEC");
        won_if(sys_fcntl(n, 3, 0) >= 0, "F_GETFL");
        won_if(sys_fcntl(n, 1, 0) >= 0, "F_GETFD");
    }
}

static void overwritten(void)
{
    struct stat found;
    int own = make("over");
    for (GUESSES(n))
        if (n != own && sys_dup2(own, n) == n) sys_close(n);
    won_if(sys_stat("over", &found) != 0, "the engine has lost its directory");
    won_if(make("over2") < 0, "the engine has lost its directory");
}

static void guessed_wait(void)
{
    int epoll = (int)sys_epoll_create1(0);
    for (GUESSES(n)) {
        struct pollfd one = {n, 7, 0};
        struct epoll_event event = {7, 0};
        if (n == epoll) continue;
        sys_poll(&one, 1, 0);
        won_if(one.revents != 0x20, "poll");
        won_if(sys_epoll_ctl(epoll, 1, n, &event) != -9, "epoll_ctl");
        if (n >= 1024) continue;
        u64 set[16] = {0};
        struct timeval none = {0, 0};
        set[n / 64] = 1ul << n % 64;
        won_if(sys_select(n + 1, set, NULL, NULL, &none) > 0, "select");
    }
}

static void guessed_message(void)
{
    int ends[2];
    sys_socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
    for (GUESSES(n)) {
        struct { struct cmsghdr head; int fd; } control = {{0}, n}, back = {{0}, -1};
        char byte = 'x';
        struct iovec part[1] = {{&byte, 1}};
        struct msghdr message = {0};
        if (n == ends[0] || n == ends[1]) continue;
        control.head.len = sizeof control.head + sizeof(int);
        control.head.level = control.head.type = 1;
        message.iov = part;
        message.iovlen = 1;
        message.control = &control;
        message.controllen = sizeof control;
        if (sys_sendmsg(ends[0], &message, 0) < 0) continue;
        won("sent a guessed descriptor");
        message.control = &back;
        sys_recvmsg(ends[1], &message, 0);
        grab(back.fd);
    }
}

static void guessed_directory(void)
{
    for (GUESSES(n)) {
        const char *ways[] = {"secret", "../outside/secret", "outside/secret", "../secret", "."};
        for (int i = 0; i < 5; i++) grab(sys_openat(n, ways[i], O_RDONLY | O_NONBLOCK, 0));
        won_if(!sys_mkdirat(n, "made", 0755), "mkdirat");
        won_if(!sys_fchdir(n), "fchdir");
        grab_path("secret");
        struct stat found;
        won_if(!sys_newfstatat(n, "", &found, AT_EMPTY_PATH), "AT_EMPTY_PATH");
    }
}

static void guessed_mapping(void)
{
    for (GUESSES(n)) {
        long at = sys_mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, n, 0);
        if (at > 0) {
            put(&out, (char *)(usize)at, 64);
            won("mapped a guessed descriptor");
        }
    }
}

static void guessed_transfer(void)
{
    int own = make("copied"), ends[2];
    long zero = 0;
    sys_pipe2(ends, 04000);
    for (GUESSES(n)) {
        if (n == own || n == ends[0] || n == ends[1]) continue;
        won_if(sys_sendfile(own, n, &zero, 4096) > 0, "sendfile from");
        won_if(sys_sendfile(n, own, NULL, 4096) >= 0, "sendfile to");
        sys_ioctl(own, 0x40049409, (void *)(usize)n);
    }
    sys_lseek(own, 0, 0);
    grab(own);
}

static void guessed_control(void)
{
    int value[16];
    for (GUESSES(n)) {
        won_if(sys_ioctl(n, 0x541b, value) >= 0, "FIONREAD");
        won_if(sys_ioctl(n, 0x5451, NULL) >= 0, "FIOCLEX");
        won_if(!sys_flock(n, 6), "flock");
        won_if(!sys_fchmod(n, 0777), "fchmod");
        won_if(!sys_fchown(n, 1, 1), "fchown");
        won_if(!sys_utimensat(n, NULL, NULL, 0), "utimensat");
        won_if(sys_fcntl(n, 1032, 0) > 0, "F_GETPIPE_SZ");
        won_if(sys_fcntl(n, 1034, 0) >= 0, "F_GET_SEALS");
        u32 size = sizeof value;
        won_if(!sys_getsockname(n, value, &size), "getsockname");
        won_if(!sys_waitid(3, n, value, 5, NULL), "waitid");
    }
}

static void strange_numbers(void)
{
    int numbers[] = {-1, -2, -100, -101, (int)0x80000000, 0x7fffffff, 1 << 20, 1 << 24};
    for (int i = 0; i < 8; i++) {
        int n = numbers[i];
        show_bytes(sys_read(n, bytes, 16));
        won_if(sys_close(n) == 0, "close");
        won_if(sys_dup2(1, n) >= 0, "dup2");
        won_if(sys_fcntl(1, 0, n) >= 0, "F_DUPFD");
        if (n != AT_FDCWD) won_if(sys_openat(n, ".", O_RDONLY, 0) >= 0, "openat");
    }
}

static const struct attack all[] = {
    {"guessed-read", guessed_read},
    {"guessed-write", guessed_write},
    {"guessed-close", guessed_close},
    {"guessed-copy", guessed_copy},
    {"overwritten", overwritten},
    {"guessed-wait", guessed_wait},
    {"guessed-message", guessed_message},
    {"guessed-directory", guessed_directory},
    {"guessed-mapping", guessed_mapping},
    {"guessed-transfer", guessed_transfer},
    {"guessed-control", guessed_control},
    {"strange-numbers", strange_numbers},
};

ATTACKS(all)
