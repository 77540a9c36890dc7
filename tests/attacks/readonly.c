/* Ways to change what is granted for reading. */
#include "attacks.h"

static char *file, *dir;

static void names(void)
{
    file = below("/ro/file");
    dir = below("/ro");
}

static void opened_for_writing(void)
{
    names();
    int flags[] = {O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_WRONLY | O_TRUNC, O_WRONLY | O_APPEND, O_RDWR | O_CREAT,
                   O_RDONLY | O_CREAT | O_TRUNC, 3, 3 | O_TRUNC};
    for (usize i = 0; i < sizeof flags / sizeof *flags; i++) {
        spoil(sys_open(file, flags[i], 0644));
        spoil(sys_open(below("/rw/../ro/file"), flags[i], 0644));
        spoil(sys_openat((int)sys_open(dir, O_PATH, 0), "file", flags[i], 0644));
    }
    spoil(sys_creat(file, 0644));
    spoil(sys_open(below("/ro/fresh"), O_CREAT | O_EXCL | O_WRONLY, 0644));
    spoil(sys_open(below("/ro/fresh2"), O_CREAT, 0644));
    spoil(sys_creat(below("/ro/sub/fresh"), 0644));
}

static void shortened(void)
{
    names();
    int fd = (int)sys_open(file, O_RDONLY, 0), path = (int)sys_open(file, O_PATH, 0);
    sys_truncate(file, 0);
    sys_truncate(below("/ro/sub/../file"), 1 << 20);
    sys_ftruncate(fd, 0);
    sys_ftruncate(path, 0);
    sys_fallocate(fd, 0, 0, 1 << 16);
    sys_fallocate(fd, 3, 0, 4);
}

static void times(void)
{
    names();
    struct timespec times[2] = {{1, 0}, {1, 0}};
    struct timeval values[2] = {{1, 0}, {1, 0}};
    long pair[2] = {1, 1};
    int fd = (int)sys_open(file, O_RDONLY, 0), path = (int)sys_open(file, O_PATH, 0);
    sys_utimensat(AT_FDCWD, file, times, 0);
    sys_utimensat(AT_FDCWD, file, times, AT_SYMLINK_NOFOLLOW);
    sys_utimensat(fd, NULL, times, 0);
    sys_utimensat(fd, "", times, AT_EMPTY_PATH);
    sys_utimensat(path, "", times, AT_EMPTY_PATH);
    sys_utimensat((int)sys_open(dir, O_RDONLY, 0), "file", times, 0);
    sys_futimesat(AT_FDCWD, file, values);
    sys_utimes(file, values);
    sys_utime(file, pair);
    sys_utimes(dir, NULL);
    sys_utimes(below("/ro/sub/."), NULL);
}

static void modes(void)
{
    names();
    int fd = (int)sys_open(file, O_RDONLY, 0), path = (int)sys_open(file, O_PATH, 0);
    sys_chmod(file, 0777);
    sys_fchmod(fd, 0777);
    sys_fchmod(path, 0777);
    sys_fchmodat(AT_FDCWD, file, 0777, 0);
    sys_fchmodat((int)sys_open(dir, O_PATH, 0), "file", 0777, 0);
    sys_chmod(dir, 0700);
    sys_chmod(join(dir, "/"), 0700);
    sys_fchmod((int)sys_open(dir, O_RDONLY, 0), 0700);
}

static void owners(void)
{
    names();
    int fd = (int)sys_open(file, O_RDONLY, 0), path = (int)sys_open(file, O_PATH, 0);
    sys_chown(file, (int)sys_getuid(), -1); /* which whoever owns it may do, and its ctime tells of */
    sys_chown(file, 1, 1);
    sys_lchown(file, 1, 1);
    sys_fchown(fd, 1, 1);
    sys_fchownat(fd, "", 1, 1, AT_EMPTY_PATH);
    sys_fchownat(path, "", 1, 1, AT_EMPTY_PATH);
    sys_fchownat(AT_FDCWD, file, 1, 1, AT_SYMLINK_NOFOLLOW);
    sys_lchown(below("/ro/link"), 1, 1);
    sys_chown(dir, 1, 1);
}

