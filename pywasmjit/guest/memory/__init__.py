"""Linear memory as a process sees it: checked access, and the address space that mappings share."""
