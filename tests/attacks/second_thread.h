/* A second thread that does one thing over and over while the first goes on; natively, a child process. */
#include "attacks.h"

static volatile int stop;
static void (*volatile swapper)(void);

#ifdef __wasm__
IMPORT("__wasm_thread_spawn") int wali_thread_spawn(int, void *);
__asm__(".globaltype __stack_pointer, i32\n"
        ".functype race_begin () -> ()\n"
        ".globl race_entry\n"
        ".type race_entry,@function\n"
        "race_entry:\n"
        ".functype race_entry (i32, i32) -> ()\n"
        "local.get 1\n"
        "global.set __stack_pointer\n"
        "call race_begin\n"
        "end_function\n");
void race_entry(int, void *);
__attribute__((used)) void race_begin(void)
{
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) swapper();
    __atomic_store_n(&stop, 2, __ATOMIC_SEQ_CST);
    for (;;) sys_exit(0);
}
static void begin(void (*other)(void))
{
    stop = 0;
    swapper = other;
    wali_thread_spawn((int)(usize)race_entry, (char *)allocate(65536) + 65536 - 16);
}
static void end(void)
{
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&stop, __ATOMIC_SEQ_CST) != 2) pause_for(1);
}
#else
static int child;
static void begin(void (*other)(void))
{
    flush(&out);
    child = (int)sys_fork();
    if (!child)
        for (;;) other();
}
static void end(void)
{
    sys_kill(child, 9);
    sys_wait4(child, NULL, 0, NULL);
}
#endif
