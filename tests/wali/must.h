/* For programs that end at the first call that fails, and say which: "must: name: error N", status 1. */
#define MUST(call) must(#call, call)
#define MUST_MAP(...) ((char *)(usize)must("mmap", sys_mmap(__VA_ARGS__)))

static void cleanup(void);

__attribute__((unused)) static long must(const char *what, long result)
{
    if (result < 0 && result > -4096) {
        fail("must", what, result);
        cleanup();
        sys_exit_group(1);
    }
    return result;
}

/* Write all of it: part by part, if that is how it goes. */
__attribute__((unused)) static void write_all(int fd, const char *data, usize size)
{
    for (usize done = 0; done < size; ) done += (usize)must("write", sys_write(fd, data + done, size - done));
}

/* The end: print what is left to be printed. */
__attribute__((unused)) static int finish(void)
{
    write_all(1, out.bytes, out.used);
    out.used = 0;
    return 0;
}
