/* Taking all there is: the engine must end cleanly, or give an error and live on. */
#include "attacks.h"

static void grown_memory(void)
{
#ifdef __wasm__
    long pages = 0;
    while (pages < 100000 && (int)__builtin_wasm_memory_grow(0, 64) > 0) pages += 64;
    won_if(pages > 1100, "more memory than its limit");
#endif
    while (sys_mmap(NULL, 1 << 20, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) > 0) {}
    won_if(make("after-memory") < 0, "the engine is broken");
}

static void many_files(void)
{
    struct stat found;
    long refused = 0, fd = -1;
    for (int i = 0; i < 20000; i++) {
        long each = sys_open(".", O_RDONLY, 0);
        if (each >= 0) fd = each;
        else refused = each;
    }
    won_if(refused != -24, "no limit");
    won_if(sys_stat(".", &found) || sys_mkdir("after-files", 0755), "no descriptor is left for the engine");
    struct sockaddr_in name = address_of(LOOPBACK, tcp_port);
    int none;
    char target[64];
    sys_close((int)fd);
    fd = sys_socket(AF_INET, SOCK_STREAM, 0);
    sys_connect((int)fd, &name, sizeof name);
    sys_ioctl(0, 0x541b, &none);
    sys_mmap(NULL, PAGE, 3, MAP_PRIVATE, (int)fd, 0);
    struct pollfd one = {(int)fd, 1, 0};
    sys_poll(&one, 1, 0);
    sys_readlink("missing", target, sizeof target);
    sys_rename("after-files", "after-files-2");
    struct rlimit limit;
    sys_prlimit64(0, 6, NULL, &limit);
    sys_read(0, target, 1);
    sys_execve("file", NULL, NULL);
    char *argv[1] = {0};
    (void)argv;
}

static void full_pipe(void)
{
    int ends[2];
    sys_pipe2(ends, 0);
    sys_write(ends[1], allocate(1 << 22), 1 << 22);
    won("a pipe without end");
}

static void many_mappings(void)
{
    int fd = make("mapped");
    sys_ftruncate(fd, PAGE);
    for (int i = 0; i < 6000; i++) {
        long at = sys_mmap(NULL, PAGE, 3, i & 1 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, i & 1 ? fd : -1, 0);
        if (at > 0) *(volatile char *)(usize)at = 1;
    }
    won_if(sys_munmap((void *)(4u << 20), 1u << 28) != 0, "munmap fails");
}

static int depth;

static void again(int signal)
{
    depth++;
    sys_kill((int)sys_getpid(), signal);
}

static void nested_handlers(void)
{
    handle(SIGUSR1, (void *)again, SA_NODEFER);
    sys_kill((int)sys_getpid(), SIGUSR1);
    won("handlers without end");
}

static volatile long rings;

static void ring(int signal)
{
    (void)signal;
    rings++;
}

static void many_timers(void)
{
    long fast[4] = {0, 1, 0, 1}, none[4] = {0};
    handle(14, (void *)ring, 0);
    sys_setitimer(0, fast, NULL);
    long end = now() + 300;
    while (now() < end) {}
    sys_setitimer(0, none, NULL);
    won_if(!rings, "no signal came");
}

static void many_signals(void)
{
    int info[32] = {0};
    u64 set = 1ul << 39;
    info[2] = -1;
    sys_rt_sigprocmask(0, &set, NULL, 8);
    long refused = 0;
    for (int i = 0; i < 20000 && !refused; i++) refused = sys_rt_sigqueueinfo((int)sys_getpid(), 40, info);
    won_if(make("after-signals") < 0, "the engine is broken");
}

static void endless_links(void)
{
    struct stat found;
    sys_symlink("loop-b", "loop-a");
    sys_symlink("loop-a", "loop-b");
    sys_symlink("self/self/self/self", "self");
    for (int i = 0; i < 60; i++) sys_symlink(i ? join("l", decimal(i - 1)) : ".", join("l", decimal(i)));
    won_if(sys_open("loop-a", 0, 0) != -40 || sys_open("self", 0, 0) != -40, "a loop");
    won_if(sys_stat("l50/.", &found) != -40, "fifty links");
    char *path = allocate(4096), *at = path;
    for (int i = 0; i < 1300; i++) memcpy(at, "l1/", 3), at += 3;
    won_if(sys_stat(path, &found) != -40, "very many links");
}

static void long_walk(void)
{
    struct stat found;
    char *path = allocate(4096), *at = path;
    sys_mkdir("d", 0755);
    for (int i = 0; i < 800; i++) memcpy(at, "d/../", 5), at += 5;
    for (int i = 0; i < 20; i++) sys_stat(path, &found);
    for (at = path; at < path + 4000; ) *at++ = '.', *at++ = '/';
    sys_stat(path, &found);
    int deep = 0;
    while (deep < 300 && !sys_mkdir("d", 0755) + !sys_chdir("d") > 0) deep++;
    at = path;
    for (int i = 0; i < 300; i++) memcpy(at, "d/", 2), at += 2;
    memcpy(at, "../", 4);
    sys_chdir(below("/rw"));
    sys_stat(path, &found);
}

static void many_denials(void)
{
    for (int i = 0; i < 5000; i++) sys_open("/etc/passwd", O_RDONLY, 0);
}

static void wait_at_fifo(void)
{
    sys_mknod("fifo", 0010644, 0);
    sys_open("fifo", O_RDONLY, 0);
    won("a FIFO that nobody writes");
}

static long recurse(long n, volatile char *above)
{
    volatile char here[64];
    here[n & 63] = above[n & 63];
    return n > 0 ? recurse(n + 1, here) + here[0] : n;
}

static void deep_recursion(void)
{
    volatile char first[64] = {0};
    won_if(recurse(1, first) == 12345, "recursion without end");
}

#ifdef __wasm__
IMPORT("__wasm_thread_spawn") int wali_thread_spawn(int, void *);
static void thread(int tid, void *argument)
{
    (void)tid;
    (void)argument;
    for (;;) pause_for(1000);
}
#endif

static void many_threads(void)
{
#ifdef __wasm__
    int refused = 0;
    for (int i = 0; i < 600 && refused >= 0; i++) refused = wali_thread_spawn((int)(usize)(void *)thread, NULL);
    won_if(refused != -11, "threads without end");
    won_if(make("after-threads") < 0, "the engine is broken");
    flush(&out);
    sys_exit_group(7);
#endif
}

static void children_that_stay(void)
{
    flush(&out);
    for (int i = 0; i < 3; i++)
        if (!sys_fork())
            for (;;) {}
    for (;;) {}
}

static const struct attack all[] = {
    {"grown-memory", grown_memory},
    {"many-files", many_files},
    {"full-pipe", full_pipe},
    {"many-mappings", many_mappings},
    {"nested-handlers", nested_handlers},
    {"many-timers", many_timers},
    {"many-signals", many_signals},
    {"endless-links", endless_links},
    {"long-walk", long_walk},
    {"many-denials", many_denials},
    {"wait-at-fifo", wait_at_fifo},
    {"deep-recursion", deep_recursion},
    {"many-threads", many_threads},
    {"children-that-stay", children_that_stay},
};

ATTACKS(all)
