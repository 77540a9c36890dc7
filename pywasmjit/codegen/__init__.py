"""What a function becomes: a validated body enters, a `CodeTemplate` leaves.

Nothing here knows a live instance.  Emitted code names what it needs (a
function, a view of memory, a table's callables, ...) as a global of the
namespace in which it will run; the template lists these names with their
meaning, and `pywasmjit.runtime` binds them when it links the code.
"""
