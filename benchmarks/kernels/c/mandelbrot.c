#include "common.h"
NOINLINE static s32 unit(f64 ox){
  s32 sum = 0;
  for (s32 y = 0; y < 20; y++) for (s32 x = 0; x < 20; x++){
    f64 cr = ox + x*0.14, ci = -1.4 + y*0.14, zr = 0, zi = 0; s32 it = 0;
    while (it < 40){ f64 r2 = zr*zr, i2 = zi*zi; if (r2 + i2 > 4.0) break; zi = 2*zr*zi + ci; zr = r2 - i2 + cr; it++; }
    sum += it;
  }
  return sum;
}
EXPORT(run) s32 run(s32 reps){ s32 a = 0; for (s32 i = 0; i < reps; i++) a = a*31 + unit(-2.0 - (i & 7)*0.01); return a; }
