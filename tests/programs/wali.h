/* System calls for test programs, the same in both builds.
 *
 * As Wasm: each call is an import from "wali", and `_start` below does what a C
 * library would (environment file, arguments, main, exit).  Natively: each call
 * is the kernel's own.  Either way a call returns the kernel's raw result, an
 * error as minus its number; structures have the layout of x86-64 Linux, whose
 * `long` has 8 bytes in both builds.
 */
#ifndef WALI_H
#define WALI_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;
typedef __SIZE_TYPE__ usize;
#define NULL ((void *)0)

#define CONCAT_(a, b) a##b
#define CONCAT(a, b) CONCAT_(a, b)

#ifdef __wasm__

#define IMPORT(name) __attribute__((import_module("wali"), import_name(name)))
#define CALL0(name) IMPORT("SYS_" #name) long sys_##name(void);
#define CALL1(name, A) IMPORT("SYS_" #name) long sys_##name(A);
#define CALL2(name, A, B) IMPORT("SYS_" #name) long sys_##name(A, B);
#define CALL3(name, A, B, C) IMPORT("SYS_" #name) long sys_##name(A, B, C);
#define CALL4(name, A, B, C, D) IMPORT("SYS_" #name) long sys_##name(A, B, C, D);
#define CALL5(name, A, B, C, D, E) IMPORT("SYS_" #name) long sys_##name(A, B, C, D, E);
#define CALL6(name, A, B, C, D, E, F) IMPORT("SYS_" #name) long sys_##name(A, B, C, D, E, F);

#else

#include <errno.h>
#include <sys/syscall.h>
extern long syscall(long number, ...);
static inline long result_of(long result) { return result == -1 ? -errno : result; }
#define CALL0(name) \
    static inline long sys_##name(void) { return result_of(syscall(SYS_##name)); }
#define CALL1(name, A) \
    static inline long sys_##name(A a) { return result_of(syscall(SYS_##name, a)); }
#define CALL2(name, A, B) \
    static inline long sys_##name(A a, B b) { return result_of(syscall(SYS_##name, a, b)); }
#define CALL3(name, A, B, C) \
    static inline long sys_##name(A a, B b, C c) { return result_of(syscall(SYS_##name, a, b, c)); }
#define CALL4(name, A, B, C, D) \
    static inline long sys_##name(A a, B b, C c, D d) { return result_of(syscall(SYS_##name, a, b, c, d)); }
#define CALL5(name, A, B, C, D, E) \
    static inline long sys_##name(A a, B b, C c, D d, E e) { return result_of(syscall(SYS_##name, a, b, c, d, e)); }
