"""Other processes: making one, waiting for it, becoming another program."""
