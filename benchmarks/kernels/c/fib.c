#include "common.h"
static volatile s32 N = 18;
NOINLINE static s32 fib(s32 n){ return n < 2 ? n : fib(n-1) + fib(n-2); }
EXPORT(run) s32 run(s32 reps){ s32 a = 0; for (s32 i = 0; i < reps; i++) a = a*3 + fib(N) + i; return a; }
