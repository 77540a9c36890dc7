/* Processes and threads in numbers: storm HOW [COUNT].
 *
 * exits     children that end in every way, many at once, awaited in every way
 * blocked   threads wait in every call that blocks; WHO (main, thread) ends the process
 * become    a second thread executes this program while others compute and wait
 * locks     a second thread forks while others are busy in every part of the system; each child uses all of them
 * users     the program becomes another user while its threads block all signals; each tells who it is (COUNT is the user)
 * limits    small limits that the program gives itself: descriptors, memory, processes of its user (COUNT)
 * orphans   grandchildren whose parents have gone, taken over by the program
 * leave     (in an executed program) end with status COUNT
 */
#include "family.h"
#include "signals.h"
#include "threads.h"

struct __attribute__((packed)) event { u32 events; u64 data; };
CALL3(socket, int, int, int)
CALL2(listen, int, int)
CALL3(accept, int, void *, u32 *)
CALL1(epoll_create1, int)
CALL4(epoll_wait, int, struct event *, int, int)

enum { THREADS = 12, WAVE = 24 };

static const char *how, *program, *who;
static struct thread threads[THREADS];
static volatile u32 never, busy, shared;
static volatile int handled;
static volatile long count;
static int ends[2], alive[2], listener;

static void on_signal(int number) { (void)number, handled++; }
static void pause_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    sys_nanosleep(&time, NULL);
}

/* -- exits ------------------------------------------------------------------------------------------------------- */

static int wanted_status(int i)
{
    static const int signals[] = {15, 9, 6, 34};
    switch (i % 8) {
    case 0: case 1: case 2: return (i & 255) << 8;
    case 3: return signals[i / 8 % 4];
    case 4: return 0;
    case 5: return 1 << 8;
    case 6: return 15;
    default: return 7 << 8;
    }
}

static void end_somehow(int i)
{
    struct strings all;
    int status;
    switch (i % 8) {
    case 0: sys_exit_group(i); break;
    case 1: sys_exit(i); break;
    case 2: pause_ms(i % 16); sys_exit_group(i); break;
    case 3: sys_kill(sys_getpid(), wanted_status(i)); break;
    case 4: sys_execve("/bin/true", strings(&all, "true", NULL), NULL); break;
    case 5: sys_execve("/bin/false", strings(&all, "false", NULL), NULL); break;
    case 6: for (;;) sys_pause();
    default:
        if (i % 32 == 31) sys_execve(program, strings(&all, program, "leave", "7", NULL), NULL);
        int pid = sys_fork();
        if (pid == 0) sys_exit_group(7);
        sys_exit_group(sys_wait4(pid, &status, 0, NULL) == pid ? status >> 8 : 99);
    }
    sys_exit_group(98);
}

static int status_of(struct ended *info) { return info->code == 1 ? (info->status & 255) << 8 : info->status; }

static void exits(long total)
{
    long good = 0;
    for (long first = 0; first < total; first += WAVE) {
        int pids[WAVE], n = total - first < WAVE ? total - first : WAVE, left = n;
        for (int k = 0; k < n; k++) {
            pids[k] = sys_fork();
            if (pids[k] == 0) end_somehow(first + k);
            if (pids[k] < 0) show("fork", pids[k]);
        }
        for (int k = 0; k < n; k++)
            if ((first + k) % 8 == 6) good += sys_kill(pids[k], 15) == 0;
        while (left) {
            int status = -1, pid, place = n - left;
            struct ended info;
            if (left % 3 == 0) pid = sys_wait4(-1, &status, 0, NULL);
            else if (left % 3 == 1) {
                memset(&info, 0, sizeof info);
                sys_waitid(P_ALL, 0, &info, WEXITED, NULL);
                pid = info.pid, status = status_of(&info);
            } else {
                for (place = 0; place < n && !pids[place]; place++) {}
                pid = sys_wait4(pids[place], &status, 0, NULL);
            }
            for (place = 0; place < n && pids[place] != pid; place++) {}
            if (place < n && (status & ~128) == wanted_status(first + place)) good++;
            else show("child", first + place), show("status", status);
            if (place < n) pids[place] = 0;
            left--;
        }
    }
    show("good", good);
    show("left", sys_wait4(-1, NULL, 0, NULL));
}

