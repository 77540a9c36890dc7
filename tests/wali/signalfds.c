/* signalfds WHAT: signals that are read from a descriptor. */
#include "family.h"
#include "signals.h"
#include "threads.h"

struct told {
    u32 signo; int error, code; u32 pid, uid; int fd; u32 tid, band, overrun, trapno; int status, value;
    u64 pointer, utime, stime, address; char rest[48];
};

struct __attribute__((packed)) epoll_event { u32 events; u64 data; };
struct itimerspec { struct timespec interval, value; };

CALL1(epoll_create1, int)
CALL4(epoll_ctl, int, int, int, struct epoll_event *)
CALL4(epoll_wait, int, struct epoll_event *, int, int)
CALL2(timerfd_create, int, int)
CALL4(timerfd_settime, int, int, const struct itimerspec *, struct itimerspec *)
CALL3(signalfd, int, const u64 *, usize)
CALL4(signalfd4, int, const u64 *, usize, int)

static const char *what;
static struct thread other;
static int events, signals, timer;
static volatile int handled;

static int signals_of(u64 set, int flags)
{
    block(set);
    return sys_signalfd4(-1, &set, 8, flags);
}

/* Read what has come: at most four of them. */
static void read_signals(int fd)
{
    struct told all[4];
    long n = sys_read(fd, all, sizeof all);
    show("read", n);
    for (int i = 0; i < n / (int)sizeof *all; i++) {
        show("signal", all[i].signo);
        show(" code", all[i].code);
        show(" mine", (int)all[i].pid == sys_getpid());
        show(" user", all[i].uid == (u32)sys_getuid());
        show(" value", all[i].value);
        show(" status", all[i].status);
        show(" others", all[i].error | all[i].fd | all[i].band | all[i].trapno | all[i].rest[40]);
    }
    flush(&out);
}

static long send_value(int pid, int number, int code, int value)
{
    struct siginfo info;
    memset(&info, 0, sizeof info);
    info.code = code;
    info.pid = sys_getpid();
    info.uid = sys_getuid();
    info.value = value;
    return sys_rt_sigqueueinfo(pid, number, &info);
}

static void queue_to(int pid, int number, int code, int value)
{
    show("queued", send_value(pid, number, code, value));
}

static void queue(int number, int code, int value) { queue_to(sys_getpid(), number, code, value); }

static void on_signal(int number) { handled += number; }

static void errors(void)
{
    u64 set = SIG(10);
    int ends[2];
    sys_pipe(ends);
    TRY(sys_signalfd(-1, &set, 4));
    TRY(sys_signalfd(-1, &set, 16));
    TRY(sys_signalfd(-1, NULL, 8));
    TRY(sys_signalfd(-1, BAD, 8));
    TRY(sys_signalfd4(-1, &set, 8, 1));
    TRY(sys_signalfd4(-1, &set, 8, -1));
    TRY(sys_signalfd(-2, &set, 8));
    TRY(sys_signalfd(77, &set, 8));
    TRY(sys_signalfd(ends[0], &set, 8));
    TRY(sys_signalfd4(ends[0], &set, 8, 2));
    int fd = sys_signalfd4(-1, &set, 8, O_CLOEXEC | O_NONBLOCK);
    show("fd", fd);
    TRY(sys_fcntl(fd, 1, 0));
    TRY(sys_fcntl(fd, 3, 0));
    show("same", sys_signalfd(fd, &set, 8) == fd);
    TRY(sys_fcntl(fd, 3, 0));
    show("plain", sys_fcntl(sys_signalfd(-1, &set, 8), 1, 0));
    char c[300];
    TRY(sys_read(fd, c, 300));
    TRY(sys_read(fd, c, 127));
    TRY(sys_read(fd, c, 0));
    TRY(sys_write(fd, c, 128));
    TRY(sys_lseek(fd, 0, 0));
    TRY(sys_pread64(fd, c, 128, 0));
}

