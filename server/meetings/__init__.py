"""Meetings: planning, the room, floor and roll call, and the link to the media node."""
