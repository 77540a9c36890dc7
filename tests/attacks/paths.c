/* Ways out of a granted directory by names: .., absolute paths, links, descriptors of directories, renaming. */
#include "attacks.h"

static const char *const WAYS[] = {"../outside/secret", "../outside/dir/file", "a/../../outside/secret",
                                   "./././../rw/../outside/secret", "//..//outside//secret", ".../../outside/secret"};

static void dotdot(void)
{
    sys_mkdir("a", 0755);
    for (usize i = 0; i < sizeof WAYS / sizeof *WAYS; i++) spoil_path(WAYS[i]);
    grab_path("..");
    grab_path("../outside");
    grab_path("../outside/.");
}

static void absolute(void)
{
    spoil_path(below("/outside/secret"));
    spoil_path(join("/", below("/outside/secret")));
    spoil_path(join(below("/rw/.."), "/outside/secret"));
    spoil_path(below("/outside/fresh"));
    grab_path(top);
    grab_path(below("/outside"));
}

static void long_path(void)
{
    char *path = allocate(4096), *at = path;
    while (at - path < 4000) *at++ = '.', *at++ = '/';
    const char *way = "../outside/secret";
    memcpy(at, way, length(way) + 1);
    spoil_path(path);
}

static void link_absolute(void)
{
    sys_symlink(below("/outside/secret"), "absolute");
    sys_symlink(below("/outside/made"), "absolute-new");
    spoil_path("absolute");
    spoil_path("absolute-new");
}

static void link_relative(void)
{
    sys_symlink("../outside/secret", "relative");
    sys_symlink("../outside/made", "relative-new");
    spoil_path("relative");
    spoil_path("relative-new");
}

static void link_chain(void)
{
    sys_mkdir("chain", 0755);
    sys_symlink("chain/b", "first");
    sys_symlink("../third", "chain/b");
    sys_symlink(below("/rw/chain/../fourth"), "third");
    sys_symlink("chain/../../outside/secret", "fourth");
    spoil_path("first");
    spoil_path("chain/../first");
}

static void link_directory(void)
{
    sys_symlink("../outside", "door");
    sys_symlink(top, "top");
    spoil_path("door/secret");
    spoil_path("door/dir/../secret");
    spoil_path("top/outside/secret");
    spoil_path("top/rw/../outside/secret");
    grab_path("door");
    grab_path("door/");
    grab_path("door/.");
    sys_mkdir("door/made", 0755);
    sys_unlink("door/dir/file");
    sys_rmdir("door/empty");
    sys_rename("door/secret", "stolen");
    grab_path("stolen");
    sys_link("door/secret", "linked");
    grab_path("linked");
    sys_chdir("door");
    grab_path("secret");
    grab_path(".");
}

static void link_creation(void)
{
    sys_symlink("../outside/made", "dangling");
    spoil(sys_open("dangling", O_CREAT | O_WRONLY, 0644));
    spoil(sys_open("dangling", O_CREAT | O_WRONLY | O_EXCL, 0644));
    spoil(sys_open("dangling", O_CREAT | O_WRONLY | O_TRUNC, 0644));
    spoil(sys_creat("dangling", 0644));
    sys_mkdir("dangling", 0755);
    sys_mkdir("dangling/", 0755);
    sys_mknod("dangling", 0100644, 0);
    sys_link("file", "dangling");
    sys_link("file", "dangling/");
    sys_rename("file", "dangling/");
    sys_symlink("x", "dangling/");
}

static void trailing_slashes(void)
{
    sys_symlink("../outside/", "slash");
    sys_symlink("../outside/empty/", "hollow");
    spoil_path("slash//secret");
    grab_path("slash/");
    grab_path("slash/./");
    sys_mkdir("slash/new/", 0755);
    sys_rmdir("hollow/");
    sys_rmdir("hollow/.");
    sys_rename("hollow/", "mine");
    sys_unlinkat(AT_FDCWD, "hollow/", AT_REMOVEDIR);
    sys_chmod("hollow/", 0777);
    sys_utimes("slash/", NULL);
}

