/* Shared helpers for the pywasmjit benchmark kernels.
 * Every kernel is one module exporting `run(reps)`: it repeats a fixed unit of
 * work `reps` times, so that time is linear in reps for every engine. */
typedef unsigned char u8; typedef signed char s8; typedef unsigned short u16;
typedef unsigned int u32; typedef int s32;
typedef unsigned long long u64; typedef long long s64;
typedef float f32; typedef double f64;
#define EXPORT(n) __attribute__((export_name(#n)))
#define NOINLINE __attribute__((noinline))
static inline u32 lcg(u32 *s){ *s = *s * 1664525u + 1013904223u; return *s; }
