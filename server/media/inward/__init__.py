"""What a participant sends: its streams, what is missing of them, their clocks, and what its way here carries."""
