"""What a module is: pure data, never run.

Enters: the bytes of a module.  Leaves: a `ModuleSyntax`, its instructions, its
text, and the verdict of the validator.  Nothing here knows instances, memory
contents, compilers or the host; it may import `pywasmjit.errors` and no other
part of the package.
"""
