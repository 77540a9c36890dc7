"""From choices to bytes: well-typed modules that always end.

Enters: a source of choices (`choices.py`) and the instruction table.  Leaves:
the bytes of a module and the calls to make (`modules.Generated`).  Knows no engine.
"""
