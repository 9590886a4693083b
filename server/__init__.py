"""Giao Ban: meetings, directives and records of a district on one server."""
