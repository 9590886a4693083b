"""Messages that tests begin with."""

from __future__ import annotations

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 40002 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)


def request(method: str = "INVITE", *, body: bytes = b"", branch: str = "z9hG4bK1", **headers: str | None) -> bytes:
    """A usual request; `headers` replace, add or (None) leave out, with _ for -."""
    usual: dict[str, str | None] = {
        "Via": f"SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport",
        "Max-Forwards": "70",
        "From": "<sip:0901234567@192.0.2.1>;tag=theirs",
        "To": "<sip:02333@192.0.2.9>",
        "Call-ID": "call@192.0.2.1",
        "CSeq": f"1 {method}",
        "Contact": "<sip:0901234567@192.0.2.1>",
    }
    usual |= {name.replace("_", "-"): value for name, value in headers.items()}
    if body:
        usual.setdefault("Content-Type", "application/sdp")
    usual.setdefault("Content-Length", str(len(body)))
    lines = [f"{method} sip:02333@192.0.2.9 SIP/2.0"]
    lines += [f"{name}: {value}" for name, value in usual.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode() + body
