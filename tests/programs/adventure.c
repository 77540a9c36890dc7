/* A small text adventure: commands on standard input, one a line.  Exit status: 0 escaped, 1 gave up, 3 eaten. */
#include "wali.h"

enum { CELLAR, HALL, LIBRARY, CAVE, GARDEN, ROOMS };
enum { LAMP, KEY, BOOK, THINGS };
enum { CARRIED = -1 };

static const char *const places[ROOMS] = {
    "a cellar. Stairs lead up.",
    "a great hall. Doors lead east and north; stairs lead down. The north door is locked.",
    "a library full of dust. The hall is west; a crack in the wall leads down.",
    "a cave. Something breathes. The crack is up.",
    "a garden under the sky. You are free.",
};
static const char *const things[THINGS] = {"lamp", "key", "book"};
static int at[THINGS] = {CELLAR, CAVE, LIBRARY};
static int room, turns, opened, lit;

static int next_line(char *line, int size)
{
    int n = 0;
    char c;
    long got;
    while ((got = sys_read(0, &c, 1)) == 1 && c != '\n')
        if (n < size - 1 && c != '\r') line[n++] = c >= 'A' && c <= 'Z' ? c + 32 : c;
    line[n] = 0;
    return got == 1 || n > 0;
}

static void say(const char *what) { text(&out, what); text(&out, "\n"); }

static void look(void)
{
    text(&out, "You are in ");
    say(room == CAVE && !lit ? "the dark. Something breathes." : places[room]);
    if (room == CAVE && !lit) return;
    for (int i = 0; i < THINGS; i++)
        if (at[i] == room) {
            text(&out, "There is a ");
            text(&out, things[i]);
            say(" here.");
        }
}

static void take(const char *name)
{
    for (int i = 0; i < THINGS; i++)
        if (equal(name, things[i]) && at[i] == room && !(room == CAVE && !lit)) {
            at[i] = CARRIED;
            say("Taken.");
            return;
        }
    say("You see no such thing.");
}

static void go(const char *way)
{
    int target = -1;
    if (room == CELLAR && equal(way, "up")) target = HALL;
    if (room == HALL && equal(way, "down")) target = CELLAR;
    if (room == HALL && equal(way, "east")) target = LIBRARY;
    if (room == LIBRARY && equal(way, "west")) target = HALL;
    if (room == LIBRARY && equal(way, "down")) target = CAVE;
    if (room == CAVE && equal(way, "up")) target = LIBRARY;
    if (room == HALL && equal(way, "north")) {
        if (!opened) {
            say("The door is locked.");
            return;
        }
        target = GARDEN;
    }
    if (target < 0) {
        say("You cannot go that way.");
        return;
    }
    room = target;
    look();
}

static int after(const char *line, const char *verb, const char **rest)
{
    usize n = length(verb);
    if (length(line) <= n || compare(line, verb, n) || line[n] != ' ') return 0;
    *rest = line + n + 1;
    return 1;
}

static int finish(int status, const char *why)
{
    say(why);
    show("turns", turns);
    flush(&out);
    sys_exit_group(status);
    return status;
}

int main(int argc, char **argv, char **envp)
{
    char line[80];
    const char *rest;
    (void)envp;
    if (argc > 1) {
        text(&out, "Welcome, ");
        text(&out, argv[1]);
        say(".");
    }
    look();
    while (text(&out, "> "), flush(&out), next_line(line, sizeof line)) {
        turns++;
        if (equal(line, "look")) look();
        else if (equal(line, "quit")) return finish(1, "Farewell.");
        else if (after(line, "take", &rest)) take(rest);
        else if (after(line, "go", &rest)) go(rest);
        else if (equal(line, "light lamp") && at[LAMP] == CARRIED) {
            lit = 1;
            say("The lamp burns.");
        } else if (equal(line, "read book") && at[BOOK] == CARRIED) say("It says: what breathes in the dark fears light.");
        else if (equal(line, "unlock door") && at[KEY] == CARRIED && room == HALL) {
            opened = 1;
            say("The door opens.");
        } else say("You wonder what that means.");
        if (room == CAVE && !lit && turns % 5 == 0) return finish(3, "Something has eaten you.");
        if (room == GARDEN) return finish(0, "You have won.");
    }
    return finish(1, "The end came too early.");
}
