#include "common.h"
#define N 600
static s32 v[N];
NOINLINE static void qs(s32 lo, s32 hi){
  while (lo < hi){
    s32 p = v[(lo+hi) >> 1], i = lo, j = hi;
    while (i <= j){ while (v[i] < p) i++; while (v[j] > p) j--; if (i <= j){ s32 t = v[i]; v[i] = v[j]; v[j] = t; i++; j--; } }
    if (j - lo < hi - i){ qs(lo, j); lo = i; } else { qs(i, hi); hi = j; }
  }
}
EXPORT(run) s32 run(s32 reps){
  s32 a = 0; u32 s = 42;
  for (s32 r = 0; r < reps; r++){ for (s32 i = 0; i < N; i++) v[i] = (s32)lcg(&s) >> 8; qs(0, N-1); a = a*31 + v[r % N] + v[N/2]; }
  return a;
}