static void changed_names(void)
{
    names();
    sys_unlink(file);
    sys_rename(file, below("/ro/renamed"));
    sys_renameat2(AT_FDCWD, file, AT_FDCWD, below("/ro/sub/inner"), RENAME_EXCHANGE);
    sys_symlink("x", below("/ro/pointer"));
    sys_mkdir(below("/ro/made"), 0755);
    sys_rmdir(below("/ro/empty"));
    sys_mknod(below("/ro/pipe"), 0010644, 0);
    sys_link(file, below("/ro/linked"));
    sys_unlinkat((int)sys_open(dir, O_PATH, 0), "file", 0);
    sys_unlinkat((int)sys_open(below("/ro/sub"), O_RDONLY, 0), "../file", 0);
    sys_rmdir(dir);
    sys_rename(dir, below("/rw/ro"));
    struct sockaddr_un name = unix_of(below("/ro/bound"));
    sys_bind((int)sys_socket(AF_UNIX, SOCK_STREAM, 0), &name, sizeof name);
}

static void linked_into_writable(void)
{
    names();
    int fd = (int)sys_open(file, O_RDONLY, 0), path = (int)sys_open(file, O_PATH, 0);
    sys_symlink(file, "soft");
    sys_link(file, "hard1");
    sys_linkat(AT_FDCWD, "soft", AT_FDCWD, "hard2", AT_SYMLINK_FOLLOW);
    sys_linkat(path, "", AT_FDCWD, "hard3", AT_EMPTY_PATH);
    sys_linkat(fd, "", AT_FDCWD, "hard4", AT_EMPTY_PATH);
    sys_linkat(AT_FDCWD, join("/proc/self/fd/", decimal(fd)), AT_FDCWD, "hard5", AT_SYMLINK_FOLLOW);
    sys_rename(file, "hard6");
    sys_renameat2(AT_FDCWD, "own", AT_FDCWD, file, RENAME_EXCHANGE);
    for (int i = 1; i <= 6; i++) spoil(sys_open(join("hard", decimal(i)), O_WRONLY, 0));
}

static void through_links(void)
{
    names();
    sys_symlink(file, "to-file");
    sys_symlink("../ro", "to-dir");
    sys_symlink("to-dir/sub/../file", "to-file-2");
    const char *ways[] = {"to-file", "to-dir/file", "to-file-2", "to-dir/fresh", "to-dir/sub/../link"};
    for (int i = 0; i < 5; i++) {
        spoil_path(ways[i]);
        sys_truncate(ways[i], 0);
        sys_chmod(ways[i], 0777);
        sys_utimes(ways[i], NULL);
    }
    sys_unlink("to-dir/file");
    sys_mkdir("to-dir/made", 0755);
}

static void from_inside(void)
{
    names();
    sys_chdir(dir);
    spoil_path("file");
    spoil_path("fresh");
    sys_unlink("file");
    sys_mkdir("made", 0755);
    sys_chmod("file", 0777);
    sys_utimes(".", NULL);
    sys_rename("file", "renamed");
    sys_chdir("sub");
    spoil_path("inner");
    spoil_path("../file");
    sys_unlink("inner");
    spoil(sys_open(".", O_TMPFILE | O_RDWR, 0644));
    int there = (int)sys_open(dir, O_TMPFILE | O_RDWR, 0644);
    sys_linkat(there, "", AT_FDCWD, below("/ro/linked"), AT_EMPTY_PATH);
}

static void mapped(void)
{
    names();
    int fd = (int)sys_open(file, O_RDONLY, 0);
    int shared[] = {MAP_SHARED, 3, MAP_SHARED | MAP_FIXED};
    long base = sys_mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 3; i++) {
        void *hint = shared[i] & MAP_FIXED ? (void *)(usize)base : NULL;
        long at = sys_mmap(hint, PAGE, PROT_READ | PROT_WRITE, shared[i], fd, 0);
        won_if(at > 0, "a shared mapping for writing");
        at = sys_mmap(hint, PAGE, PROT_READ, shared[i], fd, 0);
        if (at <= 0) continue;
        char *bytes = (char *)(usize)at;
        won_if(!sys_mprotect(bytes, PAGE, PROT_READ | PROT_WRITE), "a writable mapping");
#ifdef __wasm__
        memcpy(bytes, "SPOILED", 7);
        sys_msync(bytes, PAGE, 4);
        long moved = sys_mremap(bytes, PAGE, 2 * PAGE, 1, NULL);
        if (moved > 0) memcpy((char *)(usize)moved, "SPOILED", 7), sys_munmap((void *)(usize)moved, 2 * PAGE);
#endif
        sys_munmap(bytes, PAGE);
    }
}

