/* futexes HOW ...: futexes and the instructions memory.atomic.wait and notify, on the same words.

   A way to sleep or to wake is a letter: f FUTEX_WAIT and FUTEX_WAKE, p the same with FUTEX_PRIVATE, b with a bit set,
   a memory.atomic.wait32 and notify, l memory.atomic.wait64.  Natively the last two are futexes. */
#include "family.h"
#include "signals.h"
#include "threads.h"

enum { WAIT, WAKE, REQUEUE = 3, CMP_REQUEUE, WAKE_OP, LOCK_PI, UNLOCK_PI, TRYLOCK_PI, WAIT_BITSET, WAKE_BITSET };
enum { LOCK_PI2 = 13, PRIVATE = 128, REALTIME = 256, MOST = 4 };

static const char *sleeping, *waking;
static char *how;
static struct thread all[MOST];
static volatile u32 came_back, refused;
static long rounds;
static u32 own[4];
static u32 *spot = own, *other = own + 2;

static char way_of(const char *ways, int number) { return ways[number % length(ways)]; }

#ifdef __wasm__
static int atomic_wait(u32 *at, u32 value, long nanoseconds)
{
    return __builtin_wasm_memory_atomic_wait32((int *)at, value, nanoseconds);
}
static int atomic_wait_long(u64 *at, u64 value, long nanoseconds)
{
    return __builtin_wasm_memory_atomic_wait64((long long *)at, value, nanoseconds);
}
static u32 atomic_notify(u32 *at, u32 count) { return __builtin_wasm_memory_atomic_notify((int *)at, count); }
#else
static int atomic_wait(u32 *at, u32 value, long nanoseconds)
{
    struct timespec now;
    sys_clock_gettime(1, &now);
    now.nsec += nanoseconds % 1000000000;
    now.sec += nanoseconds / 1000000000 + now.nsec / 1000000000;
    now.nsec %= 1000000000;
    for (;;) {
        long result = sys_futex(at, WAIT_BITSET, value, nanoseconds < 0 ? NULL : &now, NULL, -1);
        if (result != -4) return result == 0 ? 0 : result == -11 ? 1 : 2;
    }
}
static int atomic_wait_long(u64 *at, u64 value, long nanoseconds)
{
    if (__atomic_load_n(at, __ATOMIC_SEQ_CST) != value) return 1;
    return atomic_wait((u32 *)at, value, nanoseconds);
}
static u32 atomic_notify(u32 *at, u32 count)
{
    return count ? sys_futex(at, WAKE, count >> 31 ? 0x7fffffff : count, NULL, NULL, 0) : 0;
}
#endif

/* Sleep while the word is what is said; the result of a futex. */
static long sleep_on(char way, u32 *at, u32 value)
{
    static const int results[] = {0, -11, -110};
    switch (way) {
    case 'f': return sys_futex(at, WAIT, value, NULL, NULL, 0);
    case 'p': return sys_futex(at, WAIT | PRIVATE, value, NULL, NULL, 0);
    case 'b': return sys_futex(at, WAIT_BITSET | PRIVATE, value, NULL, NULL, 6);
    case 'a': return results[atomic_wait(at, value, -1)];
    default: return results[atomic_wait_long((u64 *)at, value, -1)];
    }
}

static long wake(char way, u32 *at, u32 count)
{
    switch (way) {
    case 'f': return sys_futex(at, WAKE, count, NULL, NULL, 0);
    case 'p': return sys_futex(at, WAKE | PRIVATE, count, NULL, NULL, 0);
    case 'b': return sys_futex(at, WAKE_BITSET | PRIVATE, count, NULL, NULL, 2);
    default: return atomic_notify(at, count);
    }
}

/* Two threads hand a token on: each sleeps until the word has its number. */
static void hand_on(int number)
{
    for (long turn = 0; turn < rounds; turn++) {
        u32 seen;
        while ((seen = __atomic_load_n(spot, __ATOMIC_SEQ_CST)) != (u32)(2 * turn + number))
            sleep_on(sleeping[number], spot, seen);
        __atomic_store_n(spot, seen + 1, __ATOMIC_SEQ_CST);
        wake(waking[number], spot, 1);
    }
}

static struct mutex mutex;
static volatile long plain;

static void count_up(void)
{
    for (long turn = 0; turn < rounds; turn++) {
        lock(&mutex);
        plain = plain + 1;
        unlock(&mutex);
    }
}

