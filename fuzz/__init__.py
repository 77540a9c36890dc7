"""Random modules, run on this engine and on another, and what came of it.

`generators` make well-typed modules out of the instruction table, `oracles` say
what a module does, `differential` compares.  Nothing here is part of the
installed package.
"""
