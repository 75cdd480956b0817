"""What identifies a result: descriptions without loss, and seeds."""