static void queued(void)
{
    struct told one;
    u64 set = SIG(10) | SIG(12) | SIG(40) | SIG(41), less = SIG(41), now = 0;
    int fd = signals_of(set, O_NONBLOCK);
    struct pollfd wait = {fd, 5, 0};
    handle(10, on_signal, 0, 0);
    handle(40, on_signal, SA_SIGINFO, 0);
    show("poll", sys_poll(&wait, 1, 0));
    sys_kill(sys_getpid(), 12);
    sys_kill(sys_getpid(), 10);
    sys_kill(sys_getpid(), 10);
    show("poll", sys_poll(&wait, 1, 0));
    show("revents", wait.revents);
    show("short", sys_read(fd, &one, 127));
    read_signals(fd);
    read_signals(fd);
    queue(41, -1, 1);
    queue(40, -1, 2);
    queue(40, -1, -3);
    queue(40, -2, 4);
    sys_rt_sigpending(&now, 8);
    show("pending", now);
    show("one", sys_read(fd, &one, sizeof one + 10));
    show("value", one.value);
    show("less", sys_signalfd(fd, &less, 8) == fd);
    read_signals(fd);
    read_signals(fd);
    show("all", sys_signalfd(fd, &set, 8) == fd);
    read_signals(fd);
    sys_tkill(sys_gettid(), 10);
    sys_tkill(sys_gettid(), 40);
    read_signals(fd);
    show("handled", handled);
    unblock(set);
    show("handled", handled);
    queue(40, -1, 5);
    sys_kill(sys_getpid(), 10);
    show("handled", handled);
    read_signals(fd);
}

/* Signals of the kernel's: a child's end, and a timer, for which the reader waits. */
static void waited(void)
{
    int status = 0, fd = signals_of(SIG(17) | SIG(14), 0);
    struct itimerspec soon = {{0, 0}, {0, 20000}};
    int pid = child();
    if (pid == 0) sys_exit_group(7);
    struct told one;
    show("read", sys_read(fd, &one, sizeof one));
    show("signal", one.signo);
    show("code", one.code);
    show("child", (int)one.pid == pid);
    show("status", one.status);
    sys_wait4(pid, &status, 0, NULL);
    show_status("child", status);
    sys_setitimer(0, &soon, NULL);
    read_signals(fd);
}

/* Signals with values, from and to other processes. */
static void others(void)
{
    int status = 0, ends[2];
    char c = 'c';
    u64 set = SIG(40) | SIG(10);
    int parent = sys_getpid(), fd = signals_of(set, 0);
    sys_pipe(ends);
    int pid = child();
    if (pid == 0) {
        queue_to(parent, 40, -1, 123456);
        queue_to(parent, 10, -60, -7);
        flush(&out);
        sys_write(ends[1], &c, 1);
        read_signals(fd);
        sys_exit_group(3);
    }
    sys_read(ends[0], &c, 1);
    read_signals(fd);
    queue_to(pid, 40, 0, 1);
    queue_to(pid, 40, 0x80, 1);
    queue_to(pid, 40, -6, 1);
    queue_to(pid, 65, -1, 1);
    queue_to(pid, -1, -1, 1);
    queue_to(pid, 0, -1, 1);
    queue_to(0, 40, -1, 1);
    queue_to(-pid, 40, -1, 1);
    queue_to(0x3ffffff, 40, -1, 1);
    queue_to(0x3ffffff, 65, 0, 1);
    TRY(sys_rt_sigqueueinfo(pid, 40, NULL));
    TRY(sys_rt_sigqueueinfo(pid, 40, BAD));
    flush(&out);
    queue_to(pid, 40, -3, 654321);
    sys_wait4(pid, &status, 0, NULL);
    show_status("child", status);
}

/* A child has the descriptor, and through it its own signals; the parent has the parent's. */
static void inherited(void)
{
    int status = 0, fd = signals_of(SIG(10) | SIG(40), O_NONBLOCK);
    sys_kill(sys_getpid(), 10);
    int pid = child();
    if (pid == 0) {
        read_signals(fd);
        queue(40, -1, 8);
        read_signals(fd);
        sys_exit_group(0);
    }
    sys_wait4(pid, &status, 0, NULL);
    show_status("child", status);
    read_signals(fd);
}

static volatile int taken_by, value_taken;

static void on_informed(int number, struct siginfo *info, void *context)
{
    (void)context;
    handled += number;
    taken_by = sys_gettid();
    value_taken = info->value;
}

static void *thread_main(void *argument)
{
    struct thread *t = argument;
    if (equal(what, "unblocked")) {
        while (handled != 1) futex_wait((u32 *)&handled, handled);
        show("taken", taken_by);
        unblock(SIG(40));
        show("handled", handled);
        show("by me", taken_by == sys_gettid());
        flush(&out);
        return NULL;
    }
    if (equal(what, "own")) {
        futex_wait(&t->tid, 0);
        while (handled != 1) futex_wait((u32 *)&handled, handled);
        read_signals(signals);
        handled = 2;
        futex_wake((u32 *)&handled, 1);
        return NULL;
    }
    if (equal(what, "earlier")) {
        while (!__atomic_load_n(&events, __ATOMIC_SEQ_CST)) { }
        block(SIG(40));
        show("handled", handled);
        flush(&out);
        return NULL;
    }
    struct epoll_event event;
    for (int i = 0; i < 4; i++) {
        u64 ticks = 0;
        show("waited", sys_epoll_wait(events, &event, 1, -1));
        if ((int)event.data == timer) {
            show("timer", sys_read(timer, &ticks, 8));
            show("ticks", ticks);
            sys_kill(sys_getpid(), 12);
        } else read_signals(signals);
        handled = i + 1;
        futex_wake((u32 *)&handled, 1);
    }
    flush(&out);
    return NULL;
}

