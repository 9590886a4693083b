"""Giao Ban: meetings, directives and records of a district on one server."""

VERSION = "0.1.0"
