/* prctl by the interface's table; argument "changing" for what a sandbox does not allow. */
#include "more.h"
int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argv;
    int word = 77;
    TRY(sys_prctl(2, (u64)(usize)&word, 0, 0, 0));
    show("word", word);
    word = 77;
    TRY(sys_prctl(37, (u64)(usize)&word, 0, 0, 0));
    show("word", word);
    TRY(sys_prctl(2, (u64)(usize)BAD, 0, 0, 0));
    TRY(sys_prctl(37, (u64)(usize)BAD, 0, 0, 0));
    TRY(sys_prctl(3, 0, 0, 0, 0));
    TRY(sys_prctl(7, 0, 0, 0, 0));
    TRY(sys_prctl(13, 0, 0, 0, 0));
    TRY(sys_prctl(23, 7, 0, 0, 0));
    TRY(sys_prctl(23, 7777, 0, 0, 0));
    TRY(sys_prctl(27, 0, 0, 0, 0));
    TRY(sys_prctl(39, 0, 0, 0, 0));
    TRY(sys_prctl(39, 1, 0, 0, 0));
    TRY(sys_prctl(42, 0, 0, 0, 0));
    TRY(sys_prctl(123456, 0, 0, 0, 0));
    TRY(sys_prctl(-1, 0, 0, 0, 0));
    if (argc > 1) {
        TRY(sys_prctl(1, 12, 0, 0, 0));
        TRY(sys_prctl(2, (u64)(usize)&word, 0, 0, 0));
        show("word", word);
        TRY(sys_prctl(1, 65, 0, 0, 0));
        TRY(sys_prctl(1, 0, 0, 0, 0));
        TRY(sys_prctl(4, 0, 0, 0, 0));
        TRY(sys_prctl(3, 0, 0, 0, 0));
        TRY(sys_prctl(4, 1, 0, 0, 0));
        TRY(sys_prctl(4, 5, 0, 0, 0));
        TRY(sys_prctl(8, 1, 0, 0, 0));
        TRY(sys_prctl(7, 0, 0, 0, 0));
        TRY(sys_prctl(8, 2, 0, 0, 0));
        TRY(sys_prctl(8, 0, 0, 0, 0));
        TRY(sys_prctl(29, 12345, 0, 0, 0));
        TRY(sys_prctl(30, 0, 0, 0, 0));
        TRY(sys_prctl(36, 1, 0, 0, 0));
        TRY(sys_prctl(37, (u64)(usize)&word, 0, 0, 0));
        show("word", word);
        TRY(sys_prctl(36, 0, 0, 0, 0));
        TRY(sys_prctl(41, 1, 0, 0, 0));
        TRY(sys_prctl(42, 0, 0, 0, 0));
        TRY(sys_prctl(41, 0, 0, 0, 0));
        TRY(sys_prctl(38, 0, 0, 0, 0));
        TRY(sys_prctl(38, 1, 0, 0, 0));
        TRY(sys_prctl(39, 0, 0, 0, 0));
        TRY(sys_prctl(24, 12, 0, 0, 0));
        TRY(sys_prctl(23, 12, 0, 0, 0));
    }
    return done();
}
