"""What a module does: one file per engine, and how their answers compare.

Enters: a `Generated` module.  Leaves: an `Outcome`.  Each engine is told the same
calls and given the same host objects; nothing else is shared.
"""
