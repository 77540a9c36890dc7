/* Calls under attack by a second thread, which swaps what they are about between their check and their act.
 *
 *     program TOP PORT UDP VICTIM TOKEN MILLISECONDS CALL/SWAP...
 *
 * `CALLS` is the table: a call's name, of which kind it is, and what is done over and over.  What it is about is
 * allowed one moment, and forbidden the next: N is a number, D a directory's, P and Q are paths of a file that is there
 * and of one that is not, A is a socket's address.  `racing.py` reads the table too.
 */
#include "second_thread.h"

CALL3(readlink, const char *, char *, int)
CALL5(preadv, int, const struct iovec *, int, long, long)
CALL1(fchdir, int)
CALL1(fdatasync, int)
CALL1(fsync, int)
CALL4(faccessat, int, const char *, int, int)
CALL4(fadvise, int, long, long, int)
CALL2(statfs, const char *, void *)
CALL2(fstatfs, int, void *)
CALL4(faccessat2, int, const char *, int, int)
CALL3(dup3, int, int, int)

enum { N = 40, FREE = 41, OUTSIDE_SIZE = 96 };
static int D, src, allowed, forbidden;
static char *P, *Q, *rw, *ro, *other_path, *other_fresh;
static struct sockaddr_in A;
static char copy[64], fresh_copy[64];
static struct iovec piece[1];
static struct timespec now_times[2] = {{1, 0}, {1, 0}};
static struct timeval values[2] = {{1, 0}, {1, 0}};
static long pair[2] = {1, 1};

static void touch(void)
{
    char *bytes = (char *)sys_mmap(NULL, 4096, 3, 1, N, 0);
    if ((long)(usize)bytes > 0 && (usize)bytes < (usize)-4096) {
        *(volatile char *)bytes = '!';
        sys_msync(bytes, 4096, 4);
        sys_munmap(bytes, 4096);
    }
}

/* A file that may be sent may be sent: what matters is that it comes back as what it was. */
static void pass(void)
{
    static char control[64], byte;
    int ends[2];
    if (sys_socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) return;
    struct cmsghdr *head = (struct cmsghdr *)control;
    struct iovec one = {&byte, 1};
    *head = (struct cmsghdr){.len = sizeof *head + 4, .level = 1, .type = 1};
    *(int *)(head + 1) = N;
    struct msghdr message = {.iov = &one, .iovlen = 1, .control = control, .controllen = sizeof *head + 4};
    sys_sendmsg(ends[0], &message, 0);
    if (sys_recvmsg(ends[1], &message, 0x40) == 1 && message.controllen) {
        int got = *(int *)(head + 1);
        sys_fchmod(got, 0777);
        spoil(got);
    }
    sys_close(ends[0]);
    sys_close(ends[1]);
}

static void enter(long error)
{
    if (!error) spoil(sys_open("file", O_WRONLY, 0));
    sys_chdir(rw);
}

static int tcp(void) { return (int)sys_socket(AF_INET, SOCK_STREAM | 04000, 0); }
static int udp(void) { return (int)sys_socket(AF_INET, SOCK_DGRAM | 04000, 0); }
static void finish(int fd, long result) { (void)result; sys_close(fd); }

static void reach(void)
{
    int fd = tcp();
    finish(fd, sys_connect(fd, &A, sizeof A));
}

static void send_named(void)
{
    int fd = udp();
    struct msghdr message = {.name = &A, .namelen = sizeof A, .iov = piece, .iovlen = 1};
    sys_sendmsg(fd, &message, 0);
    finish(fd, sys_sendto(fd, "SPOILED", 7, 0, &A, sizeof A));
}

static void name_own(void)
{
    struct sockaddr_in found = {0};
    u32 size = sizeof found;
    int fd = tcp();
    if (!sys_bind(fd, &A, sizeof A) && !sys_getsockname(fd, &found, &size))
        won_if(found.port != swapped(1), "a port that was not granted");
    sys_close(fd);
}

/* A socket that loses its port while it is about to listen would get another one, which nobody has granted. */
static volatile int listening = -1;

static void listen_there(void)
{
    struct sockaddr_in found = {0};
    u32 size = sizeof found;
    int fd = tcp(), on = 0;
    listening = fd;
    sys_connect(fd, &A, sizeof A);
    if (!sys_listen(fd, 1)) {
        size = sizeof found;
        sys_getsockname(fd, &found, &size);
        u32 length = sizeof on;
        sys_getsockopt(fd, 1, 30, &on, &length);
        won_if(on && found.port != swapped(1), "listens at a port that was not granted");
    }
    listening = -1;
    sys_close(fd);
}

