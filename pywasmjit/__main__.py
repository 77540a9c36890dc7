"""`python -P -m pywasmjit` is the command line.

Without -P, Python has put the working directory first in the path of modules, and may have imported from it before
this line.  A program that may write there must not choose what the engine imports: see `program`.
"""

from pywasmjit import starting

starting.leave_working_directory()

from pywasmjit.cli import main  # noqa: E402 - when the path of modules is right

main()
