"""What a trunk asks of us: proofs, registrations, intervals; and whether it is there."""

from __future__ import annotations

import hashlib

import pytest

from server.errors import ProtocolError
from server.telephony.sip import digest
from server.telephony.sip.digest import Challenge, Credentials, read_challenge
from server.telephony.sip.headers import Address
from server.telephony.sip.message import Request, Response
from server.telephony.sip.registration import KeepAlive, Registration, Standing
from server.telephony.sip.uri import read_uri
from tests.telephony.sip.phones import OURS, THEIRS, Raw, Telephone
from tests.telephony.sip.wire import Wire

CREDENTIALS = Credentials("giaoban", "mật khẩu")


def desk() -> tuple[Wire, Telephone, Raw]:
    wire = Wire(delay=(0.001, 0.001))
    return wire, Telephone(wire, OURS), Raw(wire)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, response: str) -> None:
    """§3.9.1."""
    nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    challenge = Challenge("http-auth@example.org", nonce, algorithm, None, True, False, False)
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    proof = digest.answer(challenge, Credentials("Mufasa", "Circle of Life"), "GET", "/dir/index.html", cnonce)
    assert f'response="{response}"' in proof
    assert "nc=00000001" in proof


def test_a_challenge_without_qop_is_answered_as_rfc_2069_has_it() -> None:
    challenge = read_challenge('Digest realm="vnpt.vn", nonce="n\\"1", opaque="o"', proxy=False)
    assert challenge is not None
    proof = digest.answer(challenge, Credentials("u", "p"), "INVITE", "sip:a@b", "c")
    secret, what = (hashlib.md5(text).hexdigest() for text in (b"u:vnpt.vn:p", b"INVITE:sip:a@b"))
    assert f'response="{hashlib.md5(f"{secret}:n{chr(34)}1:{what}".encode()).hexdigest()}"' in proof
    assert 'nonce="n\\"1"' in proof and "qop" not in proof and 'opaque="o"' in proof


@pytest.mark.parametrize(
    "value",
    ["Basic realm=x", 'Digest realm="r",nonce="n",algorithm=X', 'Digest realm="r", nonce="n", qop="auth-int"'],
)
def test_challenges_that_we_cannot_answer(value: str) -> None:
    assert read_challenge(value, proxy=False) is None


@pytest.mark.parametrize("value", ["Digest", 'Digest realm="r', 'Digest realm="r" nonce="n"', 'Digest realm="r"'])
def test_malformed_challenges(value: str) -> None:
    with pytest.raises(ProtocolError):
        read_challenge(value, proxy=False)


def test_the_strongest_of_several_is_taken() -> None:
    response = Response(401, "Unauthorized")
    for algorithm in ("MD5", "SHA-512-256", "SHA-256", "SHA3"):
        response.add("WWW-Authenticate", f'Digest realm="r", nonce="{algorithm}", algorithm={algorithm}')
    response.add("WWW-Authenticate", "Digest nonsense")
    strongest = digest.strongest(response)
    assert strongest is not None and strongest.nonce == "SHA-512-256"


def challenge(request: Request, status: int = 407, nonce: str = "n1", **more: str) -> bytes:
    response = request.response(status, tag="theirs")
    name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    extra = "".join(f", {key}={value}" for key, value in more.items())
    response.add(name, f'Digest realm="vnpt.vn", nonce="{nonce}", qop="auth", algorithm=SHA-256{extra}')
    return response.encode()


def test_an_invite_is_sent_again_with_the_proof_that_a_proxy_wants() -> None:
    wire, telephone, raw = desk()
    call = telephone.call(THEIRS, credentials=CREDENTIALS)
    wire.run(0.1)
    raw.say(challenge(raw.requests("INVITE")[0]))
    first, ack, second = (one for one in raw.got if isinstance(one, Request))
    assert (ack.method, ack.via.branch) == ("ACK", first.via.branch)
    assert (second.cseq.number, second.call_id, second.sender.tag) == (2, first.call_id, first.sender.tag)
    assert second.via.branch != first.via.branch
    proof = second.get("Proxy-Authorization") or ""
    assert 'username="giaoban"' in proof and 'uri="sip:02333@192.0.2.1"' in proof
    assert second.body == first.body
    raw.say(challenge(second, nonce="n2", stale="true"))
    third = raw.requests("INVITE")[-1]
    assert (third.cseq.number, 'nonce="n2"' in (third.get("Proxy-Authorization") or "")) == (3, True)
    success = third.response(200, tag="theirs")
    success.add("Contact", "<sip:b@192.0.2.1>")
    raw.say(success.encode())
    assert raw.requests("ACK")[-1].cseq.number == 3
    call.hang_up(wire.now)
    wire.run(0.1)
    bye = raw.requests("BYE")[0]
    assert bye.cseq.number == 4
    raw.say(challenge(bye, nonce="n3"))
    assert raw.requests("BYE")[-1].get("Proxy-Authorization")


def test_a_wrong_password_is_not_tried_twice() -> None:
    wire, telephone, raw = desk()
    call = telephone.call(THEIRS, credentials=CREDENTIALS)
    wire.run(0.1)
    raw.say(challenge(raw.requests("INVITE")[0], 401))
    raw.say(challenge(raw.requests("INVITE")[1], 401, "n2"))
    assert len(raw.requests("INVITE")) == 2
    assert telephone.ended[call.id].status == 401


def test_without_a_password_a_challenge_ends_the_call() -> None:
    wire, telephone, raw = desk()
    call = telephone.call(THEIRS)
    wire.run(0.1)
    raw.say(challenge(raw.requests("INVITE")[0]))
    assert telephone.ended[call.id].status == 407


