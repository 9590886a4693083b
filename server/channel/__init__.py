"""The Socket.IO shell: sessions, presence, catch-up. It only wakes people up; the database is the truth."""

from server.channel.channel import CHANNEL, Channel
from server.channel.messages import Message

__all__ = ["CHANNEL", "Channel", "Message"]
