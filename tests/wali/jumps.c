/* setjmp and longjmp: protected calls as in an interpreter, loops, several buffers, deep callees, indirect calls. */
#include "try.h"
#include "jumps.h"

struct handler { struct handler *outer; struct jump place; int status; };
static struct handler *innermost;
static volatile int depth_seen, always = 1;

static void raise_error(int status)
{
    struct handler *h = innermost;
    h->status = status;
    long_jump(&h->place, 1);
}

static int protected_call(void (*body)(int), int argument)
{
    struct handler h;
    h.outer = innermost;
    h.status = 0;
    innermost = &h;
    if (set_jump(&h.place) == 0) body(argument);
    innermost = h.outer;
    return h.status;
}

static void deep(int n)
{
    depth_seen = n;
    if (n == 0 && always) raise_error(7);
    if (n) deep(n - 1);
    depth_seen++;
}

static void fine(int n) { depth_seen = n; }

static void nested(int n)
{
    int status = n ? protected_call(nested, n - 1) : protected_call(deep, 20);
    show("inner", status);
    if (n % 2) raise_error(100 + n);
}

static int loop(int rounds)
{
    struct jump place;
    volatile int count = 0;
    int got = set_jump(&place);
    count++;
    if (count < rounds) long_jump(&place, count);
    return got * 100 + count;
}

static int several(void)
{
    static struct jump a, b;
    volatile int step = 0, trace = 0;
    switch (set_jump(&a)) {
    case 0: break;
    case 1: trace = trace * 10 + 1; break;
    default: trace = trace * 10 + 2; break;
    }
    if (set_jump(&b)) trace = trace * 10 + 3;
    step++;
    if (step == 1) long_jump(&b, 1);
    if (step == 2) long_jump(&a, 1);
    if (step == 3) long_jump(&a, 5);
    if (step == 4) long_jump(&b, 0);
    return trace;
}

static int value_of_zero(void)
{
    struct jump place;
    volatile int again = 0;
    int value = set_jump(&place);
    if (!again) { again = 1; long_jump(&place, 0); }
    return value;
}

static int negative(void)
{
    struct jump place;
    int value = set_jump(&place);
    if (value == 0) long_jump(&place, -5);
    return value;
}

static long masks(int save)
{
    struct jump place;
    u64 set = 1 << 9, now = 0;
    volatile int again = 0;
    sys_rt_sigprocmask(2, &set, NULL, 8);
    set_jump_mask(&place, save);
    sys_rt_sigprocmask(0, NULL, &now, 8);
    if (again) return now;
    again = 1;
    set = 1 << 11;
    sys_rt_sigprocmask(0, &set, NULL, 8);
    long_jump(&place, 1);
    return 0;
}

int main(int argc, char **argv, char **envp)
{
    (void)envp, (void)argc, (void)argv;
    show("fine", protected_call(fine, 3));
    show("deep", protected_call(deep, 300));
    show("depth", depth_seen);
    show("nested", protected_call(nested, 3));
    show("loop", loop(50));
    show("several", several());
    show("zero", value_of_zero());
    show("negative", negative());
    show("masks", masks(1));
    show("masks", masks(0));
    volatile long sum = 0;
    for (volatile int i = 0; i < 200; i++) sum += protected_call(i % 3 ? deep : fine, i % 40);
    show("sum", sum);
    return done();
}
