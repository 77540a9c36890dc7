/* A shell with job control: shell [-c COMMANDS | PROMPT].
 *
 * Words with quotes, $?, pipelines, & and ;, redirections < > >>, and the commands below (`builtins`).  On a terminal
 * each pipeline is a process group of its own, and the one in the foreground owns the terminal.  Nothing that it
 * prints depends on process numbers or on how fast anything is.
 */
#include "family.h"
#include "signals.h"

enum { RUNNING, STOPPED, DONE };
enum { MOST_JOBS = 16, MOST_PARTS = 8, MOST_WORDS = 32, LINE = 512 };

struct settings { u32 flags[4]; u8 rest[48]; };
struct job {
    int used, group, count, told;
    int pids[MOST_PARTS], states[MOST_PARTS], statuses[MOST_PARTS];
    char name[LINE];
    struct settings settings;
    int has_settings;
};
struct part { char *words[MOST_WORDS + 1]; int n; char *in, *out; int append; };

CALL5(ppoll, struct pollfd *, u64, const struct timespec *, const u64 *, usize)

/* Signals that the shell handles come only while it waits: see `await`. */
static const u64 kept = SIG(1) | SIG(2) | SIG(17) | SIG(28), none = 0;

static struct job all_jobs[MOST_JOBS];
static struct settings own_settings;
static int interactive, own_group, last_status;
static const char *prompt = "$ ";
static char **environment;
static volatile int interrupted, hung_up, resized;

static void on_interrupt(int number) { (void)number, interrupted = 1; }
static void on_hangup(int number) { (void)number, hung_up = 1; }
static void on_resize(int number) { (void)number, resized = 1; }
static void on_child(int number) { (void)number; }

static void say(const char *s) { text(&out, s); }
static long control(int request, void *argument) { return sys_ioctl(0, request, argument); }
static void own_terminal(int group) { control(0x5410, &group); }

/* -- jobs -------------------------------------------------------------------------------------------------------- */

static int state_of(const struct job *job)
{
    int stopped = 0, running = 0;
    for (int i = 0; i < job->count; i++) {
        stopped += job->states[i] == STOPPED;
        running += job->states[i] == RUNNING;
    }
    return running ? RUNNING : stopped ? STOPPED : DONE;
}

static void describe(const struct job *job)
{
    int state = state_of(job), status = job->statuses[job->count - 1];
    say("[");
    integer(&out, job - all_jobs + 1, 0);
    say("] ");
    if (state == RUNNING) say("Running");
    else if (state == STOPPED) {
        int i = 0;
        while (job->states[i] != STOPPED) i++;
        say("Stopped by "), integer(&out, job->statuses[i] >> 8, 0);
    } else if (status & 127) say("Killed by "), integer(&out, status & 127, 0);
    else say("Done "), integer(&out, status >> 8, 0);
    say("  ");
    say(job->name);
    say("\n");
}

static void note(int pid, int status)
{
    for (int i = 0; i < MOST_JOBS; i++)
        for (int k = 0; all_jobs[i].used && k < all_jobs[i].count; k++)
            if (all_jobs[i].pids[k] == pid && all_jobs[i].states[k] != DONE) {
                struct job *job = &all_jobs[i];
                int before = state_of(job);
                if (status == 0xffff) job->states[k] = RUNNING;
                else if ((status & 255) == 127) job->states[k] = STOPPED, job->statuses[k] = status;
                else job->states[k] = DONE, job->statuses[k] = status & ~128;
                if (state_of(job) != before) job->told = 0;
            }
}

/* Note changes of children; wait for one if there is none yet.  The error of wait4, or 0. */
static long reap(int wait)
{
    for (;;) {
        int status = 0;
        long pid = sys_wait4(-1, &status, (wait ? 0 : WNOHANG) | WUNTRACED | 8, NULL);
        if (pid <= 0) return pid;
        note(pid, status);
        wait = 0;
    }
}

/* Tell of background jobs that have stopped or ended, and forget the latter. */
static void tell(void)
{
    reap(0);
    for (int i = 0; i < MOST_JOBS; i++) {
        struct job *job = &all_jobs[i];
        if (!job->used || state_of(job) == RUNNING) continue;
        if (!job->told && interactive) describe(job);
        job->told = 1;
        if (state_of(job) == DONE) job->used = 0;
    }
}