static void path_descriptors(void)
{
    char bytes[256];
    sys_symlink("../outside/secret", "held");
    sys_symlink("../outside", "held-dir");
    long link = sys_open("held", O_PATH | O_NOFOLLOW, 0), dir = sys_open("held-dir", O_PATH | O_NOFOLLOW, 0);
    long up = sys_open("..", O_PATH | O_DIRECTORY, 0);
    grab(sys_openat((int)link, "", O_RDONLY, 0));
    grab(sys_openat((int)link, ".", O_RDONLY, 0));
    grab(sys_openat((int)dir, "secret", O_RDONLY, 0));
    grab(sys_openat((int)up, "outside/secret", O_RDONLY, 0));
    spoil(sys_openat((int)dir, "fresh", O_CREAT | O_WRONLY, 0644));
    sys_fchdir((int)dir);
    grab_path("secret");
    sys_linkat((int)link, "", AT_FDCWD, below("/rw/stolen"), AT_EMPTY_PATH | AT_SYMLINK_FOLLOW);
    grab_path(below("/rw/stolen"));
    sys_utimensat((int)link, "", NULL, AT_EMPTY_PATH);
    sys_utimensat((int)link, NULL, NULL, 0);
    sys_fchmod((int)link, 0777);
    sys_fchownat((int)up, "", 12345, 12345, AT_EMPTY_PATH);
    sys_readlinkat((int)link, "", bytes, sizeof bytes);
}

static void directory_descriptors(void)
{
    sys_mkdir("a", 0755);
    int a = (int)sys_open("a", O_RDONLY | O_DIRECTORY, 0), here = (int)sys_open(".", O_PATH, 0);
    grab(sys_openat(a, "../../outside/secret", O_RDONLY, 0));
    grab(sys_openat(a, "..", O_RDONLY, 0));
    grab(sys_openat(here, "..", O_RDONLY | O_DIRECTORY, 0));
    spoil(sys_openat(a, "../../outside/fresh", O_RDWR | O_CREAT, 0644));
    sys_mkdirat(a, "../../outside/made", 0755);
    sys_unlinkat(a, "../../outside/dir/file", 0);
    sys_symlinkat("x", a, "../../outside/pointer");
    sys_linkat(a, "../../outside/secret", a, "stolen", 0);
    sys_renameat(a, "../../outside/secret", a, "taken");
    grab(sys_openat(a, "stolen", O_RDONLY, 0));
    grab(sys_openat(a, "taken", O_RDONLY, 0));
    sys_fchmodat(a, "../../outside/secret", 0777, 0);
}

static void working_directory(void)
{
    sys_mkdir("a", 0755);
    sys_fchdir((int)sys_open("a", O_RDONLY | O_DIRECTORY, 0));
    grab_path("../../outside/secret");
    for (int i = 0; i < 12; i++) sys_chdir("..");
    grab_path("outside/secret");
    grab_path(join(".", below("/outside/secret")));
    sys_chdir(top);
    grab_path("outside/secret");
    sys_chdir(below("/outside"));
    grab_path("secret");
    sys_fchdir((int)sys_open(below("/outside"), O_PATH, 0));
    spoil_path("secret");
}

static void through_a_file(void)
{
    int file = make("file");
    grab(sys_openat(file, "../outside/secret", O_RDONLY, 0));
    grab(sys_openat(0, "../outside/secret", O_RDONLY, 0));
    grab(sys_openat(1, "outside/secret", O_RDONLY, 0));
    grab_path("file/../../outside/secret");
    grab_path("missing/../../outside/secret");
    sys_symlink("file/../../outside/secret", "oblique");
    grab_path("oblique");
    won_if(sys_openat(file, "x", O_CREAT, 0644) >= 0, "a name below a file");
}

static void nameless_file(void)
{
    int fd = (int)sys_open(".", O_TMPFILE | O_RDWR, 0644);
    sys_write(fd, "SPOILED", 7);
    sys_linkat(fd, "", AT_FDCWD, "../outside/linked", AT_EMPTY_PATH);
    sys_linkat(AT_FDCWD, join("/proc/self/fd/", decimal(fd)), AT_FDCWD, "../outside/linked", AT_SYMLINK_FOLLOW);
    spoil(sys_open("../outside", O_TMPFILE | O_RDWR, 0644));
    sys_symlink("../outside", "tmp-door");
    int there = (int)sys_open("tmp-door", O_TMPFILE | O_RDWR, 0644);
    won_if(there >= 0, "a nameless file outside");
}

