"""What people asked for and were refused, kept for the administrator: who, when, what, and by which code."""
