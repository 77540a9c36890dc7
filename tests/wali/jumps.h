/* setjmp for programs without a C library: the interface's natively the compiler's, with the mask put aside by hand. */
#ifdef __wasm__
struct jump { u64 words[43]; };
IMPORT("setjmp") __attribute__((returns_twice)) int set_jump(struct jump *);
IMPORT("sigsetjmp") __attribute__((returns_twice)) int set_jump_mask(struct jump *, int);
IMPORT("longjmp") _Noreturn void long_jump(struct jump *, int);
#else
#include <setjmp.h>
struct jump { sigjmp_buf buffer; };
#define set_jump(j) sigsetjmp((j)->buffer, 0)
#define set_jump_mask(j, save) sigsetjmp((j)->buffer, save)
#define long_jump(j, value) siglongjmp((j)->buffer, value)
#endif
