"""Telephones: SIP (`sip/`), the descriptions of a call's sound (`sdp.py`) and how both sides agree on it.

It imports nothing of the rest but `errors`; packets of sound are the media node's.
"""

PRODUCT = "Giao Ban"
"""What we call ourselves to other telephones."""
