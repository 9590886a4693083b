"""Figures for who runs the server, in Prometheus' text format."""
