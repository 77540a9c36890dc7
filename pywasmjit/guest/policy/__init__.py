"""What a guest may do, who asks for it (the gate), and how the kernel is told of it as well (the walls)."""