static void lock_pi(u32 *at)
{
    u32 seen = 0;
    if (__atomic_compare_exchange_n(at, &seen, sys_gettid(), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return;
    if (sys_futex(at, LOCK_PI | PRIVATE, 0, NULL, NULL, 0)) __atomic_add_fetch(&refused, 1, __ATOMIC_SEQ_CST);
}

static void unlock_pi(u32 *at)
{
    u32 seen = sys_gettid();
    if (__atomic_compare_exchange_n(at, &seen, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return;
    if (sys_futex(at, UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0)) __atomic_add_fetch(&refused, 1, __ATOMIC_SEQ_CST);
}

static void count_up_by_turns(void)
{
    for (long turn = 0; turn < rounds; turn++) {
        lock_pi(spot);
        plain = plain + 1;
        if (turn % 16 == 0) sys_sched_yield();
        unlock_pi(spot);
    }
}

static void pause_for(long milliseconds)
{
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    sys_nanosleep(&time, NULL);
}

static volatile int handled;

static void on_signal(int number)
{
    (void)number;
    if (++handled == 3) {
        __atomic_store_n(spot, 1, __ATOMIC_SEQ_CST);
        wake(waking[0], spot, 1);
    }
}

/* A thread for signals: they come one after the other, each after the one before was handled. */
static void send_signals(int tid)
{
    for (int i = 0; i < 3; i++) {
        pause_for(5);
        sys_tkill(tid, 10);
        while (handled == i) sys_sched_yield();
    }
}

static void *thread_main(void *argument)
{
    struct thread *t = argument;
    if (equal(how, "token")) hand_on(t->number);
    else if (equal(how, "mutex")) count_up();
    else if (equal(how, "turns")) count_up_by_turns();
    else if (equal(how, "signalled")) send_signals(sys_getpid());
    else if (equal(how, "orphaned")) {
        lock_pi(spot);
        __atomic_store_n(other, 1, __ATOMIC_SEQ_CST);
        futex_wake(other, 1);
        if (t->number == 1) pause_for(50);
    } else if (equal(how, "held")) {
        lock_pi(spot);
        __atomic_store_n(other, 1, __ATOMIC_SEQ_CST);
        futex_wake(other, 1);
        while (__atomic_load_n(other, __ATOMIC_SEQ_CST) == 1) futex_wait(other, 1);
        pause_for(10);
        unlock_pi(spot);
    } else {
        if (sleep_on(way_of(sleeping, t->number), spot, 0)) __atomic_add_fetch(&refused, 1, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&came_back, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static long microseconds(void)
{
    struct timespec now;
    sys_clock_gettime(1, &now);
    return now.sec * 1000000 + now.nsec / 1000;
}

static void start_all(int count)
{
    for (int i = 0; i < count; i++) {
        all[i].number = i;
        if (start(&all[i]) < 0) sys_exit_group(9);
    }
}

static void join_all(int count)
{
    for (int i = 0; i < count; i++) join(&all[i]);
}

/* Four threads sleep, each in its way; all are woken, three at most at a time. */
static void wake_all(void)
{
    long woken = 0, most = 0;
    start_all(MOST);
    for (int i = 0; woken < MOST; i++) {
        long found = wake(way_of(waking, i), spot, 3);
        if (found > most) most = found;
        woken += found;
        sys_sched_yield();
    }
    join_all(MOST);
    show("woken", woken);
    show("most", most <= 3);
    show("refused", refused);
}

/* Sleepers are moved to another word and woken there. */
static void requeue(void)
{
    long moved = 0;
    start_all(MOST);
    while (moved < MOST) {
        moved += sys_futex(spot, CMP_REQUEUE, 0, (void *)MOST, other, 0);
        sys_sched_yield();
    }
    show("moved", moved);
    show("here", wake(waking[0], spot, 9));
    show("there", wake(waking[0], other, 3));
    while (came_back < 3) sys_sched_yield();
    show("left", wake(waking[1], other, 3));
    join_all(MOST);
    show("refused", refused);
}

/* The parent wakes its child, and then the other way round, in memory that they share. */
static void wake_across(void)
{
    int status = 9;
    spot = (u32 *)(usize)sys_mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    other = spot + 100;
    int pid = child();
    if (pid == 0) {
        long result = sleep_on(sleeping[0], spot, 0);
        while (wake(waking[0], other, 1) != 1) sys_sched_yield();
        sys_exit_group(result == 0 ? 3 : 4);
    }
    while (wake(waking[0], spot, 1) != 1) sys_sched_yield();
    show("slept", sleep_on(sleeping[0], other, 0));
    sys_wait4(pid, &status, 0, NULL);
    show_status("child", status);
}

static void times(void)
{
    struct timespec soon = {0, 5000000}, past = {1, 0}, now, wrong = {0, 1000000000}, before = {-1, 0};
    u64 wide[1] = {1ul << 40 | 5};
    *spot = 5;
    TRY(atomic_wait(spot, 6, -1));
    TRY(atomic_wait(spot, 5, 0));
    TRY(atomic_wait(spot, 5, 3000000));
    TRY(atomic_wait_long(wide, 5, -1));
    TRY(atomic_wait_long(wide, 1ul << 40 | 5, 3000000));
    TRY(atomic_notify(spot, 0));
    TRY(atomic_notify(spot, 1));
    TRY(atomic_notify(spot, 0xffffffff));
    TRY(sys_futex(spot, WAIT | REALTIME, 5, &soon, NULL, 0));
    TRY(sys_futex(spot, WAKE | REALTIME, 5, NULL, NULL, 0));
    TRY(sys_futex(spot, WAIT_BITSET, 5, &past, NULL, 1));
    TRY(sys_futex(spot, WAIT_BITSET | REALTIME, 5, &past, NULL, 1));
    TRY(sys_futex(spot, WAIT_BITSET | REALTIME, 6, &past, NULL, 1));
    TRY(sys_futex(spot, WAIT_BITSET, 5, &past, NULL, 0));
    TRY(sys_futex(spot, WAIT_BITSET, 5, &wrong, NULL, 1));
    TRY(sys_futex(spot, WAIT_BITSET, 5, &before, NULL, 1));
    TRY(sys_futex(spot, WAKE_BITSET, 1, NULL, NULL, 0));
    TRY(sys_futex(spot, WAKE_BITSET, 1, NULL, NULL, 7));
    sys_clock_gettime(0, &now);
    long begin = microseconds();
    now.sec += now.nsec / 990000000;
    now.nsec = (now.nsec + 20000000) % 1000000000;
    TRY(sys_futex(spot, WAIT_BITSET | REALTIME, 5, &now, NULL, -1));
    begin = microseconds() - begin;
    show("in time", begin < 5000000);
    TRY(sys_futex(spot, CMP_REQUEUE, 1, (void *)1, other, 6));
    TRY(sys_futex(spot, CMP_REQUEUE, 1, (void *)1, other, 5));
    TRY(sys_futex(spot, REQUEUE, 1, (void *)1, other, 5));
    TRY(sys_futex(spot, CMP_REQUEUE, -1, (void *)1, other, 5));
    *other = 7;
    TRY(sys_futex(spot, WAKE_OP, 1, (void *)1, other, 1 << 28 | 3 << 12 | 7));
    show("added", *other);
    TRY(sys_futex(spot, WAKE_OP, 1, (void *)1, (u32 *)((char *)other + 1), 0));
    TRY(sys_futex(spot, 13 + 7, 1, NULL, NULL, 0));
}

/* What the calls on a lock say, that nobody has, oneself, or another thread. */
static void locks(void)
{
    struct timespec past = {1, 0}, wrong = {0, -1}, now;
    u32 tid = sys_gettid();
    TRY(sys_futex(spot, LOCK_PI, 0, NULL, NULL, 0));
    show("mine", *spot == tid);
    TRY(sys_futex(spot, LOCK_PI, 0, NULL, NULL, 0));
    TRY(sys_futex(spot, LOCK_PI, 0, &past, NULL, 0));
    TRY(sys_futex(spot, TRYLOCK_PI, 0, NULL, NULL, 0));
    TRY(sys_futex(spot, UNLOCK_PI, 0, NULL, NULL, 0));
    show("free", *spot);
    TRY(sys_futex(spot, UNLOCK_PI, 0, NULL, NULL, 0));
    TRY(sys_futex(spot, TRYLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    TRY(sys_futex(spot, UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    TRY(sys_futex(spot, LOCK_PI, 0, &wrong, NULL, 0));
    TRY(sys_futex(spot, LOCK_PI | REALTIME, 0, NULL, NULL, 0));
    TRY(sys_futex((u32 *)((char *)spot + 2), LOCK_PI, 0, NULL, NULL, 0));
    TRY(sys_futex(BAD, LOCK_PI, 0, NULL, NULL, 0));
    TRY(sys_futex(spot, LOCK_PI, 0, BAD, NULL, 0));
    *spot = 0x3ffffff0;
    TRY(sys_futex(spot, LOCK_PI, 0, NULL, NULL, 0));
    *spot = 0;
    how = "held";
    start_all(1);
    while (!__atomic_load_n(other, __ATOMIC_SEQ_CST)) futex_wait(other, 0);
    show("another's", *spot == all[0].tid);
    TRY(sys_futex(spot, TRYLOCK_PI, 0, NULL, NULL, 0));
    TRY(sys_futex(spot, UNLOCK_PI, 0, NULL, NULL, 0));
    TRY(sys_futex(spot, LOCK_PI, 0, &past, NULL, 0));
    TRY(sys_futex(spot, LOCK_PI2, 0, &past, NULL, 0));
    TRY(sys_futex(spot, LOCK_PI2 | REALTIME, 0, &past, NULL, 0));
    sys_clock_gettime(1, &now);
    now.nsec += 10000000;
    if (now.nsec < 1000000000) show("timed", sys_futex(spot, LOCK_PI2, 0, &now, NULL, 0));
    else show("timed", -110);
    show("awaited", *spot == (all[0].tid | 0x80000000));
    __atomic_store_n(other, 2, __ATOMIC_SEQ_CST);
    futex_wake(other, 1);
    TRY(sys_futex(spot, LOCK_PI, 0, NULL, NULL, 0));
    show("mine", (*spot & 0x3fffffff) == tid);
    TRY(sys_futex(spot, UNLOCK_PI, 0, NULL, NULL, 0));
    show("free", *spot);
    join_all(1);
    show("refused", refused);
}

/* An owner ends without a word: whoever waits then has the lock, and is told; who comes later is refused. */
static void orphan(void)
{
    u32 tid = sys_gettid();
    start_all(1);
    join_all(1);
    pause_for(50);
    show("dead", sys_futex(spot, LOCK_PI, 0, NULL, NULL, 0));
    *spot = *other = 0;
    all[1].number = 1;
    start(&all[1]);
    while (!__atomic_load_n(other, __ATOMIC_SEQ_CST)) futex_wait(other, 0);
    TRY(sys_futex(spot, LOCK_PI, 0, NULL, NULL, 0));
    show("mine", (*spot & 0x3fffffff) == tid);
    show("owner died", *spot >> 30 & 1);
    TRY(sys_futex(spot, UNLOCK_PI, 0, NULL, NULL, 0));
    show("free", *spot);
}

/* Signals come while the main thread sleeps: handlers run, and it sleeps on, until one of them changes the word. */
static void be_signalled(void)
{
    handle(10, on_signal, SA_RESTART, 0);
    start_all(1);
    sleep_on(sleeping[0], spot, 0);
    show("handled", handled);
    show("word", *spot);
    join_all(1);
}

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    how = argv[1];
    sleeping = argc > 2 ? argv[2] : "ff";
    waking = argc > 3 ? argv[3] : sleeping;
    rounds = argc > 4 ? number(argv[4]) : 100;
    long begin = microseconds();
    if (equal(how, "token") || equal(how, "mutex")) {
        start_all(2);
        join_all(2);
        show("word", *spot);
        show("plain", plain);
    } else if (equal(how, "turns")) {
        start_all(MOST);
        join_all(MOST);
        show("word", *spot);
        show("plain", plain);
        show("refused", refused);
    } else if (equal(how, "wake")) wake_all();
    else if (equal(how, "requeue")) requeue();
    else if (equal(how, "across")) wake_across();
    else if (equal(how, "times")) times();
    else if (equal(how, "locks")) locks();
    else if (equal(how, "orphaned")) orphan();
    else if (equal(how, "signalled")) be_signalled();
    else if (equal(how, "left")) {
        start_all(MOST);
        pause_for(10);
        flush(&out);
        sys_exit_group(6);
    } else if (equal(how, "ever")) {
        flush(&out);
        sleep_on(sleeping[0], spot, 0);
    }
    if (argc > 5) show("microseconds", microseconds() - begin);
    return done();
}
