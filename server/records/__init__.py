"""Records: the archived, described, sealed meetings and their files."""
