#include "common.h"
#define N 20
static f64 A[N][N], B[N][N], C[N][N];
NOINLINE static f64 mm(s32 seed){
  for (s32 i = 0; i < N; i++) for (s32 j = 0; j < N; j++){ A[i][j] = (f64)((i*7 + j*3 + seed) % 11) * 0.5; B[i][j] = (f64)((i + j*5 + seed) % 13) - 6.0; }
  for (s32 i = 0; i < N; i++) for (s32 j = 0; j < N; j++){
    f64 s = 0; for (s32 k = 0; k < N; k++) s += A[i][k]*B[k][j];
    C[i][j] = s;
  }
  f64 t = 0; for (s32 i = 0; i < N; i++) t += C[i][(i*3+seed)%N];
  return t;
}
EXPORT(run) f64 run(s32 reps){ f64 a = 0; for (s32 i = 0; i < reps; i++) a = a*0.5 + mm(i & 7); return a; }
