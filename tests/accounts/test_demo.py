"""The demo's people: those of the design, once, and only in demo mode."""

from __future__ import annotations

import msgspec
import pytest

from server.accounts import demo, service
from server.accounts.permissions import Role
from server.config import Settings
from server.errors import NotAllowedError, NotFoundError
from server.store import Store
from server.units.import_ import District
from tests.conftest import PASSWORD, DistrictIds


def test_everybody_is_there(district: DistrictIds) -> None:
    for username, role, code in (
        ("chutich", Role.LEADER, "468"),
        ("vanthu", Role.CLERK, "468"),
        ("bithu", Role.LEADER, "468.HU"),
        ("matran", Role.LEADER, "468.MTTQ"),
        ("quantri", Role.ADMINISTRATOR, "468"),
        ("camthuy", Role.CADRE, "19606"),
        ("chutich.camlo-tt", Role.LEADER, "19597"),
        ("vanthu.camnghia", Role.CLERK, "19621"),
        ("thon10.camthanh", Role.VILLAGE_HEAD, "19612.10"),
    ):
        who = district.who(username)
        assert (who.role, who.unit_id) == (role, district.unit(code)), username
    assert len(district.who("bithu").memberships) == 2
    with pytest.raises(NotFoundError):
        district.who("nobody")


def test_seeding_again_adds_nobody(store: Store, district: DistrictIds, demo_file: District) -> None:
    assert store.write_now(demo.seed, demo_file, PASSWORD) == 0
    assert len(demo.people_of(demo_file)) == 5 + 8 * 3 + 80


def test_members_of_units(store: Store, district: DistrictIds) -> None:
    unit = district.unit("19606")
    found = store.read_now(service.members, [unit])
    assert [m.username for m in found] == ["camthuy", "chutich.camthuy", "vanthu.camthuy"]
    assert [m.username for m in store.read_now(service.members, [unit], [Role.CLERK])] == ["vanthu.camthuy"]
    names = store.read_now(service.names, [found[0].account_id, 10**6])
    assert names == {found[0].account_id: found[0].name}


def test_the_known_password_is_for_demo_mode_alone(settings: Settings) -> None:
    assert demo.demo_password(settings, {}) == "giaoban"
    assert demo.demo_password(settings, {"GIAOBAN_DEMO_PASSWORD": "x"}) == "x"
    with pytest.raises(NotAllowedError):
        demo.demo_password(msgspec.structs.replace(settings, demo=False), {})
