/* poll and futex, as far as one thread can. */
#include "try.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc;
    int fd = (int)sys_open(argv[1], O_RDONLY, 0);
    struct pollfd fds[4] = {{fd, 1, 9}, {-1, 1, 9}, {77, 1, 9}, {1, 4, 9}};
    TRY(sys_poll(fds, 4, 1000));
    for (int i = 0; i < 4; i++) show("revents", fds[i].revents);
    TRY(sys_poll(fds + 1, 1, 5));
    TRY(sys_poll(NULL, 0, 5));
    TRY(sys_poll(BAD, 1, 0));
    TRY(sys_poll(fds, 1, 0));
    TRY(sys_poll(fds, -1, 0));
    static u32 word = 5;
    struct timespec soon = {0, 10000000}, wrong = {0, -1};
    TRY(sys_futex(&word, 0, 5, &soon, NULL, 0));
    TRY(sys_futex(&word, 128, 5, &soon, NULL, 0));
    TRY(sys_futex(&word, 0, 6, &soon, NULL, 0));
    TRY(sys_futex(&word, 0, 6, NULL, NULL, 0));
    TRY(sys_futex(&word, 0, 5, &wrong, NULL, 0));
    TRY(sys_futex(&word, 0, 5, BAD, NULL, 0));
    TRY(sys_futex(&word, 1, 5, NULL, NULL, 0));
    TRY(sys_futex((u32 *)((char *)&word + 1), 0, 5, &soon, NULL, 0));
    TRY(sys_futex(BAD, 0, 5, &soon, NULL, 0));
    TRY(sys_futex(&word, 77, 5, NULL, NULL, 0));
    return done();
}
