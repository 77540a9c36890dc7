"""Small modules for the figures, put together byte by byte.

Instructions are written as hexadecimal text with their mnemonics beside them;
nothing here knows more of the binary format than these modules need.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

I32, NOTHING = b"\x7f", b"\x40"


def unsigned(value: int) -> bytes:
    """Encode a LEB128."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def vector(items: Iterable[bytes]) -> bytes:
    items = list(items)
    return unsigned(len(items)) + b"".join(items)


def name(text: str) -> bytes:
    return unsigned(len(text.encode())) + text.encode()


def function_type(parameters: int, results: int) -> bytes:
    """Encode a type whose values are all i32."""
    return b"\x60" + vector([I32] * parameters) + vector([I32] * results)


def body(code: str | bytes, local_count: int = 0) -> bytes:
    """Encode a function of `local_count` i32 locals; code: without the final `end`, hexadecimal text or bytes."""
    local_runs = [unsigned(local_count) + I32] if local_count else []
    content = vector(local_runs) + (bytes.fromhex(code) if isinstance(code, str) else code) + b"\x0b"
    return unsigned(len(content)) + content


def module(
    signatures: Sequence[tuple[int, int]],
    functions: Sequence[tuple[str, int, bytes]],
    imports: Sequence[tuple[str, str, int]] = (),
    memory_pages: int = 0,
) -> bytes:
    """Encode a module.

    signatures: (parameters, results) of each type.  functions: (export name, index of its type, `body`).
    imports: (module, name, index of its type).  memory_pages: initial size of an exported memory, 0 for none.
    """
    exports = [name(text) + b"\x00" + unsigned(len(imports) + index) for index, (text, _, _) in enumerate(functions)]
    if memory_pages:
        exports.append(name("memory") + b"\x02\x00")
    sections = [
        (1, vector(function_type(*signature) for signature in signatures)),
        (2, vector(name(source) + name(what) + b"\x00" + unsigned(kind) for source, what, kind in imports)),
        (3, vector(unsigned(kind) for _, kind, _ in functions)),
        (5, vector([b"\x00" + unsigned(memory_pages)] if memory_pages else [])),
        (7, vector(exports)),
        (10, vector(code for _, _, code in functions)),
    ]
    encoded = (bytes([number]) + unsigned(len(content)) + content for number, content in sections if content != b"\0")
    return b"\0asm\1\0\0\0" + b"".join(encoded)


def add() -> bytes:
    """`add(a, b) -> a + b`."""
    return module([(2, 1)], [("add", 0, body("20 00  20 01  6a"))])  # local.get 0; local.get 1; i32.add


def call_host() -> bytes:
    """`run(n)`: call the import `env.f: (i32) -> i32` n times, n > 0."""
    code = (
        "03 40"  # loop
        "  20 00  10 00  1a"  # local.get 0; call 0; drop
        "  20 00  41 01  6b  22 00  0d 00"  # local.get 0; i32.const 1; i32.sub; local.tee 0; br_if 0
        "0b"
    )
    return module([(1, 1), (1, 0)], [("run", 1, body(code))], imports=[("env", "f", 0)])


def down() -> bytes:
    """`down(n)`: recursion n deep, the result is n."""
    code = (
        "20 00  45  04 7f"  # local.get 0; i32.eqz; if (result i32)
        "  41 00"  # i32.const 0
        "05"  # else
        "  20 00  41 01  6b  10 00  41 01  6a"  # local.get 0; i32.const 1; i32.sub; call 0; i32.const 1; i32.add
        "0b"
    )
    return module([(1, 1)], [("down", 0, body(code))])


def spin() -> bytes:
    """`spin()`: a loop without end."""
    return module([(0, 0)], [("spin", 0, body("03 40  0c 00  0b"))])  # loop; br 0; end


def many_views(count: int) -> bytes:
    """`touch(p)`: load an i32 at `count` different static offsets from p; `grow()`: memory.grow by one page."""
    loads = b"".join(b"\x20\x00\x28\x02" + unsigned(4 * index) + b"\x1a" for index in range(count))
    return module(
        [(1, 0), (0, 1)],
        [("touch", 0, body(loads)), ("grow", 1, body("41 01  40 00"))],  # i32.const 1; memory.grow
        memory_pages=1,
    )
