/* Print the SHA-256 of files, or of standard input, as sha256sum does.  FIPS 180-4. */
#include "wali.h"

static const u32 K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static u32 rotate(u32 x, int n) { return x >> n | x << (32 - n); }

static void block(u32 *h, const u8 *p)
{
    u32 w[64], s[8];
    for (int i = 0; i < 16; i++, p += 4) w[i] = (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3];
    for (int i = 16; i < 64; i++) {
        u32 a = w[i - 15], b = w[i - 2];
        u32 s0 = rotate(a, 7) ^ rotate(a, 18) ^ a >> 3;
        u32 s1 = rotate(b, 17) ^ rotate(b, 19) ^ b >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    for (int i = 0; i < 8; i++) s[i] = h[i];
    for (int i = 0; i < 64; i++) {
        u32 e = s[4], a = s[0];
        u32 t1 = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & s[5]) ^ (~e & s[6])) + K[i] + w[i];
        u32 t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        for (int j = 7; j > 0; j--) s[j] = s[j - 1];
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) h[i] += s[i];
}

static long digest(int fd, u32 *h)
{
    static const u32 start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    static u8 buffer[65536 + 128];
    u64 total = 0;
    usize kept = 0;
    long n;
    for (int i = 0; i < 8; i++) h[i] = start[i];
    while ((n = sys_read(fd, buffer + kept, 65536)) > 0) {
        usize have = kept + n, done = 0;
        total += n;
        for (; done + 64 <= have; done += 64) block(h, buffer + done);
        kept = have - done;
        for (usize i = 0; i < kept; i++) buffer[i] = buffer[done + i];
    }
    if (n < 0) return n;
    buffer[kept++] = 0x80;
    while (kept % 64 != 56) buffer[kept++] = 0;
    for (int i = 0; i < 8; i++) buffer[kept++] = total * 8 >> (56 - 8 * i);
    for (usize done = 0; done < kept; done += 64) block(h, buffer + done);
    return 0;
}

int main(int argc, char **argv, char **envp)
{
    int status = 0;
    (void)envp;
    for (int i = argc > 1; i < argc; i++) {
        const char *name = argc > 1 ? argv[i] : "-";
        long fd = equal(name, "-") ? 0 : sys_open(name, O_RDONLY, 0);
        u32 h[8];
        long error = fd < 0 ? fd : digest(fd, h);
        if (error < 0) {
            fail("sha256", name, error);
            status = 1;
        } else {
            for (int j = 0; j < 8; j++) hex(&out, h[j], 8);
            text(&out, "  ");
            text(&out, name);
            put(&out, "\n", 1);
        }
        if (fd > 0) sys_close(fd);
    }
    flush(&out);
    return status;
}