/* -- blocked ----------------------------------------------------------------------------------------------------- */

static void block_in(int number)
{
    char byte;
    struct pollfd fd = {ends[0], 1, 0};
    struct event event;
    struct timespec long_time = {1000, 0};
    u64 none = 0, hold = SIG(10);
    __atomic_add_fetch(&busy, 1, __ATOMIC_SEQ_CST);
    long result = 0;
    switch (number) {
    case 0: result = sys_futex((u32 *)&never, 128, 0, NULL, NULL, 0); break;
    case 1: result = sys_read(ends[0], &byte, 1); break;
    case 2: result = sys_poll(&fd, 1, -1); break;
    case 3: result = sys_nanosleep(&long_time, NULL); break;
    case 4: result = sys_accept(listener, NULL, NULL); break;
    case 5: result = sys_epoll_wait(sys_epoll_create1(0), &event, 1, -1); break;
    case 6: result = sys_flock(sys_open("locked", O_RDWR | O_CREAT, 0600), 2); break;
    case 7: result = sys_wait4(-1, NULL, 0, NULL); break;
    case 8: result = sys_rt_sigsuspend(&none, 8); break;
    case 9: result = sys_rt_sigtimedwait(&hold, NULL, NULL, 8); break;
    case 10: for (;;) never = 0;
    default: if (!equal(who, "thread")) for (;;) sys_pause();
    }
    if (number < 11) {
        show("came back from", number), show("with", result);
        flush(&out);
    }
    while (busy < THREADS) pause_ms(5);
    pause_ms(50);
    text(&out, "ready\n");
    flush(&out);
    sys_exit_group(7);
}

static void block_in_all_ways(void)
{
    u64 all = ~0ul;
    sys_pipe(ends);
    sys_flock(sys_open("locked", O_RDWR | O_CREAT, 0600), 2);
    listener = sys_socket(2, 1, 0); /* on any port */
    sys_listen(listener, 1);
    sys_pipe(alive);
    if (sys_fork() == 0) { /* ends with the program */
        char byte;
        sys_close(alive[1]);
        sys_exit_group(sys_read(alive[0], &byte, 1));
    }
    sys_rt_sigprocmask(0, &all, NULL, 8);
    for (int i = 0; i < THREADS; i++) {
        threads[i].number = i;
        start(&threads[i]);
    }
    while (busy < THREADS) pause_ms(5);
    if (!equal(who, "main")) for (;;) sys_pause();
    pause_ms(50);
    text(&out, "ready\n");
    flush(&out);
    sys_exit_group(7);
}

/* -- locks ------------------------------------------------------------------------------------------------------- */

#define MAKE(n) static __attribute__((noinline)) u32 rare##n(u32 x) { return x * (n + 3); }
MAKE(0) MAKE(1) MAKE(2) MAKE(3) MAKE(4) MAKE(5) MAKE(6) MAKE(7) MAKE(8) MAKE(9)
static u32 (*const rare[])(u32) = {rare0, rare1, rare2, rare3, rare4, rare5, rare6, rare7, rare8, rare9};

/* One use of each part; 0 if all went well. */
static int use_everything(int i)
{
    char *page = (char *)sys_mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if ((usize)page > (usize)-4096 || page[PAGE]) return 1;
    page[PAGE] = 1;
    if (sys_munmap(page, 3 * PAGE)) return 2;
    int fd = sys_open("/dev/null", O_RDWR, 0), copy = sys_dup(fd);
    if (fd < 0 || copy < 0 || sys_close(fd) || sys_close(copy)) return 3;
    int before = handled;
    if (sys_kill(sys_getpid(), 10) || (equal(how, "child") && handled == before)) return 4;
    futex_wake(&shared, 1);
    __atomic_add_fetch(&shared, 1, __ATOMIC_SEQ_CST);
    return rare[i % 10](i) == (u32)i * (i % 10 + 3) ? 0 : 5;
}