#define CALL6(name, A, B, C, D, E, F) \
    static inline long sys_##name(A a, B b, C c, D d, E e, F f) \
    { return result_of(syscall(SYS_##name, a, b, c, d, e, f)); }

#endif

struct iovec { void *base; usize len; };
struct timespec { long sec, nsec; };
struct timeval { long sec, usec; };
struct stat {
    u64 dev, ino, nlink;
    u32 mode, uid, gid, pad;
    u64 rdev;
    long size, blksize, blocks;
    struct timespec atim, mtim, ctim;
    long unused[3];
};
struct pollfd { int fd; short events, revents; };
struct flock { short type, whence; long start, len; int pid, pad; };
struct winsize { unsigned short row, col, xpixel, ypixel; };
struct dirent { u64 ino; long off; unsigned short reclen; u8 type; char name[]; };

CALL3(read, int, void *, usize)
CALL3(write, int, const void *, usize)
CALL3(open, const char *, int, int)
CALL4(openat, int, const char *, int, int)
CALL1(close, int)
CALL2(stat, const char *, struct stat *)
CALL2(lstat, const char *, struct stat *)
CALL2(fstat, int, struct stat *)
CALL4(newfstatat, int, const char *, struct stat *, int)
CALL3(poll, struct pollfd *, u64, int)
CALL3(lseek, int, long, int)
CALL6(mmap, void *, usize, int, int, int, long)
CALL3(mprotect, void *, usize, int)
CALL2(munmap, void *, usize)
CALL5(mremap, void *, usize, usize, int, void *)
CALL3(msync, void *, usize, int)
CALL3(madvise, void *, usize, int)
CALL4(rt_sigaction, int, const void *, void *, usize)
CALL4(rt_sigprocmask, int, const u64 *, u64 *, usize)
CALL3(ioctl, int, int, void *)
CALL4(pread64, int, void *, usize, long)
CALL4(pwrite64, int, const void *, usize, long)
CALL3(readv, int, const struct iovec *, int)
CALL3(writev, int, const struct iovec *, int)
CALL2(access, const char *, int)
CALL1(dup, int)
CALL2(dup2, int, int)
CALL3(dup3, int, int, int)
CALL2(nanosleep, const struct timespec *, struct timespec *)
CALL0(getpid)
CALL1(exit, int)
CALL1(uname, char *)
CALL3(fcntl, int, int, long)
CALL2(ftruncate, int, long)
CALL2(getcwd, char *, usize)
CALL1(chdir, const char *)
CALL1(fchdir, int)
CALL2(rename, const char *, const char *)
CALL2(mkdir, const char *, int)
CALL1(rmdir, const char *)
CALL1(unlink, const char *)
CALL3(readlink, const char *, char *, int)
CALL2(gettimeofday, struct timeval *, void *)
CALL0(getuid)
CALL0(geteuid)
CALL0(getgid)
CALL0(getegid)
CALL0(gettid)
CALL6(futex, u32 *, int, u32, const struct timespec *, u32 *, u32)
CALL3(getdents64, int, void *, usize)
CALL1(set_tid_address, int *)
CALL2(clock_gettime, int, struct timespec *)
CALL2(clock_getres, int, struct timespec *)
CALL1(exit_group, int)
CALL3(getrandom, void *, usize, int)

#define O_RDONLY 0
#define O_WRONLY 01
#define O_RDWR 02
#define O_CREAT 0100
#define O_EXCL 0200
#define O_TRUNC 01000
#define O_APPEND 02000
#define O_NONBLOCK 04000
#define O_DIRECTORY 0200000
#define O_NOFOLLOW 0400000
#define O_CLOEXEC 02000000
#define O_PATH 010000000
#define AT_FDCWD (-100)
#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_SHARED 1
#define MAP_PRIVATE 2
#define MAP_FIXED 0x10
#define MAP_ANONYMOUS 0x20
#define PAGE 4096

/* Strings and memory. */

#ifdef __wasm__
void *memcpy(void *to, const void *from, usize n)
{
    u8 *d = to;
    const u8 *s = from;
    while (n--) *d++ = *s++;
    return to;
}
void *memset(void *to, int value, usize n)
{
    u8 *d = to;
    while (n--) *d++ = value;
    return to;
}
#else
void *memcpy(void *, const void *, usize);
void *memset(void *, int, usize);
#endif

__attribute__((unused)) static usize length(const char *s)
{
    usize n = 0;
    while (s[n]) n++;
    return n;
}

__attribute__((unused)) static int compare(const void *a, const void *b, usize n)
{
    const u8 *x = a, *y = b;
    for (usize i = 0; i < n; i++)
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    return 0;
}

__attribute__((unused)) static int equal(const char *a, const char *b)
{
    usize n = length(a);
    return n == length(b) && !compare(a, b, n);
}

__attribute__((unused)) static long number(const char *s)
{
    int negative = *s == '-';
    long value = 0;
    for (s += negative; *s >= '0' && *s <= '9'; s++) value = value * 10 + *s - '0';
    return negative ? -value : value;
}

/* Buffered output. */

struct out { int fd; usize used; char bytes[4096]; };
__attribute__((unused)) static struct out out = {1, 0, {0}}, err = {2, 0, {0}};

__attribute__((unused)) static void flush(struct out *to)
{
    usize done = 0;
    while (done < to->used) {
        long n = sys_write(to->fd, to->bytes + done, to->used - done);
        if (n < 0) break;
        done += n;
    }
    to->used = 0;
}

__attribute__((unused)) static void put(struct out *to, const void *data, usize n)
{
    const char *s = data;
    while (n--) {
        if (to->used == sizeof to->bytes) flush(to);
        to->bytes[to->used++] = *s++;
    }
}

__attribute__((unused)) static void text(struct out *to, const char *s) { put(to, s, length(s)); }

__attribute__((unused)) static void integer(struct out *to, long value, int width)
{
    char digits[24];
    int at = sizeof digits;
    u64 left = value < 0 ? -(u64)value : (u64)value;
    do digits[--at] = '0' + left % 10; while (left /= 10);
    if (value < 0) digits[--at] = '-';
    while ((int)sizeof digits - at < width) digits[--at] = ' ';
    put(to, digits + at, sizeof digits - at);
}

__attribute__((unused)) static void hex(struct out *to, u64 value, int width)
{
    while (width--) {
        char digit = "0123456789abcdef"[value >> 4 * width & 15];
        put(to, &digit, 1);
    }
}

/* Print "name=value" and a newline: what most small programs report. */
__attribute__((unused)) static void show(const char *name, long value)
{
    text(&out, name);
    put(&out, "=", 1);
    integer(&out, value, 0);
    put(&out, "\n", 1);
}

__attribute__((unused)) static void fail(const char *program, const char *what, long error)
{
    flush(&out);
    text(&err, program);
    text(&err, ": ");
    text(&err, what);
    text(&err, ": error ");
    integer(&err, -error, 0);
    text(&err, "\n");
    flush(&err);
}

/* Memory that is never given back. */
__attribute__((unused)) static void *allocate(usize n)
{
    static char *next;
    static usize left;
    n = (n + 15) & ~(usize)15;
    if (n > left) {
        usize size = n > 1 << 20 ? (n + PAGE - 1) & ~(usize)(PAGE - 1) : 1 << 20;
        long at = sys_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at < 0 && at > -4096) {
            fail("allocate", "mmap", at);
            sys_exit_group(99);
        }
        next = (char *)(usize)at;
        left = size;
    }
    char *result = next;
    next += n;
    left -= n;
    return result;
}

/* Read all of a descriptor; the error, or 0. */
__attribute__((unused)) static long read_all(int fd, char **data, usize *size)
{
    usize room = 1 << 16, used = 0;
    char *buffer = allocate(room);
    for (;;) {
        if (used == room) {
            char *larger = allocate(2 * room);
            memcpy(larger, buffer, used);
            buffer = larger;
            room *= 2;
        }
        long n = sys_read(fd, buffer + used, room - used);
        if (n < 0) return n;
        if (n == 0) break;
        used += n;
    }
    *data = buffer;
    *size = used;
    return 0;
}

int main(int argc, char **argv, char **envp);

#ifdef __wasm__

IMPORT("__init") int wali_init(void);
IMPORT("__deinit") int wali_deinit(void);
IMPORT("__proc_exit") void wali_proc_exit(int);
IMPORT("__cl_get_argc") int wali_get_argc(void);
IMPORT("__cl_get_argv_len") int wali_get_argv_len(int);
IMPORT("__cl_copy_argv") int wali_copy_argv(char *, int);
IMPORT("__get_init_envfile") int wali_get_init_envfile(char *, int);

static char **read_environment(void)
{
    static char *none[1];
    char path[1000];
    struct stat found;
    if (wali_get_init_envfile(path, sizeof path) != 1 || sys_access(path, 4) != 0) return none;
    int fd = sys_open(path, O_RDONLY, 0);
    if (fd < 0 || sys_fstat(fd, &found) != 0 || found.size == 0) return none;
    long at = sys_mmap(NULL, found.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    sys_close(fd);
    if (at <= 0) return none;
    char *data = (char *)(usize)at;
    usize lines = 0, next = 0;
    for (long i = 0; i < found.size; i++) lines += data[i] == '\n';
    char **all = allocate((lines + 1) * sizeof *all);
    for (long i = 0, start = 0; i < found.size; i++)
        if (data[i] == '\n') {
            data[i] = 0;
            all[next] = allocate(i - start + 1);
            memcpy(all[next++], data + start, i - start + 1);
            start = i + 1;
        }
    all[next] = NULL;
    sys_munmap(data, found.size);
    return all;
}

__attribute__((visibility("default"), export_name("_start"))) void _start(void)
{
    static int lock;
    wali_init();
    sys_set_tid_address(&lock);
    char **envp = read_environment();
    int argc = wali_get_argc();
    char **argv = allocate((argc + 1) * sizeof *argv);
    for (int i = 0; i < argc; i++) {
        argv[i] = allocate(wali_get_argv_len(i) + 1);
        wali_copy_argv(argv[i], i);
    }
    argv[argc] = NULL;
    int status = main(argc, argv, envp);
    if (status == 0) wali_deinit();
    wali_proc_exit(status);
}

#endif
#endif
