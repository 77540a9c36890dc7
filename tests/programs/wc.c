/* Count lines, words and bytes of files, or of standard input; like wc without options. */
#include "wali.h"

static long counts[3], totals[3];

static long count(int fd)
{
    static char buffer[65536];
    int in_word = 0;
    long n;
    counts[0] = counts[1] = counts[2] = 0;
    while ((n = sys_read(fd, buffer, sizeof buffer)) > 0) {
        counts[2] += n;
        for (long i = 0; i < n; i++) {
            char c = buffer[i];
            int space = c == ' ' || (c >= '\t' && c <= '\r');
            counts[0] += c == '\n';
            counts[1] += !space && !in_word;
            in_word = !space;
        }
    }
    for (int i = 0; i < 3; i++) totals[i] += counts[i];
    return n;
}

static void report(const long *numbers, const char *name)
{
    for (int i = 0; i < 3; i++) {
        integer(&out, numbers[i], 8);
        put(&out, " ", 1);
    }
    text(&out, name);
    put(&out, "\n", 1);
}

int main(int argc, char **argv, char **envp)
{
    int status = 0;
    (void)envp;
    if (argc < 2) {
        status = count(0) < 0;
        report(counts, "-");
    }
    for (int i = 1; i < argc; i++) {
        long fd = sys_open(argv[i], O_RDONLY, 0);
        long error = fd < 0 ? fd : count(fd);
        if (error < 0) {
            fail("wc", argv[i], error);
            status = 1;
        } else
            report(counts, argv[i]);
        if (fd >= 0) sys_close(fd);
    }
    if (argc > 2) report(totals, "total");
    flush(&out);
    return status;
}
