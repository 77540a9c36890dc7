"""`python -m pywasmjit` is the command line."""

from pywasmjit.cli import main

main()