/* What lies outside has another size than all that is granted. */
static void look(long error, const struct stat *found)
{
    won_if(!error && found->size == OUTSIDE_SIZE, "was told of a file outside");
}

static void execute(const char *path)
{
    static const char *args[] = {"x", NULL}, *none[] = {NULL};
    sys_execve(path, args, none);
}

#define CALLS(X) \
    X(read, file, sys_read(N, copy, 0)) \
    X(write, file, sys_write(N, "SPOILED", 7)) \
    X(pread64, file, sys_pread64(N, copy, 1, 0)) \
    X(pwrite64, file, sys_pwrite64(N, "SPOILED", 7, 0)) \
    X(readv, file, sys_readv(N, piece, 0)) \
    X(writev, file, sys_writev(N, piece, 1)) \
    X(preadv, file, sys_preadv(N, piece, 0, 0, 0)) \
    X(pwritev, file, sys_pwritev(N, piece, 1, 0, 0)) \
    X(lseek, file, sys_lseek(N, 0, 0)) \
    X(ftruncate, file, sys_ftruncate(N, 0)) \
    X(fallocate, file, sys_fallocate(N, 0, 0, 65536)) \
    X(fadvise, file, sys_fadvise(N, 0, 0, 4)) \
    X(fsync, file, sys_fsync(N)) \
    X(fdatasync, file, sys_fdatasync(N)) \
    X(sendfile, file, sys_sendfile(N, src, NULL, 5)) \
    X(mmap, file, touch()) \
    X(fchmod, file, sys_fchmod(N, 0777)) \
    X(fchown, file, sys_fchown(N, 1, 1)) \
    X(fstat, file, sys_fstat(N, (struct stat *)allocated)) \
    X(fstatfs, file, sys_fstatfs(N, allocated)) \
    X(flock, file, sys_flock(N, 4 | 8)) \
    X(fcntl, file, sys_fcntl(N, 4, 02000); sys_fcntl(N, 1031, 4096)) \
    X(ioctl, file, sys_ioctl(N, 0x5421, allocated); sys_ioctl(N, 0x40049409, (void *)(usize)src)) \
    X(dup, file, sys_close((int)sys_dup(N))) \
    X(dup2, file, sys_dup2(N, FREE); sys_fchmod(FREE, 0777); sys_fchown(FREE, 1, 1)) \
    X(dup3, file, sys_dup3(N, FREE, 02000000); sys_fchmod(FREE, 0777)) \
    X(close, file, sys_close(N)) \
    X(sendmsg, file, pass()) \
    X(getdents64, file, sys_getdents64(N, copy, sizeof copy)) \
    X(fchdir, directory, enter(sys_fchdir(N))) \
    X(utimensat_fd, file, sys_utimensat(N, NULL, now_times, 0)) \
    X(futimesat_fd, file, sys_futimesat(N, NULL, values)) \
    X(utimensat_empty, file, sys_utimensat(N, "", now_times, AT_EMPTY_PATH)) \
    X(fchownat_empty, file, sys_fchownat(N, "", 1, 1, AT_EMPTY_PATH)) \
    X(linkat_empty, file, sys_linkat(N, "", AT_FDCWD, "linked", AT_EMPTY_PATH); spoil(sys_open("linked", O_WRONLY, 0)); \
        sys_unlink("linked")) \
    X(openat, at, spoil(sys_openat(D, P, O_WRONLY, 0))) \
    X(openat_read, at, grab(sys_openat(D, P, O_RDONLY | O_NONBLOCK, 0))) \
    X(openat_create, at, sys_close((int)sys_openat(D, Q, O_WRONLY | O_CREAT, 0644))) \
    X(openat_truncate, at, sys_close((int)sys_openat(D, P, O_RDONLY | O_TRUNC, 0))) \
    X(openat_nameless, at, sys_close((int)sys_openat(D, ".", O_TMPFILE | O_WRONLY, 0644))) \
    X(mkdirat, at, sys_mkdirat(D, Q, 0755); sys_unlinkat(D, Q, AT_REMOVEDIR)) \
    X(unlinkat, at, sys_unlinkat(D, P, 0)) \
    X(renameat, at, sys_renameat(D, P, D, Q)) \
    X(renameat2, at, sys_renameat2(D, P, D, Q, 0)) \
    X(linkat, at, sys_linkat(D, P, AT_FDCWD, "linked", 0); spoil(sys_open("linked", O_WRONLY, 0)); sys_unlink("linked")) \
    X(linkat_into, at, sys_linkat(AT_FDCWD, "own", D, Q, 0)) \
    X(symlinkat, at, sys_symlinkat("x", D, Q)) \
    X(fchmodat, at, sys_fchmodat(D, P, 0777, 0)) \
    X(fchownat, at, sys_fchownat(D, P, 1, 1, 0)) \
    X(utimensat, at, sys_utimensat(D, P, now_times, 0)) \
    X(futimesat, at, sys_futimesat(D, P, values)) \
    X(newfstatat, at, look(sys_newfstatat(D, P, (struct stat *)allocated, 0), (struct stat *)allocated)) \
    X(statx, at, sys_statx(D, P, 0, 0xfff, (struct statx *)allocated)) \
    X(faccessat, at, sys_faccessat(D, P, 2, 0)) \
    X(faccessat2, at, sys_faccessat2(D, P, 2, 0)) \
    X(readlinkat, at, sys_readlinkat(D, P, copy, sizeof copy)) \
    X(open, path, spoil(sys_open(P, O_WRONLY, 0))) \
    X(open_read, path, grab_path(P)) \
    X(open_create, path, sys_close((int)sys_open(Q, O_WRONLY | O_CREAT, 0644))) \
    X(creat, path, sys_close((int)sys_creat(P, 0644))) \
    X(mkdir, path, sys_mkdir(Q, 0755)) \
    X(rmdir, path, sys_rmdir(Q)) \
    X(unlink, path, sys_unlink(P)) \
    X(rename, path, sys_rename(P, Q)) \
    X(link, path, sys_link(P, "linked"); spoil(sys_open("linked", O_WRONLY, 0)); sys_unlink("linked")) \
    X(link_into, path, sys_link("own", Q)) \
    X(symlink, path, sys_symlink("x", Q)) \
    X(mknod, path, sys_mknod(Q, 0010644, 0)) \
    X(chmod, path, sys_chmod(P, 0777)) \
    X(chown, path, sys_chown(P, 1, 1)) \
    X(lchown, path, sys_lchown(P, 1, 1)) \
    X(utimes, path, sys_utimes(P, values)) \
    X(utime, path, sys_utime(P, pair)) \
    X(truncate, path, sys_truncate(P, 0)) \
    X(chdir, path, sys_chdir(P); enter(0)) \
    X(stat, path, look(sys_stat(P, (struct stat *)allocated), (struct stat *)allocated)) \
    X(lstat, path, look(sys_lstat(P, (struct stat *)allocated), (struct stat *)allocated)) \
    X(access, path, sys_access(P, 2)) \
    X(statfs, path, sys_statfs(P, allocated)) \
    X(readlink, path, sys_readlink(P, copy, sizeof copy)) \
    X(execve, path, execute(P)) \
    X(connect_unix, path, int fd = (int)sys_socket(AF_UNIX, SOCK_STREAM | 04000, 0); struct sockaddr_un name = unix_of(P); \
        spoil(sys_connect(fd, &name, sizeof name) ? -1 : fd); sys_close(fd)) \
    X(bind_unix, path, int fd = (int)sys_socket(AF_UNIX, SOCK_STREAM, 0); struct sockaddr_un name = unix_of(Q); \
        sys_bind(fd, &name, sizeof name); sys_close(fd)) \
    X(connect, address, reach()) \
    X(sendto, address, send_named()) \
    X(bind, address, name_own()) \
    X(listen, address, listen_there())

