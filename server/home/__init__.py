"""The first page after signing in: what is live, what is due, what comes next."""