static void moved_directory(void)
{
    sys_mkdir("m", 0755);
    sys_mkdir("m/n", 0755);
    sys_mkdir("m/n/o", 0755);
    int inside = (int)sys_open("m/n/o", O_RDONLY | O_DIRECTORY, 0);
    sys_fchdir(inside);
    sys_rename(below("/rw/m/n/o"), below("/rw/o"));
    const char *ways[] = {"../outside/secret", "../../outside/secret", "../../../outside/secret", "../..", ".."};
    for (int i = 0; i < 5; i++) {
        grab(sys_openat(inside, ways[i], O_RDONLY, 0));
        grab_path(ways[i]);
    }
    spoil(sys_openat(inside, "../../outside/fresh", O_RDWR | O_CREAT, 0644));
    sys_mkdirat(inside, "../../outside/made", 0755);
}

static void moved_across(void)
{
    make("mine");
    sys_rename("mine", below("/outside/moved"));
    sys_rename(below("/two/file"), "../outside/moved");
    sys_rename("../outside/secret", "taken");
    sys_rename(below("/outside/secret"), below("/two/taken"));
    sys_rename(below("/two/../outside/dir"), "dir");
    sys_rename("mine", below("/outside/secret"));
    grab_path("taken");
    grab_path(below("/two/taken"));
    grab_path("dir/file");
}

static void exchanged(void)
{
    make("mine");
    sys_mkdir("ours", 0755);
    sys_renameat2(AT_FDCWD, "mine", AT_FDCWD, "../outside/secret", RENAME_EXCHANGE);
    sys_renameat2(AT_FDCWD, "ours", AT_FDCWD, below("/outside/dir"), RENAME_EXCHANGE);
    sys_renameat2(AT_FDCWD, below("/two"), AT_FDCWD, below("/outside"), RENAME_EXCHANGE);
    sys_renameat2(AT_FDCWD, below("/rw"), AT_FDCWD, below("/outside"), RENAME_EXCHANGE);
    sys_renameat2(AT_FDCWD, below("/rw"), AT_FDCWD, below("/two"), RENAME_EXCHANGE);
    sys_rename(below("/rw"), below("/elsewhere"));
    sys_rename(below("/two"), below("/rw/two"));
    sys_rmdir(below("/two"));
    grab_path("mine");
    grab_path("ours/file");
    grab_path(below("/two/secret"));
    grab_path("secret");
}

static void hard_link_in(void)
{
    sys_symlink("../outside/secret", "soft");
    sys_link(below("/outside/secret"), "hard1");
    sys_link("../outside/secret", "hard2");
    sys_linkat(AT_FDCWD, "soft", AT_FDCWD, "hard3", AT_SYMLINK_FOLLOW);
    sys_linkat(AT_FDCWD, "../outside/secret", AT_FDCWD, below("/two/hard4"), 0);
    for (int i = 1; i < 4; i++) spoil_path(join("hard", decimal(i)));
    spoil_path(below("/two/hard4"));
}

static void hard_link_out(void)
{
    spoil(make("own"));
    sys_symlink("../outside", "outdoor");
    sys_link("own", below("/outside/linked1"));
    sys_link("own", "../outside/linked2");
    sys_link("own", "outdoor/linked3");
    sys_linkat(AT_FDCWD, "own", AT_FDCWD, "outdoor/linked4", AT_SYMLINK_FOLLOW);
}

static void removal(void)
{
    sys_symlink("../outside", "exit");
    sys_unlink("exit/secret");
    sys_unlink(below("/outside/secret"));
    sys_unlinkat(AT_FDCWD, "../outside/dir/file", 0);
    sys_rmdir("exit/empty");
    sys_rmdir("../outside/empty");
    sys_unlinkat(AT_FDCWD, "exit/empty/", AT_REMOVEDIR);
}

static void creation(void)
{
    sys_symlink("../outside", "way");
    sys_symlink("x", "../outside/pointer");
    sys_symlink("x", "way/pointer2");
    sys_mkdir("../outside/made", 0755);
    sys_mkdir("way/made2", 0755);
    sys_mknod("way/pipe", 0010644, 0);
    sys_mknod("../outside/pipe2", 0140644, 0);
    struct sockaddr_un name = unix_of("way/bound");
    sys_bind((int)sys_socket(AF_UNIX, SOCK_STREAM, 0), &name, sizeof name);
    name = unix_of("../outside/bound2");
    sys_bind((int)sys_socket(AF_UNIX, SOCK_STREAM, 0), &name, sizeof name);
}

