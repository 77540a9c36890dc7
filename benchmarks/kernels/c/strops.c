#include "common.h"
/* bulk memory: memset/memcpy sized blocks plus a naive strstr */
static u8 a[2048], b[2048];
NOINLINE static s32 find(const u8 *h, s32 n, const u8 *q, s32 m){ s32 c = 0; for (s32 i = 0; i + m <= n; i++){ s32 k = 0; while (k < m && h[i+k] == q[k]) k++; if (k == m) c++; } return c; }
EXPORT(run) s32 run(s32 reps){
  s32 acc = 0;
  for (s32 r = 0; r < reps; r++){
    __builtin_memset(a, 'a' + (r & 3), 1024); for (s32 i = 0; i < 1024; i += 5) a[i] = 'b';
    for (s32 i = 0; i < 8; i++) __builtin_memcpy(b + i*256, a + i*97, 256);
    acc = acc*31 + find(b, 2048, (const u8*)"baaaa", 5) + find(b, 2048, (const u8*)"bcc", 3);
  }
  return acc;
}
