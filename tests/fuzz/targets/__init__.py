"""One module a target: `one(data)` must return or raise ProtocolError, `seeds()` is where a fuzzer begins."""

NAMES = ("stun", "dtls", "rtp", "rtcp", "sdp", "sip", "calls", "sound", "phone", "record", "edxml")
