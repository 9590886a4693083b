"""People: one account a person, several memberships; sign-in, sessions, tokens, permissions."""
