"""The one offer and its one answer: SDP read, agreed on, and written."""
