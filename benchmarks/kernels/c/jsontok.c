#include "common.h"
static const char J[] = "{\"id\": 1017, \"name\": \"sensor \\\"A\\\"\", \"tags\": [\"x\", \"yy\", \"z\\n\", \"\\u0041bc\"], \"ok\": true, \"err\": null, \"vals\": [1.5, -2e3, 0.0625, 12345678, 9, -17], \"geo\": {\"lat\": 48.2082, \"lon\": 16.3738, \"alt\": [190, {\"unit\": \"m\", \"exact\": false}]}, \"log\": [{\"t\": 1, \"m\": \"start\"}, {\"t\": 25, \"m\": \"a longer message with several words\"}, {\"t\": 300, \"m\": \"stop\"}]}";
static u32 cnt[8];
enum { PUNCT, STR, NUM, KW, ERR };
NOINLINE static s32 tok(const char **pp, u32 *hash){
  const char *p = *pp; s32 ty;
  while (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r') p++;
  char c = *p; u32 h = *hash;
  switch (c){
    case 0: *pp = p; return -1;
    case '{': case '}': case '[': case ']': case ':': case ',': p++; h = h*31 + (u8)c; ty = PUNCT; break;
    case '"': p++; ty = STR;
      while (*p && *p != '"'){ if (*p == '\\'){ p++; if (*p == 'u') p += 4; } h = h*31 + (u8)*p; p++; }
      p++; break;
    case 't': case 'f': case 'n': while (*p >= 'a' && *p <= 'z'){ h = h*31 + (u8)*p; p++; } ty = KW; break;
    default:
      if (c == '-' || (c >= '0' && c <= '9')){
        ty = NUM; p++; f64 v = c == '-' ? 0 : c - '0'; f64 sc = 1; s32 fr = 0;
        for (;; p++){ c = *p; if (c >= '0' && c <= '9'){ v = v*10 + (c - '0'); if (fr) sc *= 10; } else if (c == '.') fr = 1; else if (c == 'e' || c == 'E' || c == '+' || c == '-') { h += 7; } else break; }
        h = h*31 + (u32)(s32)(v/sc*16.0);
      } else { ty = ERR; p++; }
  }
  *pp = p; *hash = h; return ty;
}
EXPORT(run) s32 run(s32 reps){
  u32 a = 0;
  for (s32 r = 0; r < reps; r++){
    for (s32 i = 0; i < 8; i++) cnt[i] = 0;
    for (s32 q = 0; q < 6; q++){ const char *p = J; u32 h = a + q; s32 t; while ((t = tok(&p, &h)) >= 0) cnt[t]++; a = h; }
    a = a*31 + cnt[0] + cnt[1]*3 + cnt[2]*5 + cnt[3]*7 + cnt[4]*11;
  }
  return (s32)a;
}
