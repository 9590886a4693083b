"""The names that meetings and their people have at the media nodes, for which ids are opaque text."""

from __future__ import annotations


def room_of(meeting_id: int) -> str:
    """The nodes' name of a meeting's room."""
    return f"m{meeting_id}"


def name_of(participant_id: int) -> str:
    """The nodes' name of a participant."""
    return f"p{participant_id}"


def recording_name(recording_id: int) -> str:
    """The nodes' name of a recording."""
    return f"r{recording_id}"


def number_of(name: str) -> int:
    """The id in a name that was made here."""
    return int(name[1:])


def trial_room(number: int) -> str:
    """The nodes' name of a room in which somebody tries a place; no meeting."""
    return f"t{number}"


def is_meeting(room: str) -> bool:
    """Whether a room of that name is a meeting's."""
    return room.startswith("m")
