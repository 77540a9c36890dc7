"""Conformance: the official WebAssembly test scripts (`.wast`), run against the engine.

In come the scripts of the specification (a folder beside the checkout, or `PYWASMJIT_SPEC`); out comes one outcome for
each command, summed up by file and by folder.  A script goes through

    lexer -> sexpr -> script (commands) -> convert (text modules become binary) -> runner -> expectations

and only `engines` knows which engine is under test.  `python -m tests.spec` prints the table, pytest runs one test for
each file.
"""
