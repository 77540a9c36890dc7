#include "common.h"
#define M 64
static char s[M+1], t[M+1]; static s32 row[M+1];
NOINLINE static s32 lev(s32 n, s32 m){
  for (s32 j = 0; j <= m; j++) row[j] = j;
  for (s32 i = 1; i <= n; i++){
    s32 diag = row[0]; row[0] = i;
    for (s32 j = 1; j <= m; j++){
      s32 c = diag + (s[i-1] != t[j-1]); diag = row[j];
      s32 d = row[j] + 1, e = row[j-1] + 1; if (d < c) c = d; if (e < c) c = e; row[j] = c;
    }
  }
  return row[m];
}
EXPORT(run) s32 run(s32 reps){
  s32 a = 0; u32 q = 99;
  for (s32 r = 0; r < reps; r++){ for (s32 i = 0; i < M; i++){ s[i] = 'a' + (lcg(&q) >> 30); t[i] = 'a' + (lcg(&q) >> 30); } a = a*31 + lev(M, M - (r & 7)); }
  return a;
}
