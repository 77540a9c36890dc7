"""Stack code in, code objects out.

Enters: a list of operations, which know no version of CPython (`operations`).  Leaves: a code object for this one.
May not know: WebAssembly.

`cpython` is the one file of the compilers that knows the differences between versions; `assembler` writes the bytes,
`packaged` does the same by the package `bytecode`.
"""