static void await_events(int count)
{
    for (int seen; (seen = handled) < count; ) futex_wait((u32 *)&handled, seen);
}

/* As servers do: all threads block, one waits for signals and timers by epoll. */
static void served(void)
{
    struct itimerspec soon = {{0, 0}, {0, 10000000}};
    signals = signals_of(SIG(10) | SIG(12) | SIG(40), O_NONBLOCK | O_CLOEXEC);
    events = sys_epoll_create1(0);
    timer = sys_timerfd_create(1, O_NONBLOCK);
    struct epoll_event event = {1, signals};
    show("added", sys_epoll_ctl(events, 1, signals, &event));
    event.data = timer;
    show("added", sys_epoll_ctl(events, 1, timer, &event));
    flush(&out);
    start(&other);
    sys_timerfd_settime(timer, 0, &soon, NULL);
    await_events(2);
    send_value(sys_getpid(), 40, -1, 77);
    await_events(3);
    sys_kill(sys_getpid(), 10);
    join(&other);
}

/* A signal sent to one thread is that one's to read. */
static void own(void)
{
    signals = signals_of(SIG(10) | SIG(40), O_NONBLOCK);
    handle(40, on_signal, 0, 0);
    int tid = start(&other);
    show("sent", sys_tkill(tid, 10));
    show("sent", sys_tkill(tid, 40));
    read_signals(signals);
    flush(&out);
    handled = 1;
    futex_wake((u32 *)&handled, 1);
    while (handled != 2) futex_wait((u32 *)&handled, handled);
    join(&other);
    read_signals(signals);
}

/* What was sent while it was blocked is known when it is unblocked: for whom, and with which value. */
static void unblocked(void)
{
    u64 set = SIG(40) | SIG(41);
    block(set);
    handle(40, on_informed, SA_SIGINFO, 0);
    handle(41, on_informed, SA_SIGINFO, 0);
    int tid = start(&other);
    show("sent", sys_tkill(tid, 40));
    queue(41, -1, 4711);
    unblock(SIG(40));
    show("handled", handled);
    flush(&out);
    handled = 1;
    futex_wake((u32 *)&handled, 1);
    join(&other);
    unblock(SIG(41));
    show("handled", handled);
    show("value", value_taken);
    show("by me", taken_by == sys_gettid());
}

/* What was sent before a thread blocks it is handled before. */
static void earlier(void)
{
    handle(40, on_signal, 0, 0);
    int tid = start(&other);
    show("sent", sys_tkill(tid, 40));
    flush(&out);
    __atomic_store_n(&events, 1, __ATOMIC_SEQ_CST);
    join(&other);
}

/* Blocked and pending signals, and the descriptor, are the executed program's too. */
static void executed(const char *path)
{
    struct strings args, env;
    char fd[2] = {0, 0};
    int status = 0;
    signals = signals_of(SIG(10) | SIG(40), O_NONBLOCK);
    fd[0] = '0' + signals;
    int pid = child();
    if (pid == 0) {
        queue(40, -1, 9);
        sys_kill(sys_getpid(), 10);
        flush(&out);
        sys_exit_group(-sys_execve(path, strings(&args, "signalfds", "after", fd, NULL), strings(&env, NULL)));
    }
    sys_wait4(pid, &status, 0, NULL);
    show_status("child", status);
}

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    what = argv[1];
    if (equal(what, "errors")) errors();
    else if (equal(what, "queued")) queued();
    else if (equal(what, "waited")) waited();
    else if (equal(what, "inherited")) inherited();
    else if (equal(what, "others")) others();
    else if (equal(what, "served")) served();
    else if (equal(what, "own")) own();
    else if (equal(what, "unblocked")) unblocked();
    else if (equal(what, "earlier")) earlier();
    else if (equal(what, "executed") && argc > 2) executed(argv[2]);
    else if (equal(what, "after") && argc > 2) {
        show("blocked", blocked());
        read_signals(number(argv[2]));
    } else if (equal(what, "ever")) {
        text(&out, "ready\n");
        flush(&out);
        read_signals(signals_of(SIG(10) | SIG(40), 0));
    }
    return done();
}
