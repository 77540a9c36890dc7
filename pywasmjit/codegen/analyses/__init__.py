"""What can be known of a body before code is emitted: each module computes one thing and changes nothing."""
