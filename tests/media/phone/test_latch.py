import pytest

from server.media.phone.latch import RUN, SILENT, Latch

NAMED, NAT, THIEF = ("203.0.113.5", 4000), ("198.51.100.7", 61_000), ("192.0.2.66", 9)


def run(latch: Latch, source: tuple[str, int], first: int, count: int, now: float, ssrc: int = 1) -> list[bool]:
    return [latch.admits(source, ssrc, (first + n) & 0xFFFF, now + n * 0.02) for n in range(count)]


def test_the_named_address_is_heard_at_once() -> None:
    latch = Latch(NAMED)
    assert latch.address == NAMED
    assert latch.admits(NAMED, 1, 5, 0.0)
    assert latch.address == NAMED


def test_a_telephone_behind_a_nat_is_found_after_some_packets() -> None:
    latch = Latch(("10.0.0.2", 4000))
    assert run(latch, NAT, 65_534, 6, 0.0) == [False] * (RUN - 1) + [True] * 3
    assert latch.address == NAT


def test_a_named_host_without_an_address_is_found_too() -> None:
    latch = Latch(None)
    assert latch.address is None
    run(latch, NAT, 0, RUN, 0.0)
    assert latch.address == NAT


def test_a_third_party_is_not_heard_and_gets_nothing() -> None:
    latch = Latch(NAMED)
    run(latch, NAMED, 0, 10, 0.0)
    for n in range(200):
        assert not latch.admits(THIEF, 1, n, 0.2 + n * 0.02)
        assert latch.admits(NAMED, 1, 10 + n, 0.2 + n * 0.02)
    assert latch.address == NAMED
    assert latch.others == 200


def test_a_third_party_that_was_first_yields_to_who_was_named() -> None:
    latch = Latch(NAMED)
    assert any(run(latch, THIEF, 0, RUN + 10, 0.0, ssrc=9)), "until then it may be a telephone behind a NAT"
    for n in range(200):
        assert latch.admits(NAMED, 1, n, 0.3 + n * 0.02)
        assert not latch.admits(THIEF, 9, RUN + 10 + n, 0.3 + n * 0.02)
    assert latch.address == NAMED


@pytest.mark.parametrize("pause", [SILENT + 0.1, 600.0])
def test_a_third_party_gets_nothing_of_a_telephone_that_pauses(pause: float) -> None:
    """Many send nothing while nobody speaks into them. Who it is shows in its stream, which no stranger can name."""
    latch = Latch(NAMED)
    run(latch, NAMED, 0, 10, 0.0)
    assert not any(run(latch, THIEF, 10, round(pause * 50), 0.2, ssrc=9))
    assert latch.address == NAMED
    assert latch.admits(NAMED, 1, 10, 0.2 + pause)
    assert not latch.admits(THIEF, 9, 10 + round(pause * 50), 0.2 + pause)


def test_who_was_found_by_its_packets_alone_may_be_replaced_after_a_silence() -> None:
    """It may have been the stranger, who was first."""
    latch = Latch(("10.0.0.2", 4000))
    run(latch, THIEF, 0, RUN, 0.0, ssrc=9)
    assert not any(run(latch, NAT, 0, RUN, 0.1))
    assert any(run(latch, NAT, RUN, RUN, 0.1 + SILENT))
    assert latch.address == NAT


def test_single_packets_here_and_there_are_no_run() -> None:
    latch = Latch(None)
    for n in range(50):
        assert not latch.admits(THIEF, n, n, n * 0.02)
        assert not latch.admits(NAT, 1, n * 1_000, n * 0.02)
    assert latch.address is None


def test_a_telephone_that_changes_networks_is_found_again() -> None:
    latch = Latch(NAMED)
    run(latch, NAMED, 0, 10, 0.0)
    assert not any(run(latch, NAT, 10, 20, 0.2))
    assert any(run(latch, NAT, 30, RUN, 0.2 + SILENT))
    assert latch.address == NAT


def test_a_new_description_names_a_new_address() -> None:
    latch = Latch(NAMED)
    run(latch, NAMED, 0, 10, 0.0)
    latch.name(NAMED)
    assert latch.admits(NAMED, 1, 11, 0.3)
    latch.name(NAT)
    assert latch.address == NAT
    assert latch.admits(NAT, 2, 0, 0.4)
    assert not latch.admits(NAMED, 1, 12, 0.5)


def test_a_telephone_on_hold_of_old_is_still_the_one_that_it_was() -> None:
    """RFC 2543 says hold by an address that is none: nobody else's keys count meanwhile."""
    latch = Latch(NAMED)
    run(latch, NAMED, 0, 10, 0.0)
    latch.name(("0.0.0.0", 4000))
    assert not any(run(latch, THIEF, 0, 400, 0.2, ssrc=9))
    assert latch.admits(NAMED, 1, 11, 9.0)
    latch.name(NAMED)
    assert not any(run(latch, THIEF, 0, 400, 9.1, ssrc=9))
    assert latch.address == NAMED


def test_a_new_description_may_come_with_a_new_stream_from_behind_a_nat() -> None:
    latch = Latch(NAMED)
    run(latch, NAMED, 0, 10, 0.0)
    latch.name(("10.0.0.2", 4000))
    assert any(run(latch, NAT, 0, RUN, 0.3, ssrc=5))
    assert latch.address == NAT
