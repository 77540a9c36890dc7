"""Numbers and layouts of the interface: those of x86-64 Linux, whatever the host.

A module for each header of C's; `machines` says in what the kernels of other machines differ, `numbers` how they count
their calls.  Layouts and constants alone, and the functions from one form to the other; no host call.
"""

from __future__ import annotations
