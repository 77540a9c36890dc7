#include "common.h"
NOINLINE static u64 unit(u64 from){ u64 best = 0; for (u64 n = from; n < from + 150; n++){ u64 x = n; s32 st = 0; while (x != 1){ x = x & 1 ? 3*x + 1 : x >> 1; st++; } best += (u64)st * n; } return best; }
EXPORT(run) s64 run(s32 reps){ u64 a = 0; for (s32 i = 0; i < reps; i++) a = a*31 + unit(1000001 + (i & 15)); return (s64)a; }