static void be_busy(int number)
{
    struct timespec soon = {0, 1000000};
    for (int i = 0; ; i++) {
        switch (number) {
        case 0: case 1: use_everything(i); break;
        case 2: sys_futex((u32 *)&shared, 128, shared, &soon, NULL, 0); break;
        case 3: block(SIG(12)), unblock(SIG(12)), sys_tkill(sys_gettid(), 12); break;
        default: __atomic_add_fetch(&shared, 1, __ATOMIC_SEQ_CST);
        }
    }
}

static void *child_thread(void)
{
    shared = 77;
    return NULL;
}

static void fork_often(void)
{
    long good = 0;
    for (long i = 0; i < count; i++) {
        int status = -1, pid = sys_fork();
        if (pid == 0) {
            sys_alarm(60);
            how = "child";
            int bad = use_everything(i);
            if (!bad && i % 4 == 0) start(&threads[9]), join(&threads[9]), bad = shared == 77 ? 0 : 6;
            sys_exit_group(bad ? bad : 42);
        }
        if (pid > 0 && sys_wait4(pid, &status, 0, NULL) == pid && status == 42 << 8) good++;
        else show("pid", pid), show("status", status);
    }
    show("good", good);
    flush(&out);
    sys_exit_group(0);
}

/* -- become, orphans --------------------------------------------------------------------------------------------- */

static void become(void)
{
    struct strings all;
    pause_ms(30);
    sys_execve(program, strings(&all, program, "leave", "21", NULL), NULL);
    sys_exit_group(99);
}

static void orphans(long total)
{
    long good = 0;
    TRY(sys_prctl(36, 1, 0, 0, 0));
    for (long i = 0; i < total; i++) {
        int status, me = sys_getpid(), first = child();
        if (first == 0) {
            int second = sys_fork();
            if (second == 0) {
                while (sys_getppid() != me) pause_ms(1);
                sys_exit_group(5);
            }
            sys_exit_group(3);
        }
        good += sys_wait4(first, &status, 0, NULL) == first && status == 3 << 8;
        good += sys_wait4(-1, &status, 0, NULL) > 0 && status == 5 << 8;
    }
    show("good", good);
    show("left", sys_wait4(-1, NULL, 0, NULL));
}

/* -- users ------------------------------------------------------------------------------------------------------- */

#ifdef __wasm__
#define setuid sys_setuid
#define setgid sys_setgid
#define setgroups sys_setgroups
static const u64 everything = ~0ul;
#else
static const u64 everything = ~(3ul << 31); /* the C library's own; who blocks them hangs setuid */
int setuid(u32), setgid(u32), setgroups(usize, const u32 *); /* a bare call would change one thread */
#endif

static volatile u32 changed;
static volatile long seen[THREADS];

static long who_am_i(void)
{
    u32 groups[8], ids[3];
    long n = sys_getgroups(8, groups);
    sys_getresuid(&ids[0], &ids[1], &ids[2]);
    return (ids[0] == ids[1] && ids[1] == ids[2] ? (long)ids[0] : -1) * 1000000l + sys_getgid() * 100l + n * 10 + groups[0];
}

static void become_too(int number)
{
    char byte;
    struct pollfd fd = {ends[0], 1, 0};
    sys_rt_sigprocmask(0, &everything, NULL, 8);
    __atomic_add_fetch(&busy, 1, __ATOMIC_SEQ_CST);
    while (!changed) {
        switch (number % 6) {
        case 0: shared++; break;
        case 1: futex_wait(&changed, 0); break;
        case 2: sys_read(ends[0], &byte, 1); break;
        case 3: sys_poll(&fd, 1, -1); break;
        default: pause_ms(number % 6);
        }
    }
    seen[number] = who_am_i();
}

