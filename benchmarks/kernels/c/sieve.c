#include "common.h"
#define N 8192
static u8 comp[N];
NOINLINE static s32 sieve(s32 n){
  s32 cnt = 0;
  for (s32 i = 0; i < n; i++) comp[i] = 0;
  for (s32 i = 2; i < n; i++) if (!comp[i]) { cnt++; for (s32 j = i+i; j < n; j += i) comp[j] = 1; }
  return cnt;
}
EXPORT(run) s32 run(s32 reps){ s32 a = 0; for (s32 i = 0; i < reps; i++) a = a*31 + sieve(N - (i & 3)); return a; }
