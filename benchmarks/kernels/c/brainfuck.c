#include "common.h"
/* branchy interpreter: a switch on bytes (br_table) */
static const char P[] = "+++++[>+++++++[>++++++++++>+++>+<<<-]>>[->+<]<[->>+<<]<<-]>>>>++[<]>[.>]<<[-[>+>++<<-]>.<]>,+.";
static u8 tape[256]; static u16 jmp[sizeof P];
NOINLINE static u32 bf(u32 seed){
  u16 st[32]; s32 sp = 0; u32 n = sizeof P - 1;
  for (u32 i = 0; i < n; i++){ if (P[i] == '[') st[sp++] = (u16)i; else if (P[i] == ']'){ u16 o = st[--sp]; jmp[o] = (u16)i; jmp[i] = o; } }
  for (u32 i = 0; i < 256; i++) tape[i] = 0;
  u32 h = 5381, steps = 0; u8 dp = 64;
  for (u32 pc = 0; pc < n; pc++){
    steps++;
    switch (P[pc]){
      case '>': dp++; break;
      case '<': dp--; break;
      case '+': tape[dp]++; break;
      case '-': tape[dp]--; break;
      case '.': h = h*33 + tape[dp]; break;
      case ',': tape[dp] = (u8)(seed++); break;
      case '[': if (!tape[dp]) pc = jmp[pc]; break;
      case ']': if (tape[dp]) pc = jmp[pc]; break;
    }
    if (steps > 6000) break;
  }
  return h ^ steps;
}
EXPORT(run) s32 run(s32 reps){ u32 a = 0; for (s32 i = 0; i < reps; i++) a = a*31 + bf(a + i); return (s32)a; }