static void users(u32 user)
{
    u32 groups[] = {5, 6};
    sys_pipe(ends);
    for (int i = 0; i < THREADS; i++) {
        threads[i].number = i;
        start(&threads[i]);
    }
    while (busy < THREADS) pause_ms(1);
    sys_rt_sigprocmask(0, &everything, NULL, 8);
    show("setgroups", setgroups(2, groups));
    show("setgid", setgid(user + 1));
    show("setuid", setuid(user));
    changed = 1;
    futex_wake(&changed, 100);
    sys_write(ends[1], "1234567890123", 13);
    for (int i = 0; i < THREADS; i++) join(&threads[i]), show("thread", seen[i]);
    show("main", who_am_i());
    show("back", sys_setuid(0));
}

/* -- limits ------------------------------------------------------------------------------------------------------ */

static void run_both(void)
{
    struct strings all;
    run("/bin/true", strings(&all, "true", NULL), NULL);
    run(program, strings(&all, program, "leave", "4", NULL), NULL);
}

static void limits(u32 user)
{
    struct rlimit files = {6, 6}, memory = {64 << 20, 64 << 20}, processes = {8, 8};
    int opened = 0, error, status, children = 0;
    TRY(sys_setrlimit(7, &files));
    while ((error = sys_open("/dev/null", O_RDONLY, 0)) >= 0) opened++;
    show("opened", opened), show("error", error);
    TRY(sys_pipe(ends));
    for (int fd = 3; fd < 6; fd++) sys_close(fd);
    TRY(sys_setrlimit(9, &memory));
    long large = sys_mmap(NULL, 128 << 20, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    show("large", large);
    long small = sys_mmap(NULL, 1 << 20, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    show("small", small > 0 || small < -4096);
    run_both();
    start(&threads[0]), join(&threads[0]);
    show("shared", shared);
    TRY(sys_setrlimit(6, &processes));
    TRY(sys_setresuid(user, user, user));
    sys_pipe(alive);
    for (int pid; (pid = sys_fork()) >= 0; children++) {
        char byte;
        if (pid > 0) continue;
        sys_close(alive[1]);
        sys_exit_group(sys_read(alive[0], &byte, 1) == 0 ? 6 : 1);
    }
    show("some", children > 1 && children < 8);
    show("error", sys_fork());
    show("thread", start(&threads[1]));
    sys_close(alive[1]);
    int good = 0;
    for (int i = 0; i < children; i++) good += sys_wait4(-1, &status, 0, NULL) > 0 && status == 6 << 8;
    show("good", good == children); /* how many: the engine's own threads count as well */
}

static void *thread_main(void *argument)
{
    int number = ((struct thread *)argument)->number;
    if (equal(how, "child") || equal(how, "limits")) return child_thread();
    if (equal(how, "users")) return become_too(number), NULL;
    if (equal(how, "blocked")) block_in(number);
    if (equal(how, "become") && number == 3) become();
    if (equal(how, "locks") && number == 5) fork_often();
    if (equal(how, "become")) number < 2 ? futex_wait(&never, 0) : be_busy(number < 4 ? 2 : 4);
    be_busy(number);
    return NULL;
}

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    how = argv[1], program = argv[0], who = argc > 2 ? argv[2] : "";
    count = argc > 2 ? number(argv[2]) : 1;
    if (equal(how, "leave")) return count;
    if (equal(how, "exits")) exits(count);
    if (equal(how, "orphans")) orphans(count);
    if (equal(how, "users")) users(count);
    if (equal(how, "limits")) limits(count);
    if (equal(how, "blocked")) block_in_all_ways();
    if (equal(how, "locks") || equal(how, "become")) {
        handle(10, on_signal, SA_RESTART, 0);
        handle(12, on_signal, SA_RESTART, 0);
        for (int i = 0; i < 6; i++) {
            threads[i].number = i;
            start(&threads[i]);
        }
        for (;;) equal(how, "become") ? (void)(shared = shared + 1) : pause_ms(1000);
    }
    return done();
}
