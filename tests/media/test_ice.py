"""Connectivity checks answered, strangers refused, consent over time."""

from __future__ import annotations

import struct

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from server.errors import ProtocolError
from server.media.transport import ice
from server.media.transport.ice import (
    CLOSED_AFTER,
    LOST_AFTER,
    NEVER_CAME_AFTER,
    Consent,
    Credentials,
    Presence,
    SeenChecks,
)

ME = ("198.51.100.7", 50_000)


def request(username: str, password: str, *, nominate: bool = True) -> stun.Message:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = username
    message.attributes["PRIORITY"] = 1
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(password.encode())
    return message


def test_a_valid_check_is_answered_with_the_sender_s_address() -> None:
    ours = Credentials.new()
    message = request(f"{ours.ufrag}:theirs", ours.password)
    assert ice.addressed_to(bytes(message)) == ours.ufrag
    binding = ice.answer(bytes(message), ME, ours.password)
    assert binding.nominated
    response = stun.parse_message(binding.response)
    assert response.transaction_id == message.transaction_id
    assert response.message_class == stun.Class.RESPONSE
    assert response.attributes["XOR-MAPPED-ADDRESS"] == ME
    assert response.check_message_integrity(ours.password.encode())


def test_a_check_without_use_candidate_does_not_choose_the_path() -> None:
    ours = Credentials.new()
    assert not ice.answer(bytes(request(f"{ours.ufrag}:x", ours.password, nominate=False)), ME, ours.password).nominated


def test_a_wrong_password_is_refused() -> None:
    with pytest.raises(ProtocolError):
        ice.answer(bytes(request("u:x", "wrong")), ME, "right")


def test_a_check_without_integrity_is_refused() -> None:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = "u:x"
    with pytest.raises(ProtocolError):
        ice.answer(bytes(message), ME, "secret")


def test_an_attribute_of_a_wrong_size_is_refused_not_raised() -> None:
    data = bytearray(bytes(request("u:x", "secret")))
    priority = data.index(b"\x00\x24\x00\x04")
    data[priority + 3] = 2
    with pytest.raises(ProtocolError):
        ice.answer(bytes(data), ME, "secret")


def test_a_response_is_not_a_request() -> None:
    response = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE)
    with pytest.raises(ProtocolError):
        ice.addressed_to(bytes(response))


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_or_refused(data: bytes) -> None:
    for read in (lambda: ice.addressed_to(data), lambda: ice.answer(data, ME, "secret")):
        with pytest.raises(ProtocolError):
            read()


@given(st.integers(0, 107), st.integers(0, 255))
def test_a_check_with_one_wrong_byte_does_not_pass(place: int, value: int) -> None:
    data = bytearray(bytes(request("ufrag:x", "secret")))
    place %= len(data) - 8  # the fingerprint is no proof
    changed = data[place] != value
    data[place] = value
    if changed:
        with pytest.raises(ProtocolError):
            ice.answer(bytes(data), ME, "secret")
    else:
        ice.answer(bytes(data), ME, "secret")


def test_credentials_are_as_long_as_the_rules_ask_and_new_each_time() -> None:
    one, other = Credentials.new(), Credentials.new()
    assert one != other
    assert 4 <= len(one.ufrag) <= 256 and 22 <= len(one.password) <= 256
    assert set(one.ufrag + one.password) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/")


def test_consent_runs_out_comes_back_and_ends() -> None:
    consent = Consent(100.0)
    assert consent.presence(100.0 + NEVER_CAME_AFTER - 0.1) is Presence.AWAITED
    assert consent.presence(100.0 + NEVER_CAME_AFTER) is Presence.GONE
    consent.heard(110.0)
    assert consent.presence(110.0 + LOST_AFTER - 0.1) is Presence.HERE
    assert consent.presence(110.0 + LOST_AFTER) is Presence.LOST
    consent.heard(130.0)
    assert consent.presence(130.0) is Presence.HERE
    assert consent.presence(130.0 + LOST_AFTER + CLOSED_AFTER) is Presence.GONE


def test_a_node_may_be_less_patient() -> None:
    consent = Consent(100.0, 2.0, 3.0)
    consent.heard(100.0)
    seen = [consent.presence(now) for now in (101.9, 102.0, 104.9, 105.0)]
    assert seen == [Presence.HERE, Presence.LOST, Presence.LOST, Presence.GONE]


def test_what_follows_the_seal_proves_nothing() -> None:
    """A USE-CANDIDATE hung behind MESSAGE-INTEGRITY is not the browser's (RFC 8489 §14.5)."""
    message = request("u:x", "right", nominate=False)
    del message.attributes["FINGERPRINT"]
    longer = bytearray(bytes(message) + bytes.fromhex("00250000"))
    longer[2:4] = (len(longer) - 20).to_bytes(2, "big")
    assert stun.parse_message(bytes(longer)).check_message_integrity(b"right")
    assert not ice.answer(bytes(longer), ME, "right").nominated


def test_checks_are_remembered_for_hours_and_no_longer() -> None:
    seen = SeenChecks()
    for number in range(20_000):
        seen.add(number.to_bytes(12, "little"))
    assert seen.has((19_999).to_bytes(12, "little"))
    assert seen.has((20_000 - 4_096).to_bytes(12, "little"))
    assert not seen.has((0).to_bytes(12, "little"))
    assert sum(map(len, seen._rows.values())) <= 65_536


def test_ids_that_are_chosen_to_be_alike_make_no_long_search() -> None:
    seen = SeenChecks()
    for number in range(8_192):
        seen.add(bytes(6) + (number & 1).to_bytes(2, "big") + bytes(4))
    assert sum(map(len, seen._rows.values())) <= 2 * 32 * 8


def test_of_a_check_with_hundreds_of_attributes_only_the_first_are_looked_at() -> None:
    """Ten thousand of them a second would take more than a core; strangers need no name for that."""
    many = b"\x80\x22\0\0" * 360
    named = many + b"\0\x06\0\x04abcd"
    for attributes in (many, named):
        whole = struct.pack("!HHI", 1, len(attributes), 0x2112A442) + bytes(12) + attributes
        with pytest.raises(ProtocolError, match="USERNAME"):
            ice.addressed_to(whole)
        with pytest.raises(ProtocolError, match="integrity"):
            ice.answer(whole, ME, "p")
    few = many[: 4 * 20] + b"\0\x06\0\x04abcd"
    assert ice.addressed_to(struct.pack("!HHI", 1, len(few), 0x2112A442) + bytes(12) + few) == "abcd"
