"""The village line: telephones dial into meetings and are called; SIP by `telephony`, sound by the media nodes.

`exchange` is where both meet, `line` is one call, `dial_in`, `in_meeting` and `dial_out` are what happens in it.
"""
