/* sigaltstack: noted, read back, refused. */
#include "try.h"
#include "signals.h"
struct stack { void *at; int flags; usize size; };
CALL2(sigaltstack, const struct stack *, struct stack *)

static char memory[65536];

static void now(void)
{
    struct stack found = {memory, 77, 77};
    TRY(sys_sigaltstack(NULL, &found));
    show(" at", found.at ? (char *)found.at - memory : -1);
    show(" flags", found.flags);
    show(" size", (long)found.size);
}

int main(int argc, char **argv, char **envp)
{
    (void)argc, (void)argv, (void)envp;
    struct stack old = {NULL, 0, 0};
    now();
    TRY(sys_sigaltstack(&(struct stack){memory, 0, 8192}, &old));
    show(" old flags", old.flags);
    now();
    TRY(sys_sigaltstack(&(struct stack){memory + 1, 0, 8193}, &old));
    show(" old size", (long)old.size);
    now();
    TRY(sys_sigaltstack(&(struct stack){memory, 0, 100}, NULL));
    TRY(sys_sigaltstack(&(struct stack){memory, 0, 0}, NULL));
    TRY(sys_sigaltstack(&(struct stack){memory, 4, 8192}, NULL));
    TRY(sys_sigaltstack(&(struct stack){memory, 3, 8192}, NULL));
    TRY(sys_sigaltstack(&(struct stack){memory, -1, 8192}, NULL));
    now();
    TRY(sys_sigaltstack(&(struct stack){memory, 1, 8192}, NULL));
    now();
    TRY(sys_sigaltstack(&(struct stack){memory, (int)0x80000000, 8192}, NULL));
    now();
    TRY(sys_sigaltstack(&(struct stack){memory, 2, 100}, NULL));
    now();
    TRY(sys_sigaltstack(BAD, NULL));
    TRY(sys_sigaltstack(NULL, BAD));
    TRY(sys_sigaltstack(LAST, NULL));
    TRY(sys_sigaltstack(NULL, NULL));
    return done();
}