static char allocated[4096];

#define DEFINE(name, kind, ...) static void act_##name(void) { __VA_ARGS__; }
CALLS(DEFINE)
#define ROW(name, kind, ...) {#name, #kind, act_##name},
static const struct { const char *name, *kind; void (*act)(void); } calls[] = {CALLS(ROW)};

/* -- what the second thread does ----------------------------------------------------------------------------------- */

static void numbers(void) { sys_dup2(allowed, N); sys_dup2(forbidden, N); }

/* The host's number of an allowed file becomes that of a forbidden one, as the lowest that is free. */
static const char *reopened;
static void reopen(void)
{
    sys_dup2(allowed, N);
    sys_close(N);
    int first = (int)sys_open(reopened, O_RDONLY, 0), second = (int)sys_open(reopened, O_RDONLY, 0);
    sys_close(first);
    sys_close(second);
}

static void directories(void) { sys_chdir(rw); sys_chdir(ro); sys_chdir(rw); }

static void rewrite(void)
{
    static int turn;
    const char *from = ++turn & 1 ? "../ro" : "./././"; /* of the same length, with the slash behind it */
    for (int i = 0; i < 5; i++) {
        ((volatile char *)P)[i] = from[i];
        ((volatile char *)Q)[i] = from[i];
    }
}

