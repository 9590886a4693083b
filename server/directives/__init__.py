"""Directives: written, issued to units, received, registered, answered and followed to the end."""
