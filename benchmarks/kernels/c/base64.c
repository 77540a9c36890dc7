#include "common.h"
static const char AL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static u8 in[3001]; static char out[4008];
NOINLINE static u32 enc(const u8 *p, u32 n, char *o){
  char *o0 = o; u32 i = 0;
  for (; i + 2 < n; i += 3){ u32 t = p[i] << 16 | p[i+1] << 8 | p[i+2]; *o++ = AL[t >> 18]; *o++ = AL[(t >> 12) & 63]; *o++ = AL[(t >> 6) & 63]; *o++ = AL[t & 63]; }
  if (i < n){ u32 t = p[i] << 16; if (i+1 < n) t |= p[i+1] << 8; *o++ = AL[t >> 18]; *o++ = AL[(t >> 12) & 63]; *o++ = i+1 < n ? AL[(t >> 6) & 63] : '='; *o++ = '='; }
  return (u32)(o - o0);
}
EXPORT(run) s32 run(s32 reps){
  u32 a = 7;
  for (s32 r = 0; r < reps; r++){
    u32 s = a; for (u32 i = 0; i < sizeof in; i += 4){ u32 x = lcg(&s); for (u32 k = 0; k < 4 && i + k < sizeof in; k++) in[i+k] = (u8)(x >> (8*k)); }
    u32 n = enc(in, sizeof in - r % 3, out); u32 h = n; for (u32 i = 0; i < n; i += 16) h = h*33 + (u8)out[i]; a = h;
  }
  return (s32)a;
}
