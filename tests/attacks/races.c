/* Races: another thread swaps a directory and a link to outside, or a descriptor, while this one uses it. */
#include "second_thread.h"

enum { DURATION = 400 /* ms */ };

static void prepare(void)
{
    sys_mkdir("real", 0755);
    sys_mkdir("real/empty", 0755);
    sys_mkdir("real/dir", 0755);
    sys_close(make("real/secret"));
    sys_symlink("../outside", "trap");
    sys_mkdir("place", 0755);
}

static void swap(void)
{
    sys_rename("real", "aside");
    sys_rename("trap", "place-link");
    sys_rename("aside", "trap-dir");
    sys_rename("trap-dir", "real");
    sys_rename("place-link", "trap");
}

static void exchange(void)
{
    sys_renameat2(AT_FDCWD, "real", AT_FDCWD, "trap", RENAME_EXCHANGE);
    swap();
}

#define RACE(...) \
    do { \
        prepare(); \
        begin(exchange); \
        for (long until = now() + DURATION; now() < until; ) { __VA_ARGS__; } \
        end(); \
    } while (0)

static void race_read(void)
{
    RACE(grab_path("real/secret"); grab_path("./real/dir/../secret"); grab_path("trap/secret"); grab_path("trap/."));
}

static void race_create(void)
{
    RACE(spoil(sys_open("real/raced", O_CREAT | O_WRONLY, 0644)); sys_mkdir("trap/raced-dir", 0755);
         sys_mknod("real/raced-pipe", 0010644, 0); sys_symlink("x", "real/raced-link"); sys_unlink("real/raced-pipe");
         sys_unlink("real/raced"));
}

static void race_remove(void)
{
    RACE(sys_unlink("real/dir/file"); sys_rmdir("trap/empty"); sys_rename("real/secret", "raced"); grab_path("raced");
         sys_unlink("raced"); sys_close(make("real/secret")));
}

static void race_metadata(void)
{
    RACE(sys_chmod("real/secret", 0777); sys_utimes("trap/secret", NULL); sys_truncate("real/secret", 0);
         sys_chown("trap/secret", 1, 1));
}

static void race_link(void)
{
    RACE(sys_link("real/secret", "raced"); grab_path("raced"); sys_unlink("raced");
         sys_link("own", "trap/raced-hard"); sys_unlink("real/raced-hard"));
}

static void race_directory(void)
{
    RACE(if (!sys_chdir("real")) { grab_path("secret"); grab_path("../outside/secret"); } sys_chdir(below("/rw"));
         int fd = (int)sys_open("trap", O_PATH | O_DIRECTORY, 0);
         grab(sys_openat(fd, "secret", O_RDONLY, 0)); sys_close(fd));
}

static void race_socket(void)
{
    struct sockaddr_un stream = unix_of("real/socket"), packets = unix_of("trap/datagram");
    RACE(int fd = (int)sys_socket(AF_UNIX, SOCK_STREAM | 04000, 0); sys_connect(fd, &stream, sizeof stream); spoil(fd);
         fd = (int)sys_socket(AF_UNIX, SOCK_DGRAM | 04000, 0);
         sys_sendto(fd, "SPOILED", 7, 0x40, &packets, sizeof packets); sys_close(fd));
}

/* One thread sends a descriptor that another one closes, hoping that the engine's next file gets its number. */
static volatile int lent;

static void reuse(void)
{
    int fd = (int)sys_open("real/secret", O_RDONLY, 0);
    lent = fd;
    sys_close(fd);
    sys_close((int)sys_open("/proc/self/mem", O_RDWR, 0));
    sys_open("../outside/secret", O_RDWR, 0);
    sys_close((int)sys_open("/proc/self/environ", O_RDWR, 0));
}

static void race_descriptor(void)
{
    static char bytes[512];
    prepare();
    begin(reuse);
    for (long until = now() + DURATION; now() < until; ) {
        struct stat found;
        int fd = lent;
        long n = fd > 2 ? sys_pread64(fd, bytes, sizeof bytes, 0) : 0;
        if (n > 0) put(&out, bytes, n), won("read a file of the engine's");
        won_if(fd > 2 && !sys_fstat(fd, &found) && found.dev == 0, "a file of nowhere");
    }
    end();
}

/* Another thread executes what is no program: getting ready for that must not move the files that this one uses. */
static void leap(void)
{
    static const char *args[] = {"x", NULL}, *none[] = {NULL};
    sys_execve("garbage", args, none);
}

static void race_execve(void)
{
    enum { FIRST = 24, COUNT = 16, KINDS = 3 };
    static const char *names[KINDS] = {"one", "two", "three"};
    struct stat found[KINDS], here;
    int files[KINDS], program = make("garbage");
    sys_write(program, "\177ELF no program", 15);
    sys_fchmod(program, 0755);
    sys_close(program);
    for (int i = 0; i < KINDS; i++) {
        files[i] = make(names[i]);
        sys_fstat(files[i], &found[i]);
    }
    for (int i = 0; i < COUNT; i++) sys_dup2(files[i % KINDS], FIRST - i);
    begin(leap);
    for (long until = now() + 2 * DURATION; now() < until; )
        for (int i = 0; i < COUNT; i++)
            won_if(sys_fstat(FIRST - i, &here) || here.ino != found[i % KINDS].ino, "another file at a number");
    end();
}

static const struct attack all[] = {
    {"race-read", race_read},
    {"race-create", race_create},
    {"race-remove", race_remove},
    {"race-metadata", race_metadata},
    {"race-link", race_link},
    {"race-directory", race_directory},
    {"race-socket", race_socket},
    {"race-descriptor", race_descriptor},
    {"race-execve", race_execve},
};

ATTACKS(all)
