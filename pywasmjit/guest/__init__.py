"""The guest process: what Linux keeps for one program, whichever interface the program asks for it by.

Enters: a policy, arguments, the instance's memory.
Leaves: a `Process`, whose parts the interfaces (`pywasmjit.wali`) call.
May not know: any interface, the compilers, the command line.

`abi` has layouts and numbers, `kernel` is the way to the host and returns values, everything else is state: `files`,
`policy`, `memory`, `signals`, `processes`, threads.  Imports go down in that order only.  Nothing on the host is
reached except through a `Process`.
"""
