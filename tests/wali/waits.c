/* A lock that another descriptor of this program holds is waited for until the deadline: waits FILE HOW. */
#include "more.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    struct flock all = {1, 0, 0, 0, 0, 0};
    int first = (int)sys_open(argv[1], O_RDWR, 0), second = (int)sys_open(argv[1], O_RDWR, 0);
    if (equal(argv[2], "flock")) {
        sys_flock(first, 2);
        sys_flock(second, 2);
    } else {
        sys_fcntl(first, 37, (long)(usize)&all);
        sys_fcntl(second, 38, (long)(usize)&all);
    }
    return 3;
}
