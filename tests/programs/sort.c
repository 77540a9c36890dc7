/* Sort lines of files or of standard input by their bytes; -r reverses, -n sorts by leading numbers, -u drops repeats. */
#include "wali.h"

struct line { const char *start; usize len; };

static int reverse, numeric, unique;

static int order(const struct line *a, const struct line *b)
{
    int result = 0;
    if (numeric) {
        long x = number(a->start), y = number(b->start);
        result = x < y ? -1 : x > y;
    }
    if (!result) {
        result = compare(a->start, b->start, a->len < b->len ? a->len : b->len);
        if (!result) result = a->len < b->len ? -1 : a->len > b->len;
    }
    return reverse ? -result : result;
}

/* Merge sort, bottom up. */
static struct line *sort(struct line *lines, usize count)
{
    struct line *from = lines, *to = allocate((count + 1) * sizeof *to);
    for (usize width = 1; width < count; width *= 2) {
        for (usize low = 0; low < count; low += 2 * width) {
            usize i = low, middle = low + width < count ? low + width : count;
            usize j = middle, high = low + 2 * width < count ? low + 2 * width : count;
            for (usize k = low; k < high; k++)
                to[k] = i < middle && (j >= high || order(&from[i], &from[j]) <= 0) ? from[i++] : from[j++];
        }
        struct line *other = from;
        from = to;
        to = other;
    }
    return from;
}

static usize split(const char *data, usize size, struct line *lines)
{
    usize count = 0, start = 0;
    for (usize i = 0; i <= size; i++)
        if (i == size ? start < size : data[i] == '\n') {
            if (lines) lines[count] = (struct line){data + start, i - start};
            count++;
            start = i + 1;
        }
    return count;
}

int main(int argc, char **argv, char **envp)
{
    int first = 1;
    (void)envp;
    for (; first < argc && argv[first][0] == '-' && argv[first][1]; first++)
        for (char *option = argv[first] + 1; *option; option++) {
            if (*option == 'r') reverse = 1;
            else if (*option == 'n') numeric = 1;
            else if (*option == 'u') unique = 1;
            else {
                fail("sort", argv[first], -22);
                return 2;
            }
        }
    usize parts = argc > first ? argc - first : 1, total = 0;
    char **data = allocate(parts * sizeof *data);
    usize *sizes = allocate(parts * sizeof *sizes);
    for (usize i = 0; i < parts; i++) {
        const char *name = argc > first ? argv[first + i] : "-";
        long fd = equal(name, "-") ? 0 : sys_open(name, O_RDONLY, 0);
        long error = fd < 0 ? fd : read_all(fd, &data[i], &sizes[i]);
        if (error < 0) {
            fail("sort", name, error);
            return 2;
        }
        total += split(data[i], sizes[i], NULL);
    }
    struct line *lines = allocate((total + 1) * sizeof *lines);
    usize at = 0;
    for (usize i = 0; i < parts; i++) at += split(data[i], sizes[i], lines + at);
    struct line *sorted = sort(lines, total);
    for (usize i = 0; i < total; i++) {
        if (unique && i && !order(&sorted[i - 1], &sorted[i])) continue;
        put(&out, sorted[i].start, sorted[i].len);
        put(&out, "\n", 1);
    }
    flush(&out);
    return 0;
}
