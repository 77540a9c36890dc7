#include "common.h"
NOINLINE static s32 unit(f32 cr, f32 ci){
  s32 sum = 0;
  for (s32 y = 0; y < 16; y++) for (s32 x = 0; x < 16; x++){
    f32 zr = x*0.2f - 1.6f, zi = y*0.2f - 1.6f; s32 it = 0;
    while (it < 48){ f32 r2 = zr*zr, i2 = zi*zi; if (r2 + i2 > 4.0f) break; zi = 2.0f*zr*zi + ci; zr = r2 - i2 + cr; it++; }
    sum += it;
  }
  return sum;
}
EXPORT(run) s32 run(s32 reps){ s32 a = 0; for (s32 i = 0; i < reps; i++) a = a*31 + unit(-0.7f + (i & 7)*0.01f, 0.27f); return a; }
