/* Calls that wait for ever inside the kernel: opening a FIFO, a large write into a pipe, sendfile to nobody.
 *
 *     stuck fifo | write | sendfile     in the working directory
 */
#include "wali.h"

CALL3(mknod, const char *, int, long)
CALL4(sendfile, int, int, long *, usize)
CALL2(pipe2, int *, int)
CALL4(socketpair, int, int, int, int *)

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    const char *how = argc > 1 ? argv[1] : "";
    int ends[2];
    if (equal(how, "fifo")) {
        sys_mknod("fifo", 0010644, 0);
        sys_open("fifo", O_RDONLY, 0);
    } else if (equal(how, "write")) {
        sys_pipe2(ends, 0);
        sys_write(ends[1], allocate(1 << 20), 1 << 20);
    } else if (equal(how, "sendfile")) {
        long offset = 0;
        int file = sys_open("large", O_RDWR | O_CREAT, 0644);
        sys_ftruncate(file, 1 << 26);
        sys_socketpair(1, 1, 0, ends);
        sys_sendfile(ends[1], file, &offset, 1 << 26);
    }
    text(&out, "went on\n");
    flush(&out);
    return 0;
}
