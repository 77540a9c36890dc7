/* What jobs of a shell do: busy WHAT.  Each says "at work" when a key may be pressed. */
#include "family.h"
#include "signals.h"

static volatile int caught;
static volatile u32 rounds;

/* Write a line at once: handlers may interrupt one that is being put together. */
static void say(const char *s)
{
    char line[100];
    usize n = length(s);
    memcpy(line, s, n);
    line[n] = '\n';
    sys_write(1, line, n + 1);
}

static void on_interrupt(int number)
{
    (void)number;
    caught++;
    say(caught == 1 ? "caught one" : caught == 2 ? "caught two" : "caught three");
    if (caught == 3) sys_exit_group(33);
}

static void on_stop(int number)
{
    say("stopping");
    handle(number, SIG_DFL_, 0, 0);
    sys_kill(sys_getpid(), number);
    unblock(SIG(20));
    handle(number, on_stop, 0, 0);
    say("back");
}

static void on_resize(int number)
{
    struct winsize size = {0, 0, 0, 0};
    (void)number;
    sys_ioctl(0, 0x5413, &size);
    show("rows", size.row);
    show("columns", size.col);
    flush(&out);
    sys_exit_group(0);
}

static void on_hangup(int number)
{
    (void)number;
    int fd = sys_open("hung-up", O_WRONLY | O_CREAT | O_APPEND, 0600);
    sys_write(fd, "child\n", 6);
    sys_exit_group(0);
}

static void spin(void)
{
    for (;;) rounds++;
}

static void echo(void)
{
    char line[100];
    for (;;) {
        long n = sys_read(0, line, sizeof line);
        if (n == -4) continue;
        if (n <= 0) sys_exit_group(n == 0 ? 4 : -n);
        text(&out, "got ");
        put(&out, line, n);
        flush(&out);
    }
}

static void change_flags(u32 cleared, u32 set)
{
    u32 settings[16];
    sys_ioctl(0, 0x5401, settings);
    settings[3] = (settings[3] & ~cleared) | set;
    sys_ioctl(0, 0x5402, settings);
}

int main(int argc, char **argv, char **envp)
{
    (void)envp;
    const char *what = argc > 1 ? argv[1] : "spin", *how = argc > 2 ? argv[2] : "spin";
    if (equal(what, "catch")) handle(2, on_interrupt, 0, 0), handle(20, on_stop, 0, 0);
    if (equal(what, "window")) handle(28, on_resize, 0, 0);
    if (equal(what, "hangup")) handle(1, on_hangup, 0, 0);
    if (equal(what, "quiet")) change_flags(8, 0);
    if (equal(what, "tostop")) {
        change_flags(0, 0400);
        return 0;
    }
    if (equal(what, "write")) {
        say("written");
        return 5;
    }
    if (!equal(what, "read")) say("at work");
    if (equal(how, "read") || equal(what, "read")) echo();
    spin();
    return 0;
}
