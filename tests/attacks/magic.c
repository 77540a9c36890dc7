/* Magic links and the files of processes: /proc and /dev by every spelling; with and without /proc granted. */
#include "attacks.h"

static void process_root(void)
{
    const char *starts[] = {"/proc/self/root", "/proc/thread-self/root", "/proc/1/root",
                            join(join("/proc/", decimal(sys_getppid())), "/root"),
                            join(join("/proc/", decimal(victim)), "/root")};
    for (int i = 0; i < 5; i++) {
        spoil_path(join(starts[i], below("/outside/secret")));
        grab(sys_openat((int)sys_open(starts[i], O_PATH, 0), below("/outside/secret") + 1, O_RDONLY, 0));
        sys_symlink(join(starts[i], below("/outside/secret")), join("root", decimal(i)));
        spoil_path(join("root", decimal(i)));
    }
}

static void process_directory(void)
{
    const char *starts[] = {"/proc/self/cwd", "/proc/thread-self/cwd",
                            join(join("/proc/self/task/", decimal(sys_gettid())), "/cwd"),
                            join(join("/proc/", decimal(victim)), "/cwd")};
    for (int i = 0; i < 4; i++) {
        spoil_path(join(starts[i], "/../outside/secret"));
        grab_path(join(starts[i], "/.."));
        sys_chdir(starts[i]);
        spoil_path("../outside/secret");
        sys_chdir(below("/rw"));
    }
}

static void process_descriptors(void)
{
    for (int i = 0; i < 1100; i++) {
        const char *path = join("/proc/self/fd/", decimal(i));
        if (i < 3) continue;
        grab_path(path);
        spoil(sys_open(path, O_RDWR, 0));
        grab(sys_openat((int)sys_open(path, O_PATH, 0), "secret", O_RDONLY, 0));
        grab_path(join(path, "/secret"));
        grab_path(join(join("/dev/fd/", decimal(i)), "/secret"));
    }
    grab_path("/proc/self/fd");
    sys_chdir("/proc/self/fd");
    grab_path("700");
    grab_path("701/secret");
}

static void standard_streams(void)
{
    grab_path("/dev/fd/700");
    spoil(sys_open("/dev/fd/700", O_RDWR, 0));
    won_if(sys_open("/dev/stdin", O_RDWR, 0) >= 0, "standard input for writing");
    won_if(sys_open("/proc/self/fd/0", O_RDWR, 0) >= 0, "standard input for writing");
    won_if(sys_open("/dev/tty", O_RDWR, 0) >= 0 || sys_open("/dev/null", O_RDWR, 0) >= 0, "a device");
}

static const char *const MEMORY[] = {"/proc/self/mem", "/proc/thread-self/mem", "/proc/self/task/../mem",
                                     "/proc/self/../self/mem", "/proc/self/maps", "/proc/self/smaps",
                                     "/proc/self/pagemap", "/proc/self/auxv", "/proc/self/syscall"};

static void memory(void)
{
    for (usize i = 0; i < sizeof MEMORY / sizeof *MEMORY; i++) {
        won_if(sys_open(MEMORY[i], O_RDONLY, 0) >= 0, MEMORY[i]);
        won_if(sys_open(MEMORY[i], O_RDWR, 0) >= 0, MEMORY[i]);
        won_if(sys_open(MEMORY[i], O_PATH, 0) >= 0, MEMORY[i]);
    }
    sys_symlink("/proc/self/mem", "memory");
    won_if(sys_open("memory", O_RDWR, 0) >= 0, "a link to memory");
    int dir = (int)sys_open("/proc/self", O_PATH, 0);
    won_if(sys_openat(dir, "mem", O_RDWR, 0) >= 0, "memory, by a descriptor");
    sys_chdir("/proc/self");
    won_if(sys_open("mem", O_RDWR, 0) >= 0, "memory, from the directory");
}

static void own_environment(void)
{
    const char *starts[] = {"/proc/self", "/proc/thread-self", join("/proc/", decimal(sys_getpid())),
                            join("/proc/", decimal(sys_getppid())), join("/proc/", decimal(victim))};
    for (int i = 0; i < 5; i++) {
        grab_path(join(starts[i], "/environ"));
        grab_path(join(starts[i], "/task/../environ"));
        grab_path(join(join(join(starts[i], "/task/"), decimal(sys_getpid())), "/environ"));
    }
}

static void mapped_files(void)
{
    char bytes[256];
    won_if(sys_open("/proc/self/map_files", O_RDONLY, 0) >= 0, "map_files");
    won_if(sys_readlink("/proc/self/exe", bytes, sizeof bytes) > 0, "the engine's place");
    won_if(sys_readlink("/proc/self/cwd", bytes, sizeof bytes) > 0, "its directory");
    won_if(sys_readlink("/proc/self/fd/1", bytes, sizeof bytes) > 0, "its descriptors");
    won_if(sys_open("/proc/self/exe", O_RDONLY, 0) >= 0, "the engine's program");
}

static void others(void)
{
    const char *start = join("/proc/", decimal(victim));
    const char *files[] = {"/mem", "/maps", "/environ", "/fd/0", "/cwd", "/root", "/exe", "/stack", "/syscall", "/ns/net"};
    for (int i = 0; i < 10; i++) {
        won_if(sys_open(join(start, files[i]), O_RDONLY | O_NONBLOCK, 0) >= 0, files[i]);
        won_if(sys_open(join(start, files[i]), O_RDWR | O_NONBLOCK, 0) >= 0, files[i]);
    }
    spoil(sys_open(join(start, "/oom_score_adj"), O_WRONLY, 0));
    spoil(sys_open(join(start, "/comm"), O_WRONLY, 0));
    long fd = sys_open(join(start, "/oom_score_adj"), O_WRONLY, 0);
    sys_write((int)fd, "7", 1);
}

static const struct attack all[] = {
    {"process-root", process_root},
    {"process-directory", process_directory},
    {"process-descriptors", process_descriptors},
    {"standard-streams", standard_streams},
    {"memory", memory},
    {"own-environment", own_environment},
    {"mapped-files", mapped_files},
    {"others", others},
};

ATTACKS(all)
