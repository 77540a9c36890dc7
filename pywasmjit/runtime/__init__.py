"""What is alive: instances and the things they own or share.

A `CompilationUnit` and imports enter, an instance with callable exports leaves.
Live objects are bound to compiled code here and nowhere else; nothing here
knows of WALI or of the command line.
"""
