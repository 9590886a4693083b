"""A commune that ends, and another that takes its open work over."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from server.accounts.principal import Principal
from server.directives import service
from server.directives.model import delivery_table
from server.directives.policy import Policy
from server.directives.rules import State
from server.directives.service.access import BOTH, v
from server.directives.shapes import (
    Delivery,
    ReportInput,
)
from server.store import Store
from server.units.import_ import District, import_tree
from tests.conftest import Clock, DistrictIds
from tests.directives.helpers import POLICY, issue

THUY, TUYEN, HIEU = "19606", "19600", "19615"


class Reform:
    """A directive of the district to Cam Thủy, which Cam Tuyền takes over once `merge` is called."""

    def __init__(self, store: Store, district: DistrictIds, clock: Clock) -> None:
        self.store, self.district, self.clock = store, district, clock
        self.policy: Policy = POLICY
        self.leader, self.clerk = district.who("chutich"), district.who("vanthu")
        self.old, self.heir = district.who("camthuy"), district.who("camtuyen")
        self.id = issue(store, self.leader, [self.old.unit_id]).id

    def merge(self, *heirs: str, ended: str = THUY) -> int:
        """It ends today; gives how many directives were handed over by what sweeps next."""
        today = self.clock().date()
        merged = {ended: list(heirs or (TUYEN,))}
        self.store.write_now(
            import_tree, District(name="x", valid_from=today, units=[], ended=[ended], successors=merged)
        )
        return self.sweep()

    def sweep(self) -> int:
        count = 0
        while self.store.write_now(service.hand_over, self.policy):
            count += 1
        return count

    def row(self, unit: int, directive: int | None = None) -> Any:
        wanted = BOTH.where(v.directive_id == (directive or self.id), v.unit_id == unit)
        return self.store.read_now(lambda tx: tx.one(wanted))

    def state(self, unit: int) -> State | None:
        row = self.row(unit)
        return State(row.state) if row else None

    def count(self) -> int:
        return self.store.read_now(lambda tx: len(tx.all(sa.select(delivery_table.c.id))))

    def register(self, who: Principal | None = None) -> None:
        self.store.write_now(service.register, who or self.old, POLICY, self.id)

    def report(self, who: Principal | None = None) -> None:
        self.store.write_now(service.report, who or self.old, POLICY, self.id, ReportInput(text="Xong."))

    def board(self) -> dict[int, Delivery]:
        opened = self.store.read_now(service.open_directive, self.leader, POLICY, self.id)
        return {one.unit: one for one in opened.board or ()}

    def opened(self, who: Principal) -> Delivery:
        found = self.store.read_now(service.open_directive, who, POLICY, self.id).delivery
        assert found is not None
        return found