def test_a_call_that_was_taken_back_is_not_asked_again() -> None:
    wire, telephone, raw = desk()
    call = telephone.call(THEIRS, credentials=CREDENTIALS)
    wire.run(0.1)
    call.hang_up(wire.now)
    raw.say(challenge(raw.requests("INVITE")[0]))
    assert len(raw.requests("INVITE")) == 1
    assert telephone.ended[call.id].by_us


def test_an_interval_that_is_too_small_is_raised() -> None:
    wire, telephone, raw = desk()
    telephone.call(THEIRS)
    wire.run(0.1)
    refusal = raw.requests("INVITE")[0].response(422, tag="theirs")
    refusal.add("Min-SE", "3600")
    raw.say(refusal.encode())
    again = raw.requests("INVITE")[1]
    assert (again.get("Session-Expires"), again.get("Min-SE")) == ("3600", "3600")
    refusal = again.response(422, tag="theirs")
    refusal.add("Min-SE", "36000000")
    raw.say(refusal.encode())
    assert len(raw.requests("INVITE")) == 2


class Heard:
    def __init__(self) -> None:
        self.standings: list[tuple[float, Standing]] = []

    def __call__(self, standing: Standing, now: float) -> None:
        self.standings.append((round(now), standing))


def registration() -> tuple[Wire, Raw, Registration, Heard]:
    wire, telephone, raw = desk()
    heard = Heard()
    address = read_uri("sip:giaoban@vnpt.vn")
    return wire, raw, Registration(telephone.agent, wire.peer(THEIRS), address, CREDENTIALS, heard), heard


def granted(request: Request, **headers: str) -> bytes:
    response = request.response(200, tag="theirs")
    for name, value in headers.items():
        response.add(name, value)
    return response.encode()


def test_a_registration_is_proved_kept_and_taken_back() -> None:
    wire, raw, registering, heard = registration()
    registering.start(wire.now)
    wire.run(0.1)
    first = raw.requests("REGISTER")[0]
    assert (first.target, str(first.to.uri), first.get("Expires")) == ("sip:vnpt.vn", "sip:giaoban@vnpt.vn", "600")
    raw.say(challenge(first, 401))
    second = raw.requests("REGISTER")[1]
    assert second.cseq.number == 2
    raw.say(granted(second, Contact="<sip:other@192.0.2.8>;expires=9, <sip:tel@192.0.2.9>;expires=100"))
    assert heard.standings == [(0, Standing(True, 200, "OK"))]
    wire.run(69)
    assert len(raw.requests("REGISTER")) == 2
    wire.run(2)
    third = raw.requests("REGISTER")[2]
    assert (third.call_id, third.cseq.number) == (first.call_id, 3)
    raw.say(granted(third, Expires="600"))
    registering.stop(wire.now)
    wire.run(0.1)
    assert raw.requests("REGISTER")[-1].get("Expires") == "0"
    raw.say(granted(raw.requests("REGISTER")[-1]))
    wire.run(2_000)
    assert len(heard.standings) == 2
    assert wire.timers.next() is None


def test_a_registrar_that_is_away_is_asked_ever_less_often() -> None:
    wire, raw, registering, heard = registration()
    wire.loss = 1.0
    registering.start(wire.now)
    wire.run(2_000)
    assert [at for at, _ in heard.standings] == [32, 94, 186, 338, 610, 1122, 1754]
    assert {standing for _, standing in heard.standings} == {Standing(False, 408, "No response")}
    assert raw.got == []


def test_a_registrar_may_want_longer_registrations() -> None:
    wire, raw, registering, heard = registration()
    registering.start(wire.now)
    wire.run(0.1)
    for number, least in enumerate(("1800", "1800")):
        refusal = raw.requests("REGISTER")[number].response(423, tag="theirs")
        refusal.add("Min-Expires", least)
        raw.say(refusal.encode())
    assert [one.get("Expires") for one in raw.requests("REGISTER")] == ["600", "1800"]
    assert [standing.status for _, standing in heard.standings] == [423]


@pytest.mark.parametrize(("least", "asked_again"), [(7_200, 3_600), (604_800, 3_600), (4_000, 3_600), (3_700, 3_330)])
def test_a_registrar_may_want_more_than_an_hour(least: int, asked_again: int) -> None:
    """RFC 3261 §10.2.8: as long as it wants, but renewed each hour: who has forgotten us is not without us for days."""
    wire, raw, registering, heard = registration()
    registering.start(wire.now)
    wire.run(0.1)
    refusal = raw.requests("REGISTER")[0].response(423, tag="theirs")
    refusal.add("Min-Expires", str(least))
    raw.say(refusal.encode())
    second = raw.requests("REGISTER")[1]
    assert second.get("Expires") == str(least)
    raw.say(granted(second, Expires=str(least)))
    assert heard.standings == [(0, Standing(True, 200, "OK"))]
    wire.run(asked_again - 2)
    assert len(raw.requests("REGISTER")) == 2
    wire.run(4)
    assert raw.requests("REGISTER")[2].get("Expires") == str(least)


def test_a_trunk_is_there_when_it_answers_anything() -> None:
    wire, telephone, raw = desk()
    heard = Heard()
    local = Address(read_uri("sip:giaoban@192.0.2.9"))
    keeping = KeepAlive(telephone.agent, wire.peer(THEIRS), read_uri("sip:192.0.2.1"), local, heard)
    keeping.start(wire.now)
    wire.run(0.1)
    raw.say(raw.requests("OPTIONS")[0].response(404, tag="x").encode())
    wire.run(30)
    raw.say(raw.requests("OPTIONS")[1].response(503, tag="x").encode())
    wire.run(65)
    keeping.stop()
    wire.run(100)
    assert [standing.up for _, standing in heard.standings] == [True, False, False]
    assert wire.timers.next() is None
