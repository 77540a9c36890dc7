"""`python -m pywasmjit` is the command line.

Python has put the working directory first in the path of modules.  A program may be allowed to write there, and must
not choose what the engine imports next.
"""

import os
import sys

if not sys.flags.safe_path and sys.path and sys.path[0] in ("", os.getcwd()):
    del sys.path[0]

from pywasmjit.cli import main

main()
