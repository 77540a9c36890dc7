#include "common.h"
/* indirect calls through a table of function pointers */
typedef s32 (*Op)(s32, s32);
NOINLINE static s32 o0(s32 a, s32 b){ return a + b; }
NOINLINE static s32 o1(s32 a, s32 b){ return a - b*3; }
NOINLINE static s32 o2(s32 a, s32 b){ return a ^ (b << 3); }
NOINLINE static s32 o3(s32 a, s32 b){ return (a >> 2) + b; }
NOINLINE static s32 o4(s32 a, s32 b){ return a < b ? b : a; }
NOINLINE static s32 o5(s32 a, s32 b){ return a * (b | 1); }
static const Op ops[8] = { o0, o1, o2, o3, o4, o5, o0, o2 };
EXPORT(run) s32 run(s32 reps){
  u32 s = 5; s32 acc = 1;
  for (s32 r = 0; r < reps; r++) for (s32 i = 0; i < 3000; i++){ u32 x = lcg(&s); acc = ops[x >> 29](acc, (s32)(x >> 8) & 0xffff); }
  return acc;
}
