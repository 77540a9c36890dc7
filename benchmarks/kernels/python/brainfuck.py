from .util import s32

P = "+++++[>+++++++[>++++++++++>+++>+<<<-]>>[->+<]<[->>+<<]<<-]>>>>++[<]>[.>]<<[-[>+>++<<-]>.<]>,+."


def bf(seed):
    st, jmp = [], {}
    for i, c in enumerate(P):
        if c == "[":
            st.append(i)
        elif c == "]":
            o = st.pop()
            jmp[o] = i
            jmp[i] = o
    tape = bytearray(256)
    h, steps, dp, pc, n = 5381, 0, 64, 0, len(P)
    while pc < n:
        steps += 1
        c = P[pc]
        if c == ">":
            dp = (dp + 1) & 255
        elif c == "<":
            dp = (dp - 1) & 255
        elif c == "+":
            tape[dp] = (tape[dp] + 1) & 255
        elif c == "-":
            tape[dp] = (tape[dp] - 1) & 255
        elif c == ".":
            h = (h * 33 + tape[dp]) & 0xFFFFFFFF
        elif c == ",":
            tape[dp] = seed & 255
            seed += 1
        elif c == "[":
            if not tape[dp]:
                pc = jmp[pc]
        elif c == "]":
            if tape[dp]:
                pc = jmp[pc]
        if steps > 6000:
            break
        pc += 1
    return h ^ steps


def run(reps):
    a = 0
    for i in range(reps):
        a = (a * 31 + bf((a + i) & 0xFFFFFFFF)) & 0xFFFFFFFF
    return s32(a)