static void metadata(void)
{
    struct timespec times[2] = {{1, 0}, {1, 0}};
    struct timeval values[2] = {{1, 0}, {1, 0}};
    long pair[2] = {1, 1};
    sys_symlink("../outside/secret", "look");
    const char *ways[] = {"look", "../outside/secret", below("/outside/secret")};
    for (int i = 0; i < 3; i++) {
        sys_chmod(ways[i], 0777);
        sys_fchmodat(AT_FDCWD, ways[i], 0777, 0);
        sys_chown(ways[i], 1, 1);
        sys_fchownat(AT_FDCWD, ways[i], 1, 1, 0);
        sys_utimensat(AT_FDCWD, ways[i], times, 0);
        sys_futimesat(AT_FDCWD, ways[i], values);
        sys_utimes(ways[i], values);
        sys_utime(ways[i], pair);
        sys_truncate(ways[i], 0);
    }
    sys_lchown(below("/outside/secret"), 1, 1);
    sys_chmod("..", 0777);
    sys_utimes("..", NULL);
    sys_utimes(below("/outside"), NULL);
}

static void looking(void)
{
    struct stat found;
    struct statx more;
    char bytes[256];
    sys_symlink("../outside/secret", "glass");
    const char *ways[] = {"glass", "../outside/secret", below("/outside/secret"), "/etc/passwd", "/root"};
    for (int i = 0; i < 5; i++) {
        won_if(!sys_stat(ways[i], &found), "stat");
        won_if(i && !sys_lstat(ways[i], &found), "lstat");
        won_if(!sys_statx(AT_FDCWD, ways[i], 0, 0x7ff, &more), "statx");
        won_if(!sys_access(ways[i], 4), "access");
        won_if(sys_open(ways[i], O_PATH, 0) >= 0, "O_PATH");
    }
    long n = sys_readlink("../outside/pointer", bytes, sizeof bytes);
    won_if(n > 0, "readlink");
}

static void another_root(void)
{
    won_if(!sys_chroot(".."), "chroot");
    won_if(!sys_chroot("/"), "chroot");
    grab_path("/outside/secret");
}

static void devices(void)
{
    won_if(!sys_mknod("null", 0020666, 0x103), "a character device");
    won_if(!sys_mknod("memory", 0020666, 0x101), "the machine's memory");
    won_if(!sys_mknod("disk", 0060666, 0x800), "a block device");
    sys_close(make("hiding"));
    won_if(!sys_renameat2(AT_FDCWD, "hiding", AT_FDCWD, "hidden", 4), "a whiteout");
}

static void lent_rights(void)
{
    struct stat found;
    int fd = make("tool");
    sys_chmod("tool", 04755);
    sys_fchmod(fd, 06755);
    sys_fchmodat(AT_FDCWD, "tool", 04755, 0);
    won_if(!sys_stat("tool", &found) && found.mode & 06000, "set-user-id");
    sys_open("tool2", O_CREAT | O_RDWR, 04755);
    won_if(!sys_stat("tool2", &found) && found.mode & 06000, "set-user-id");
    sys_mknod("tool3", 0104755, 0);
    won_if(!sys_stat("tool3", &found) && found.mode & 06000, "set-user-id");
}

static void deep(void)
{
    for (int i = 0; i < 60; i++) {
        sys_mkdir("d", 0755);
        sys_chdir("d");
    }
    char *path = allocate(4096), *at = path;
    for (int i = 0; i < 70; i++) memcpy(at, "../", 3), at += 3;
    memcpy(at, top, length(top));
    at += length(top);
    memcpy(at, "/outside/secret", 16);
    spoil_path(path);
}

static const struct attack all[] = {
    {"dotdot", dotdot},
    {"absolute", absolute},
    {"long-path", long_path},
    {"link-absolute", link_absolute},
    {"link-relative", link_relative},
    {"link-chain", link_chain},
    {"link-directory", link_directory},
    {"link-creation", link_creation},
    {"trailing-slashes", trailing_slashes},
    {"path-descriptors", path_descriptors},
    {"directory-descriptors", directory_descriptors},
    {"working-directory", working_directory},
    {"through-a-file", through_a_file},
    {"nameless-file", nameless_file},
    {"moved-directory", moved_directory},
    {"moved-across", moved_across},
    {"exchanged", exchanged},
    {"hard-link-in", hard_link_in},
    {"hard-link-out", hard_link_out},
    {"removal", removal},
    {"creation", creation},
    {"metadata", metadata},
    {"looking", looking},
    {"another-root", another_root},
    {"devices", devices},
    {"lent-rights", lent_rights},
    {"deep", deep},
};

ATTACKS(all)