static void reopened(void)
{
    names();
    int path = (int)sys_open(file, O_PATH, 0), fd = (int)sys_open(file, O_RDONLY, 0);
    const char *ways[] = {"/proc/self/fd/", "/dev/fd/", "/proc/thread-self/fd/"};
    for (int i = 0; i < 3; i++) {
        spoil(sys_open(join(ways[i], decimal(path)), O_RDWR, 0));
        spoil(sys_open(join(ways[i], decimal(fd)), O_WRONLY | O_TRUNC, 0));
        sys_truncate(join(ways[i], decimal(fd)), 0);
        sys_chmod(join(ways[i], decimal(fd)), 0777);
    }
    spoil(sys_openat(fd, "", O_RDWR, 0));
    spoil(sys_openat(path, ".", O_RDWR, 0));
    sys_fcntl(fd, 4, O_RDWR | O_APPEND);
    sys_write(fd, "SPOILED", 7);
    int copy = (int)sys_dup(fd);
    sys_write(copy, "SPOILED", 7);
    sys_pwrite64(fd, "SPOILED", 7, 0);
    struct iovec parts[1] = {{"SPOILED", 7}};
    sys_pwritev(fd, parts, 1, 0, 0);
    sys_writev(fd, parts, 1);
    sys_sendfile(fd, make("source"), NULL, 7);
}

static void requests(void)
{
    names();
    int fd = (int)sys_open(file, O_RDONLY, 0), own = make("flags");
    int path = (int)sys_open(dir, O_RDONLY, 0);
    sys_write(own, "SPOILED", 7);
    u32 flags[16] = {0x40 | 0x80, 0}; /* no immutable files: natively somebody has to remove them */
    int numbers[] = {0x40086602, 0x401c5820, (int)0xc0189436, 0x40045877, (int)0x80086601};
    for (int i = 0; i < 5; i++) {
        sys_ioctl(fd, numbers[i], flags);
        sys_ioctl(path, numbers[i], flags);
    }
    won_if(!sys_ioctl(own, 0x40086602, flags), "flags of a file");
    sys_ioctl(fd, 0x40049409, (void *)(usize)own);
    won_if(!sys_fcntl(fd, 1024, 1), "a lease");
    won_if(!sys_fcntl(path, 1026, 4), "a notification");
}

static void passed_on(void)
{
    names();
    int fd = (int)sys_open(file, O_RDONLY, 0), ends[2], received = -1;
    sys_socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    struct { struct cmsghdr head; int fd; } control = {{0}, 0}, back = {{0}, 0};
    control.head.len = sizeof control.head + sizeof(int);
    control.head.level = 1;
    control.head.type = 1;
    control.fd = fd;
    char byte = 'x';
    struct iovec part[1] = {{&byte, 1}};
    struct msghdr message = {0};
    message.iov = part;
    message.iovlen = 1;
    message.control = &control;
    message.controllen = sizeof control;
    sys_sendmsg(ends[0], &message, 0);
    message.control = &back;
    sys_recvmsg(ends[1], &message, 0);
    received = back.fd;
    struct timespec times[2] = {{1, 0}, {1, 0}};
    sys_fchmod(received, 0777);
    sys_fchown(received, 1, 1);
    sys_utimensat(received, NULL, times, 0);
    sys_utimensat(received, "", times, AT_EMPTY_PATH);
    sys_ftruncate(received, 0);
    sys_write(received, "SPOILED", 7);
    sys_linkat(received, "", AT_FDCWD, "received", AT_EMPTY_PATH);
    spoil(sys_open("received", O_WRONLY, 0));
}

static const struct attack all[] = {
    {"ro-opened", opened_for_writing},
    {"ro-shortened", shortened},
    {"ro-times", times},
    {"ro-modes", modes},
    {"ro-owners", owners},
    {"ro-names", changed_names},
    {"ro-linked", linked_into_writable},
    {"ro-through-links", through_links},
    {"ro-from-inside", from_inside},
    {"ro-mapped", mapped},
    {"ro-reopened", reopened},
    {"ro-requests", requests},
    {"ro-passed-on", passed_on},
};

ATTACKS(all)
