#include "common.h"
static u32 T[256]; static u8 buf[4096];
static void mk(void){ for (u32 i = 0; i < 256; i++){ u32 c = i; for (s32 k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320u ^ (c >> 1) : c >> 1; T[i] = c; } }
NOINLINE static u32 crc(const u8 *p, u32 n, u32 c){ c = ~c; while (n--) c = T[(c ^ *p++) & 255] ^ (c >> 8); return ~c; }
EXPORT(run) s32 run(s32 reps){
  if (!T[1]){ mk(); u32 s = 12345; for (u32 i = 0; i < sizeof buf; i++) buf[i] = (u8)(lcg(&s) >> 16); }
  u32 a = 0; for (s32 i = 0; i < reps; i++){ buf[i & 4095] ^= (u8)i; a = crc(buf, sizeof buf, a); }
  for (s32 i = reps - 1; i >= 0; i--) buf[i & 4095] ^= (u8)i; /* restore: result depends on reps only */
  return (s32)a;
}
