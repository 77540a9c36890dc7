#include "common.h"
/* chained hash map of C strings over a small first-fit free-list malloc */
extern u8 __heap_base;
typedef struct Blk { u32 size; struct Blk *next; } Blk;
static Blk *freel; static u8 *brk, *lim;
NOINLINE static void *xmalloc(u32 n){
  n = (n + 7) & ~7u; Blk **pp = &freel;
  while (*pp){ if ((*pp)->size >= n){ Blk *b = *pp; *pp = b->next; return b + 1; } pp = &(*pp)->next; }
  if (!brk){ brk = (u8*)(((u32)&__heap_base + 15) & ~15u); lim = (u8*)(__builtin_wasm_memory_size(0) << 16); }
  u32 t = n + sizeof(Blk);
  while (brk + t > lim){ if ((s32)__builtin_wasm_memory_grow(0, 1) < 0) __builtin_trap(); lim += 65536; }
  Blk *b = (Blk*)brk; brk += t; b->size = n; return b + 1;
}
NOINLINE static void xfree(void *p){ Blk *b = (Blk*)p - 1; b->next = freel; freel = b; }
typedef struct Node { struct Node *next; char *key; u32 hash, val; } Node;
#define NB 64
static Node *tab[NB];
static u32 hs(const char *s){ u32 h = 2166136261u; while (*s){ h ^= (u8)*s++; h *= 16777619u; } return h; }
static s32 eq(const char *a, const char *b){ while (*a && *a == *b) a++, b++; return *a == *b; }
static void mkkey(char *o, u32 k){ char t[12]; s32 n = 0; *o++ = 'k'; *o++ = ':'; do { t[n++] = '0' + k % 10; k /= 10; } while (k); while (n) *o++ = t[--n]; *o = 0; }
NOINLINE static u32 *ref(const char *k){
  u32 h = hs(k); Node **pp = &tab[h % NB];
  for (Node *n = *pp; n; n = n->next) if (n->hash == h && eq(n->key, k)) return &n->val;
  Node *n = xmalloc(sizeof *n); u32 len = 0; while (k[len]) len++;
  n->key = xmalloc(len + 1); for (u32 i = 0; i <= len; i++) n->key[i] = k[i];
  n->hash = h; n->val = 0; n->next = *pp; *pp = n; return &n->val;
}
EXPORT(run) s32 run(s32 reps){
  u32 a = 1, s = 77; char k[16];
  for (s32 r = 0; r < reps; r++){
    for (s32 i = 0; i < 400; i++){ mkkey(k, (lcg(&s) >> 16) % 200); *ref(k) += i; }
    u32 cnt = 0;
    for (s32 i = 0; i < NB; i++){ Node *n = tab[i]; while (n){ Node *x = n->next; a += n->val * (n->hash | 1); cnt++; xfree(n->key); xfree(n); n = x; } tab[i] = 0; }
    a = a*31 + cnt;
  }
  return (s32)a;
}
