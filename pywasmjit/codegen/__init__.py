"""What a function becomes: a validated body enters, a `CodeTemplate` leaves.

Nothing here knows a live instance.  Emitted code names what it needs (a
function, a view of memory, a table's callables, ...) as a global of the
namespace in which it will run; the template lists these names with their
meaning, and `pywasmjit.runtime` binds them when it links the code.

`unit` has the templates of a module, made by `baseline` through `target` and proved by `verifier`.  What follows from
an instruction's operands (`bounds`), what an interface agrees on with its guests (`conventions`) and what can be known
of a body beforehand (`analyses`) belongs to no compiler.
"""
