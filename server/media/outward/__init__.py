"""What a participant gets: slots, and packets rewritten, protected and sent, the same to many at once."""
