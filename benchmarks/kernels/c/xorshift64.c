#include "common.h"
NOINLINE static u64 unit(u64 x){ u64 s = 0; for (s32 i = 0; i < 4000; i++){ x ^= x >> 12; x ^= x << 25; x ^= x >> 27; s += x * 2685821657736338717ull; } return s; }
EXPORT(run) s64 run(s32 reps){ u64 a = 88172645463325252ull; for (s32 i = 0; i < reps; i++) a = unit(a | 1); return (s64)a; }