static void signal_job(const struct job *job, int number)
{
    if (interactive) sys_kill(-job->group, number);
    else
        for (int i = 0; i < job->count; i++) sys_kill(job->pids[i], number);
}

static void wait_in_foreground(struct job *job)
{
    while (state_of(job) == RUNNING && reap(1) != -10) {}
    int status = job->statuses[job->count - 1];
    if (interactive) own_terminal(own_group);
    if (state_of(job) == STOPPED) {
        control(0x5401, &job->settings);
        job->has_settings = job->told = 1;
        last_status = 128 + (status >> 8);
        say("\n");
        describe(job);
    } else {
        job->used = 0;
        last_status = status & 127 ? 128 + (status & 127) : status >> 8;
        if ((status & 127) == 2 && interactive) say("\n");
        else if (status & 127) say("killed by "), integer(&out, status & 127, 0), say("\n");
    }
    if (!interactive) return;
    if (status & 127) control(0x5403, &own_settings);
    else control(0x5401, &own_settings);
}

static void go_on(struct job *job, int foreground)
{
    say(job->name);
    say(foreground ? "\n" : " &\n");
    flush(&out);
    if (foreground) own_terminal(job->group);
    if (foreground && job->has_settings) control(0x5403, &job->settings);
    for (int i = 0; i < job->count; i++)
        if (job->states[i] == STOPPED) job->states[i] = RUNNING;
    signal_job(job, 18);
    if (foreground) wait_in_foreground(job);
}

/* The job that a command means: %N, or the last one. */
static struct job *job_of(const struct part *part)
{
    if (part->n > 1) {
        long index = number(part->words[1] + (part->words[1][0] == '%')) - 1;
        return index >= 0 && index < MOST_JOBS && all_jobs[index].used ? &all_jobs[index] : NULL;
    }
    for (int i = MOST_JOBS; i--; )
        if (all_jobs[i].used) return &all_jobs[i];
    return NULL;
}

/* -- commands of the shell itself -------------------------------------------------------------------------------- */

static void hang_up(void)
{
    for (int i = 0; i < MOST_JOBS; i++)
        if (all_jobs[i].used) signal_job(&all_jobs[i], 1), signal_job(&all_jobs[i], 18);
    int fd = sys_open("hung-up", O_WRONLY | O_CREAT | O_APPEND, 0600);
    sys_write(fd, "shell\n", 6);
    sys_exit_group(129);
}

/* Wait for a signal, or for input where there is a descriptor. */
static void await(int fd)
{
    struct pollfd input = {fd, 1, 0};
    sys_ppoll(&input, fd >= 0, NULL, &none, 8);
    if (hung_up) hang_up();
}

/* Wait until a job does not run, or none; a stopped one does not.  Ctrl-C ends it. */
static int await_jobs(const struct job *wanted)
{
    flush(&out);
    for (const struct job *job = all_jobs; job < all_jobs + MOST_JOBS; job++)
        while ((!wanted || job == wanted) && reap(0) != -10 && job->used && state_of(job) == RUNNING) {
            await(-1);
            if (interrupted) {
                interrupted = 0;
                return 130;
            }
        }
    return 0;
}

/* Run a command of the shell's; -1 if it is none. */
static int builtin(struct part *part)
{
    const char *name = part->words[0], *argument = part->n > 1 ? part->words[1] : NULL;
    if (equal(name, "exit")) {
        flush(&out);
        sys_exit_group(argument ? number(argument) : last_status);
    }
    if (equal(name, "cd")) {
        long error = sys_chdir(argument ? argument : "/");
        if (error) say("cd: error "), integer(&out, -error, 0), say("\n");
        return error != 0;
    }
    if (equal(name, "jobs")) {
        reap(0);
        for (int i = 0; i < MOST_JOBS; i++)
            if (all_jobs[i].used) describe(&all_jobs[i]), all_jobs[i].told = 1;
        return 0;
    }
    if (equal(name, "echo")) {
        for (int i = 1; i < part->n; i++) say(part->words[i]), say(i + 1 < part->n ? " " : "");
        say("\n");
        return 0;
    }
    if (equal(name, "wait")) return await_jobs(argument ? job_of(part) : NULL);
    if (equal(name, "suspend")) {
        flush(&out);
        return sys_kill(0, 19) != 0;
    }
    if (equal(name, "fg") || equal(name, "bg") || equal(name, "kill")) {
        struct job *job = job_of(part);
        if (!job) {
            say(name), say(": no such job\n");
            return 1;
        }
        if (name[0] == 'k') signal_job(job, part->n > 2 ? number(part->words[2]) : 15);
        else go_on(job, name[0] == 'f');
        return name[0] == 'f' ? last_status : 0;
    }
    return -1;
}

