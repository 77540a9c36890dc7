/* Threads for programs without a C library, natively the system's. */
static void *thread_main(void *argument);

static void futex_wait(volatile u32 *word, u32 value) { sys_futex((u32 *)word, 128, value, NULL, NULL, 0); }
static void futex_wake(volatile u32 *word, int count) { sys_futex((u32 *)word, 129, count, NULL, NULL, 0); }

/* A thread: its number for the program, its tid, and a word that becomes 1 at its end. */
struct thread { usize stack; int number; volatile u32 tid, ended; };

#ifdef __wasm__
IMPORT("__wasm_thread_spawn") int wali_thread_spawn(int, void *);
__asm__(".globaltype __stack_pointer, i32\n"
        ".functype thread_begin (i32, i32) -> ()\n"
        ".globl thread_entry\n"
        ".type thread_entry,@function\n"
        "thread_entry:\n"
        ".functype thread_entry (i32, i32) -> ()\n"
        "local.get 1\n"
        "i32.load 0\n"
        "global.set __stack_pointer\n"
        "local.get 0\n"
        "local.get 1\n"
        "call thread_begin\n"
        "end_function\n");
void thread_entry(int, void *);

static void leave(struct thread *t)
{
    __atomic_store_n(&t->ended, 1, __ATOMIC_SEQ_CST);
    futex_wake(&t->ended, 1);
    for (;;) sys_exit(5);
}

__attribute__((used)) void thread_begin(int tid, struct thread *t)
{
    t->tid = tid;
    thread_main(t);
    leave(t);
}

static int start(struct thread *t)
{
    t->stack = (usize)allocate(65536) + 65536 - 16;
    t->ended = 0;
    return wali_thread_spawn((int)(usize)thread_entry, t);
}

#else
int pthread_create(u64 *, const void *, void *(*)(void *), void *);

static void leave(struct thread *t)
{
    __atomic_store_n(&t->ended, 1, __ATOMIC_SEQ_CST);
    futex_wake(&t->ended, 1);
    for (;;) sys_exit(5);
}

static void *begin(void *argument)
{
    struct thread *t = argument;
    t->tid = sys_gettid();
    thread_main(t);
    leave(t);
    return NULL;
}

static int start(struct thread *t)
{
    u64 handle;
    t->ended = 0;
    if (pthread_create(&handle, NULL, begin, t)) return -11;
    while (!t->tid) sys_sched_yield();
    return t->tid;
}
#endif

__attribute__((unused)) static void join(struct thread *t)
{
    while (!__atomic_load_n(&t->ended, __ATOMIC_SEQ_CST)) futex_wait(&t->ended, 0);
}

struct mutex { volatile u32 state; };

__attribute__((unused)) static void lock(struct mutex *m)
{
    u32 seen = 0;
    if (__atomic_compare_exchange_n(&m->state, &seen, 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return;
    while (__atomic_exchange_n(&m->state, 2, __ATOMIC_SEQ_CST)) futex_wait(&m->state, 2);
}

__attribute__((unused)) static void unlock(struct mutex *m)
{
    if (__atomic_exchange_n(&m->state, 0, __ATOMIC_SEQ_CST) == 2) futex_wake(&m->state, 1);
}
