"""The baseline compiler: one pass over a validated body into stack code.

Enters: a validated module and the index of a function.  Leaves: a `CodeTemplate`.
May not know: live objects, versions of CPython, interfaces.

`driver` walks over the body and finds the emitter of each instruction in the tables of `emitters`.  Emitters get a
`context` and know nothing of the driver; what the instructions of a body share is in `code` (the code so far, and the
few ways to change it), `operands` (what is known of each value on the stack), `facts` (of locals), `frames` (open
blocks), `slots` (fast locals) and `views` (of memory).  `claims` has compiled code check what the compiler believes.
"""