/* -- programs ---------------------------------------------------------------------------------------------------- */

static void execute(struct part *part)
{
    char path[LINE];
    long error = -2;
    for (const char *folder = "/bin/\0/usr/bin/\0"; ; folder += length(folder) + 1) {
        int direct = !*folder;
        for (const char *c = part->words[0]; *c; c++) direct |= *c == '/';
        usize used = direct ? 0 : length(folder);
        memcpy(path, folder, used);
        memcpy(path + used, part->words[0], length(part->words[0]) + 1);
        error = sys_execve(path, (const char **)part->words, (const char **)environment);
        if (direct || error != -2) break;
    }
    say(part->words[0]), say(": error "), integer(&out, -error, 0), say("\n");
    flush(&out);
    sys_exit_group(error == -2 ? 127 : 126);
}

static int redirect(const char *path, int flags, int fd)
{
    int opened = sys_open(path, flags, 0666);
    if (opened < 0) {
        say(path), say(": error "), integer(&out, -opened, 0), say("\n");
        return -1;
    }
    sys_dup2(opened, fd);
    sys_close(opened);
    return 0;
}

/* What a child does. */
static void begin(struct part *part, int group, int foreground, int in, int to)
{
    static const int restored[] = {1, 2, 3, 17, 20, 21, 22, 28};
    if (interactive) {
        sys_setpgid(0, group);
        if (foreground) own_terminal(group ? group : sys_getpid());
    }
    for (u32 i = 0; i < sizeof restored / sizeof *restored; i++) handle(restored[i], SIG_DFL_, 0, 0);
    unblock(kept);
    if (in != 0) sys_dup2(in, 0), sys_close(in);
    if (to != 1) sys_dup2(to, 1), sys_close(to);
    int bad = part->in && redirect(part->in, O_RDONLY, 0);
    bad |= part->out && redirect(part->out, O_WRONLY | O_CREAT | (part->append ? O_APPEND : O_TRUNC), 1);
    interactive = 0;
    int status = bad ? 1 : builtin(part);
    flush(&out);
    if (status >= 0) sys_exit_group(status);
    execute(part);
}

static void run_job(struct part *parts, int n, int foreground, const char *name)
{
    struct job *job = all_jobs;
    while (job->used) job++;
    memset(job, 0, sizeof *job);
    memcpy(job->name, name, length(name) + 1);
    job->used = 1;
    int in = 0, pair[2] = {0, 1};
    for (int i = 0; i < n; i++) {
        if (i + 1 < n) sys_pipe2(pair, O_CLOEXEC);
        else pair[1] = 1;
        int pid = child();
        if (pid == 0) begin(&parts[i], job->group, foreground, in, pair[1]);
        if (!job->group) job->group = pid;
        if (interactive) sys_setpgid(pid, job->group);
        job->pids[job->count++] = pid;
        if (in != 0) sys_close(in);
        if (pair[1] != 1) sys_close(pair[1]);
        in = pair[0];
    }
    if (foreground) {
        if (interactive) own_terminal(job->group);
        wait_in_foreground(job);
    } else last_status = 0;
}

/* -- lines ------------------------------------------------------------------------------------------------------- */

static char word_space[4 * LINE];
static usize word_used;

