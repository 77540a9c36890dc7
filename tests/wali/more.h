/* Calls and structures beyond those that `wali.h` has, and arguments as words of a script. */
#include "try.h"

struct statfs { long type, bsize; u64 blocks, bfree, bavail, files, ffree, fsid; long namelen, frsize, flags, spare[4]; };
struct statx_time { long sec; u32 nsec; int pad; };
struct statx {
    u32 mask, blksize;
    u64 attributes;
    u32 nlink, uid, gid;
    unsigned short mode, pad;
    u64 ino, size, blocks, attributes_mask;
    struct statx_time atime, btime, ctime, mtime;
    u32 rdev_major, rdev_minor, dev_major, dev_minor;
    u64 rest[14];
};
struct rlimit { u64 cur, max; };
struct rusage { struct timeval utime, stime; long maxrss, counts[13], rest[16]; };
struct sysinfo {
    long uptime;
    u64 loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
    unsigned short procs, pad;
    u64 totalhigh, freehigh;
    u32 mem_unit;
    char rest[256];
};

CALL2(chmod, const char *, u32)
CALL2(fchmod, int, u32)
CALL3(chown, const char *, int, int)
CALL3(lchown, const char *, int, int)
CALL3(fchown, int, int, int)
CALL5(fchownat, int, const char *, int, int, int)
CALL1(umask, u32)
CALL4(utimensat, int, const char *, const struct timespec *, int)
CALL3(futimesat, int, const char *, const struct timeval *)
CALL2(utimes, const char *, const struct timeval *)
CALL2(utime, const char *, const long *)
CALL4(faccessat2, int, const char *, int, int)
CALL5(statx, int, const char *, int, u32, struct statx *)
CALL2(statfs, const char *, struct statfs *)
CALL2(fstatfs, int, struct statfs *)
CALL2(truncate, const char *, long)
CALL2(link, const char *, const char *)
CALL5(linkat, int, const char *, int, const char *, int)
CALL2(symlink, const char *, const char *)
CALL3(symlinkat, const char *, int, const char *)
CALL3(mkdirat, int, const char *, int)
CALL3(unlinkat, int, const char *, int)
CALL4(readlinkat, int, const char *, char *, int)
CALL4(renameat, int, const char *, int, const char *)
CALL5(renameat2, int, const char *, int, const char *, int)
CALL2(creat, const char *, u32)
CALL3(mknod, const char *, u32, long)
CALL1(chroot, const char *)
CALL5(preadv, int, const struct iovec *, int, long, long)
CALL5(pwritev, int, const struct iovec *, int, long, long)
CALL4(sendfile, int, int, long *, usize)
CALL4(fallocate, int, int, long, long)
CALL0(sync)
CALL2(flock, int, int)
CALL1(fsync, int)
CALL1(fdatasync, int)
CALL1(setuid, u32)
CALL1(setgid, u32)
CALL2(setreuid, u32, u32)
CALL2(setregid, u32, u32)
CALL3(setresuid, u32, u32, u32)
CALL3(setresgid, u32, u32, u32)
CALL3(getresuid, u32 *, u32 *, u32 *)
CALL3(getresgid, u32 *, u32 *, u32 *)
CALL2(getgroups, int, u32 *)
CALL2(setgroups, usize, const u32 *)
CALL2(setpgid, int, int)
CALL1(getpgid, int)
CALL0(getpgrp)
CALL1(getsid, int)
CALL0(setsid)
CALL0(getppid)
CALL2(getrlimit, int, struct rlimit *)
CALL2(setrlimit, int, const struct rlimit *)
CALL4(prlimit64, int, int, const struct rlimit *, struct rlimit *)
CALL2(getrusage, int, struct rusage *)
CALL1(times, long *)
CALL1(sysinfo, struct sysinfo *)
CALL0(sched_yield)
CALL3(sched_getaffinity, int, usize, u64 *)
CALL3(sched_setaffinity, int, usize, const u64 *)
CALL3(sched_setscheduler, int, int, const int *)
CALL2(mlock, const void *, usize)
CALL2(munlock, const void *, usize)
CALL1(mlockall, int)
CALL0(munlockall)
CALL5(prctl, int, u64, u64, u64, u64)
CALL4(faccessat, int, const char *, int, int)
CALL4(fchmodat, int, const char *, u32, int)
#ifndef __wasm__
#define SYS_fadvise SYS_fadvise64
#endif
CALL4(fadvise, int, long, long, int)

/* A script: words are taken one after the other, and a command is printed with those that it took. */
static char **words;

__attribute__((unused)) static const char *word(void)
{
    const char *taken = *words++;
    text(&out, " ");
    text(&out, taken);
    return taken;
}

/* A path: NULL, BAD and EMPTY have names. */
__attribute__((unused)) static const char *path(void)
{
    const char *taken = word();
    if (equal(taken, "NULL")) return NULL;
    if (equal(taken, "BAD")) return BAD;
    if (equal(taken, "EMPTY")) return "";
    return taken;
}

/* A number: decimal, 0octal, 0xhex; CWD is AT_FDCWD. */
__attribute__((unused)) static long value(void)
{
    const char *taken = word();
    if (equal(taken, "CWD")) return AT_FDCWD;
    if (taken[0] != '0' || !taken[1]) return number(taken);
    int base = taken[1] == 'x' ? 16 : 8;
    long result = 0;
    for (taken += base == 16 ? 2 : 1; *taken; taken++)
        result = result * base + (*taken <= '9' ? *taken - '0' : *taken - 'a' + 10);
    return result;
}
