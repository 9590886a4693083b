"""The media node: packets, rooms, participants, slots and files; it knows nothing of units, accounts or SQL."""
