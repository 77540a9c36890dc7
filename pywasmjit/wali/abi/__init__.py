"""Numbers and layouts of the interface: those of x86-64 Linux, whatever the host.

Layouts and constants alone; no behaviour, no host call.
"""

from __future__ import annotations
