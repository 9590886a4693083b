"""Formats of what travels, pure: RTP, RTCP, transport feedback, and what VP8, VP9 and Opus begin with."""
