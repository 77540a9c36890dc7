#include "try.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc, (void)argv;
    static char name[390], random[64];
    TRY(sys_getuid());
    TRY(sys_geteuid());
    TRY(sys_getgid());
    TRY(sys_getegid());
    show("main thread", sys_getpid() == sys_gettid() && sys_getpid() > 0);
    show("tid", sys_set_tid_address(NULL) == sys_gettid());
    TRY(sys_uname(name));
    text(&out, name);
    text(&out, "\n");
    text(&out, name + 130);
    text(&out, "\n");
    text(&out, name + 260);
    text(&out, "\n");
    TRY(sys_uname(BAD));
    TRY(sys_uname(NULL));
    TRY(sys_getrandom(random, 64, 0));
    int set = 0;
    for (int i = 0; i < 64; i++) set += random[i] != 0;
    show("random", set > 32);
    TRY(sys_getrandom(random, 0, 0));
    TRY(sys_getrandom(random, 1, 8));
    TRY(sys_getrandom(random, 1, 1));
    TRY(sys_getrandom(BAD, 1, 0));
    return done();
}