static void rename_around(void) { sys_renameat2(AT_FDCWD, other_path, AT_FDCWD, other_fresh, RENAME_EXCHANGE); }

static void ports(void)
{
    *(volatile u16 *)&A.port = swapped(1);
    *(volatile u16 *)&A.port = swapped(tcp_port);
    *(volatile u16 *)&A.port = swapped(udp_port);
}

static void disconnect(void)
{
    struct sockaddr_in none = {0};
    int fd = listening;
    if (fd >= 0) sys_connect(fd, &none, sizeof none);
}

static void into(char *room, const char *text_) { memcpy(room, text_, length(text_) + 1); }

/* Prepare a swap and return what the second thread does, NULL if it does not go with the kind of call. */
static void (*prepare(const char *kind, const char *swap))(void)
{
    int at = equal(kind, "at"), of_file = equal(kind, "file"), of_directory = at || equal(kind, "directory");
    D = AT_FDCWD;
    P = copy, Q = fresh_copy;
    into(P, "file"), into(Q, "fresh");
    A = address_of(LOOPBACK, 1);
    allowed = (int)sys_open(of_file ? "file" : ".", of_file ? O_RDWR | O_CREAT : O_RDONLY | O_DIRECTORY, 0644);
    if (of_file) sys_pwrite64(allowed, "content\n", 8, 0);
    else sys_close(make("file"));
    if (at) D = N;
    if (equal(swap, "read-only")) {
        forbidden = (int)sys_open(of_directory ? ro : below("/ro/file"), O_RDONLY, 0);
        return of_file || of_directory ? numbers : NULL;
    }
    if (equal(swap, "standard-input")) {
        forbidden = 0;
        return of_file ? numbers : NULL;
    }
    if (equal(swap, "path-only")) {
        forbidden = (int)sys_open(of_directory ? ro : below("/ro/file"), O_PATH, 0);
        return of_file || of_directory ? numbers : NULL;
    }
    if (equal(swap, "reopened")) {
        reopened = of_directory ? ro : below("/ro/file");
        return of_file || of_directory ? reopen : NULL;
    }
    if (at) D = AT_FDCWD;
    int by_path = at || equal(kind, "path");
    if (equal(swap, "working-directory")) return by_path ? directories : NULL;
    if (equal(swap, "bytes")) {
        into(P, "./././file"), into(Q, "./././fresh");
        return by_path ? rewrite : NULL;
    }
    if (equal(swap, "names")) {
        sys_mkdir("real", 0755);
        sys_close(make("real/file"));
        sys_symlink("../ro", "trap");
        other_path = "real", other_fresh = "trap";
        into(P, "real/file"), into(Q, "real/fresh");
        return by_path ? rename_around : NULL;
    }
    if (equal(swap, "outside")) {
        sys_mkdir("inner", 0755);
        sys_close(make("inner/file"));
        sys_symlink("../outside/dir", "way-out");
        other_path = "inner", other_fresh = "way-out";
        into(P, "inner/file"), into(Q, "inner/fresh");
        return by_path ? rename_around : NULL;
    }
    if (equal(swap, "ports")) return equal(kind, "address") ? ports : NULL;
    if (equal(swap, "disconnected")) return equal(kind, "address") ? disconnect : NULL;
    return NULL;
}

static void race(const char *call, const char *swap, long milliseconds)
{
    for (usize i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (!equal(call, calls[i].name)) continue;
        void (*other)(void) = prepare(calls[i].kind, swap);
        if (!other) break;
        begin(other);
        long tries = 0;
        for (long until = now() + milliseconds; now() < until; tries++) calls[i].act();
        end();
        text(&out, "tries ");
        text(&out, decimal(tries));
        text(&out, "\n");
    }
}

int main(int argc, char **argv, char **envp)
{
    environment = envp;
    top = argv[1];
    tcp_port = (int)number(argv[2]);
    udp_port = (int)number(argv[3]);
    victim = (int)number(argv[4]);
    token = argv[5];
    long milliseconds = number(argv[6]);
    rw = below("/rw"), ro = below("/ro");
    piece[0] = (struct iovec){"SPOILED", 7};
    for (int i = 7; i < argc; i++) {
        char *swap = argv[i];
        while (*swap != '/') swap++;
        text(&out, "== ");
        text(&out, argv[i]);
        text(&out, "\n");
        flush(&out);
        *swap++ = 0;
        sys_chdir(rw);
        src = (int)sys_open("own", O_RDONLY, 0);
        race(argv[i], swap, milliseconds);
        for (int n = 3; n < 60; n++) sys_close(n);
        text(&out, "done\n");
        flush(&out);
    }
    return 0;
}
