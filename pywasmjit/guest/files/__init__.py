"""Files of a guest: its table of descriptors, the paths that it may name, and what it shares with its caller.

Enters: descriptors and paths as the guest gives them.
Leaves: `OpenFile`s and `Place`s, each held open by whoever refers to it.
May not know: layouts of any interface.
"""
