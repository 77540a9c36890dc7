"""Numbers and layouts of Linux on x86-64, which every guest sees, whatever the host.

A module for each header of C's.  Layouts and constants alone, and the functions from one form to the other; no host
call.  What the kernels of other machines do otherwise is `kernel`'s business.
"""

from __future__ import annotations
