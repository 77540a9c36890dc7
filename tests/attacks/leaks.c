/* What a program might learn: the host's environment, arguments and name, and bytes that nobody has written. */
#include "attacks.h"

static void variables(void)
{
    for (char **each = environment; *each; each++) text(&out, *each), text(&out, "\n");
    won_if(*environment != NULL, "has an environment");
}

/* Only access and open know the path of the file of variables, and only for reading. */
static void variables_file(void)
{
#ifdef __wasm__
    char path[1000], bytes[64];
    struct stat found;
    struct statx more;
    won_if(wali_get_init_envfile(path, sizeof path) != 0, "has a file of variables");
    const char *name = "/.wali/environment";
    won_if(sys_open(name, O_RDONLY, 0) >= 0, "open");
    won_if(sys_open(name, O_RDWR | O_CREAT, 0644) >= 0, "open for writing");
    won_if(!sys_access(name, 4), "access");
    won_if(!sys_stat(name, &found) || !sys_lstat(name, &found), "stat");
    won_if(!sys_statx(AT_FDCWD, name, 0, 0x7ff, &more), "statx");
    won_if(sys_readlink(name, bytes, sizeof bytes) >= 0, "readlink");
    won_if(!sys_unlink(name) || !sys_rename(name, "mine") || !sys_rename("own", name), "names");
    won_if(!sys_truncate(name, 0) || !sys_chmod(name, 0777) || !sys_link(name, "mine"), "changes");
    won_if(!sys_mkdir("/.wali", 0755) || !sys_chdir("/.wali"), "its directory");
#endif
}

static void host_name(void)
{
    char names[390];
    sys_uname(names);
    for (int i = 0; i < 6; i++) text(&out, names + 65 * i), text(&out, "\n");
    won_if(!equal(names + 65, "localhost"), "the host's name");
}

/* Structures are filled with 0xaa first: what comes back is that, or what the call has to say, or 0. */
static void padding(void)
{
    struct stat found;
    struct statx more;
    u32 mask[40];
    static const char *const paths[] = {".", "..", "file"};
    make("file");
    for (int i = 0; i < 3; i++) {
        memset(&found, 0xaa, sizeof found);
        if (!sys_stat(paths[i], &found))
            won_if(found.pad || found.unused[0] || found.unused[1] || found.unused[2], "padding of stat");
        memset(&more, 0xaa, sizeof more);
        if (sys_statx(AT_FDCWD, paths[i], 0, 0x7ff, &more)) continue;
        for (int j = 48; j < 64; j++) won_if(more.words[j] != 0, "padding of statx");
    }
    struct sockaddr_un name;
    u32 size = sizeof name;
    memset(&name, 0xaa, sizeof name);
    memset(mask, 0xaa, sizeof mask);
    int fd = (int)sys_socket(AF_UNIX, SOCK_STREAM, 0);
    sys_getsockname(fd, &name, &size);
    for (u32 i = size - 2; i < sizeof name.path; i++) won_if((u8)name.path[i] != 0xaa, "beyond a name");
    int ends[2];
    sys_socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
    sys_write(ends[0], "x", 1);
    char byte;
    struct iovec part[1] = {{&byte, 1}};
    struct msghdr message = {0};
    memset(&name, 0xaa, sizeof name);
    message.name = &name;
    message.namelen = sizeof name;
    message.iov = part;
    message.iovlen = 1;
    sys_recvmsg(ends[1], &message, 0);
    for (u32 i = 2; i < sizeof name.path; i++) won_if((u8)name.path[i] != 0xaa && name.path[i], "beyond a name");
    size = sizeof mask;
    sys_getsockopt(fd, 1, 3, mask, &size);
    for (u32 i = size / 4; i < 40; i++) won_if(mask[i] != 0xaaaaaaaa, "beyond an option");
}

static volatile u32 *told;

static void informed(int signal, u32 *info, u32 *context)
{
    (void)signal;
    (void)context;
    told = info;
    for (int i = 6; i < 32; i++) won_if(i > 7 && info[i] != 0, "bytes of siginfo that nobody has set");
}

static void signal_information(void)
{
    handle(SIGUSR1, (void *)informed, SA_SIGINFO);
    sys_kill((int)sys_getpid(), SIGUSR1);
    won_if(!told, "no handler has run");
}

static void old_memory(void)
{
    for (int round = 0; round < 50; round++) {
        usize size = PAGE * (1 + round % 7);
        long at = sys_mmap(NULL, size, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at <= 0) continue;
        u64 *words = (u64 *)(usize)at;
        for (usize i = 0; i < size / 8; i++) won_if(words[i] != 0, "memory that is not zero");
        memset(words, 0x55, size);
        if (round & 1) sys_madvise(words, size, 4);
        sys_munmap(words, size);
    }
#ifdef __wasm__
    long before = (int)__builtin_wasm_memory_grow(0, 2);
    if (before > 0)
        for (usize i = 0; i < 131072; i += 8) won_if(*(u64 *)(usize)(before * 65536 + i) != 0, "memory that is not zero");
#endif
}

static void arguments(void)
{
#ifdef __wasm__
    static char bytes[4096];
    int count = wali_get_argc();
    for (int i = -2; i < count + 64; i++) {
        int size = wali_get_argv_len(i);
        won_if((i < 0 || i >= count) && size > 0, "an argument that is not there");
        if (size < 4096) wali_copy_argv(bytes, i), text(&out, bytes), text(&out, "\n");
    }
#endif
    grab_path("/proc/self/cmdline");
    grab_path(join(join("/proc/", decimal(sys_getppid())), "/cmdline"));
    grab_path(join(join("/proc/", decimal(victim)), "/cmdline"));
}

static const struct attack all[] = {
    {"variables", variables},
    {"variables-file", variables_file},
    {"host-name", host_name},
    {"padding", padding},
    {"signal-information", signal_information},
    {"old-memory", old_memory},
    {"arguments", arguments},
};

ATTACKS(all)
