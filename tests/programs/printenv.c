/* Print the arguments and the environment, or the named variables; status 1 if one of those is missing. */
#include "wali.h"

static const char *lookup(char **envp, const char *name)
{
    usize n = length(name);
    for (; *envp; envp++)
        if (length(*envp) > n && !compare(*envp, name, n) && (*envp)[n] == '=') return *envp + n + 1;
    return NULL;
}

int main(int argc, char **argv, char **envp)
{
    int status = 0;
    if (argc > 1 && equal(argv[1], "-n")) {
        for (int i = 2; i < argc; i++) {
            const char *value = lookup(envp, argv[i]);
            if (!value) status = 1;
            else {
                text(&out, value);
                text(&out, "\n");
            }
        }
    } else {
        show("argc", argc);
        for (int i = 1; i < argc; i++) {
            integer(&out, i, 3);
            text(&out, ": [");
            text(&out, argv[i]);
            text(&out, "]\n");
        }
        for (char **each = envp; *each; each++) {
            text(&out, *each);
            text(&out, "\n");
        }
    }
    flush(&out);
    return status;
}
