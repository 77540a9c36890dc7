/* For programs that make one call with several arguments: bad addresses, and lines "name=result". */
#include "wali.h"

#ifdef __wasm__
#define BAD ((void *)0xfffff000u)
#define LAST ((void *)(usize)(__builtin_wasm_memory_size(0) * 65536 - 4))
#else
#define BAD ((void *)0x1000u)
#define LAST last_bytes()
__attribute__((unused)) static void *last_bytes(void)
{
    /* Four bytes before a page that cannot be accessed. */
    static char *page;
    if (!page) {
        page = (char *)sys_mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        sys_mprotect(page + PAGE, PAGE, 0);
    }
    return page + PAGE - 4;
}
#endif

#define TRY(call) show(#call, call)

__attribute__((unused)) static void bytes(const char *name, const char *data, long n)
{
    text(&out, name);
    text(&out, "=[");
    for (long i = 0; i < n; i++)
        if (data[i] >= ' ' && data[i] <= '~') put(&out, data + i, 1);
        else {
            text(&out, "\\");
            hex(&out, (u8)data[i], 2);
        }
    text(&out, "]\n");
}

__attribute__((unused)) static int done(void)
{
    flush(&out);
    return 0;
}
