/* terminal: settings and size of the terminal on standard input. */
#include "try.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc, (void)argv;
    struct winsize size = {1, 2, 3, 4};
    u32 settings[15] = {0};
    TRY(sys_ioctl(0, 0x5413, &size));
    show("rows", size.row);
    show("columns", size.col);
    size.row = 40;
    TRY(sys_ioctl(0, 0x5414, &size));
    size.row = 0;
    TRY(sys_ioctl(0, 0x5413, &size));
    show("rows", size.row);
    TRY(sys_ioctl(0, 0x5401, settings));
    for (int i = 0; i < 4; i++) show("flags", settings[i]);
    settings[3] &= ~8u;
    TRY(sys_ioctl(0, 0x5402, settings));
    settings[3] = 0;
    TRY(sys_ioctl(0, 0x5401, settings));
    show("flags", settings[3]);
    TRY(sys_ioctl(0, 0x5401, BAD));
    TRY(sys_ioctl(0, 0x5413, NULL));
    TRY(sys_ioctl(0, 0x540b, NULL));
    return done();
}