/* Take one word or operator from a line; NULL at the end.  kind: 'w', or the operator. */
static char *next_word(const char **at, int *kind)
{
    while (**at == ' ' || **at == '\t') ++*at;
    char *start = word_space + word_used, quote = 0;
    *kind = **at;
    if (!**at) return NULL;
    if (**at == '|' || **at == '&' || **at == ';' || **at == '<' || **at == '>') {
        if (**at == '>' && (*at)[1] == '>') *kind = 'a', ++*at;
        ++*at;
        return start;
    }
    *kind = 'w';
    for (; **at; ++*at) {
        char c = **at;
        if (quote ? c == quote : c == '"' || c == '\'') {
            quote = quote ? 0 : c;
            continue;
        }
        if (!quote && (c == ' ' || c == '\t' || c == '|' || c == '&' || c == ';' || c == '<' || c == '>')) break;
        if (quote != '\'' && c == '$' && (*at)[1] == '?') {
            int status = last_status;
            ++*at;
            if (status > 99) word_space[word_used++] = '0' + status / 100;
            if (status > 9) word_space[word_used++] = '0' + status / 10 % 10;
            c = '0' + status % 10;
        }
        word_space[word_used++] = c;
    }
    word_space[word_used++] = 0;
    return start;
}

/* Run one pipeline of a line; 0 at the line's end. */
static int run_pipeline(const char **at)
{
    struct part parts[MOST_PARTS];
    char name[LINE];
    int n = 1, kind;
    usize used = 0;
    memset(parts, 0, sizeof parts);
    word_used = 0;
    const char *before = *at;
    for (char *w; (w = next_word(at, &kind)) && kind != ';' && kind != '&'; before = *at) {
        struct part *part = &parts[n - 1];
        if (kind == 'w' && part->n < MOST_WORDS) part->words[part->n++] = w;
        else if (kind == '|' && n < MOST_PARTS) n++;
        else if (kind == '<') part->in = next_word(at, &kind);
        else part->append = kind == 'a', part->out = next_word(at, &kind);
        while (*before == ' ' && !used) before++;
        memcpy(name + used, before, *at - before);
        used += *at - before;
    }
    while (used && name[used - 1] == ' ') used--;
    name[used] = 0;
    if (!parts[0].n) return kind != 0;
    int status = n == 1 && kind != '&' && !parts[0].in && !parts[0].out ? builtin(&parts[0]) : -1;
    if (status >= 0) last_status = status;
    else run_job(parts, n, kind != '&', name);
    return kind != 0;
}

/* Read a line without its end; -1 at the end of input.  Signals that came meanwhile are answered. */
static int read_line(char *line)
{
    int used = 0;
    for (;;) {
        if (interactive) await(0);
        if (resized) {
            struct winsize size = {0, 0, 0, 0};
            resized = 0;
            control(0x5413, &size);
            say("window "), integer(&out, size.row, 0), say("x"), integer(&out, size.col, 0), say("\n");
            flush(&out);
        }
        if (interrupted) {
            line[0] = interrupted = 0;
            say("\n");
            return 0;
        }
        struct pollfd input = {0, 1, 0};
        if (interactive && sys_poll(&input, 1, 0) != 1) continue;
        if (used == LINE - 1 || sys_read(0, line + used, 1) <= 0) {
            while (interactive && control(0x5401, &own_settings) != 0) await(-1); /* until SIGHUP comes */
            return -1;
        }
        if (line[used] == '\n') {
            line[used] = 0;
            return used;
        }
        used++;
    }
}

static void take_terminal(void)
{
    int owner = 0;
    while (control(0x540f, &owner) == 0 && owner != sys_getpgrp()) sys_kill(0, 21);
    block(kept);
    handle(2, on_interrupt, 0, 0);
    handle(28, on_resize, 0, 0);
    handle(1, on_hangup, 0, 0);
    handle(17, on_child, 0, 0);
    for (int number = 20; number <= 22; number++) handle(number, IGNORE, 0, 0);
    handle(3, IGNORE, 0, 0);
    sys_setpgid(0, 0);
    own_group = sys_getpgrp();
    own_terminal(own_group);
    control(0x5401, &own_settings);
}

int main(int argc, char **argv, char **envp)
{
    static char line[LINE];
    environment = envp;
    if (argc > 2 && equal(argv[1], "-c")) {
        const char *at = argv[2];
        while (run_pipeline(&at)) {}
        flush(&out);
        return last_status;
    }
    interactive = control(0x5401, &own_settings) == 0;
    if (interactive) take_terminal();
    if (argc > 1) prompt = argv[1];
    for (;;) {
        tell();
        if (interactive) say(prompt);
        flush(&out);
        if (read_line(line) < 0) break;
        const char *at = line;
        while (run_pipeline(&at)) {}
    }
    if (interactive) say("exit\n");
    flush(&out);
    return last_status;
}
