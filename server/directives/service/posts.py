"""Who holds which post of a unit, by name; and whom an alarm is for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from server.accounts import service as accounts
from server.accounts.permissions import Permission, Role
from server.accounts.principal import Principal
from server.directives.model import holder_table
from server.directives.posts import Duty, Post, choose
from server.directives.shapes import PostHolders, PostsInput, UnitPosts
from server.errors import UserError
from server.http.i18n import _
from server.store import Transaction

h = holder_table.c
MOST_HOLDERS = 5


def posts_of(tx: Transaction, who: Principal) -> UnitPosts:
    """The posts of the person's unit, with who is named and who stands in where nobody is."""
    people = accounts.members(tx, [who.unit_id])
    directory = Directory(tx, [who.unit_id])
    names = {member.account_id: member.name for member in people}
    return UnitPosts(
        unit=who.unit_id,
        people=[(member.account_id, f"{member.name}, {member.position}".strip(", ")) for member in people],
        posts=[
            PostHolders(
                post=post,
                named=directory.named(who.unit_id, post),
                told=[names[account] for account in directory.find(who.unit_id, post) if account in names],
            )
            for post in Post
        ],
    )


def name_holders(tx: Transaction, who: Principal, data: PostsInput) -> UnitPosts:
    """Name people of the unit for a post, in their order; none frees it."""
    who.require(Permission.NAME_POSTS)
    members = {member.account_id for member in accounts.members(tx, [who.unit_id])}
    wanted = list(dict.fromkeys(data.accounts))
    if len(wanted) > MOST_HOLDERS:
        raise UserError("too_many_holders", _("Mỗi việc trực chọn nhiều nhất {most} người."), most=MOST_HOLDERS)
    if not set(wanted) <= members:
        raise UserError("not_a_member", _("Người được chọn không thuộc đơn vị."), field="accounts")
    mine = sa.and_(h.unit_id == who.unit_id, h.post == data.post.value)
    tx.execute(sa.delete(holder_table).where(mine))
    if wanted:
        common = {"unit_id": who.unit_id, "post": data.post.value}
        rows = [{"account_id": account, "place": place, **common} for place, account in enumerate(wanted)]
        tx.execute(sa.insert(holder_table), rows)
    return posts_of(tx, who)


class Directory:
    """Who is told what in some units, read at once."""

    def __init__(self, tx: Transaction, unit_ids: Iterable[int]) -> None:
        wanted = sorted(set(unit_ids))
        self._roles: dict[int, dict[Role, list[int]]] = {}
        present = set()
        for member in accounts.members(tx, wanted):
            self._roles.setdefault(member.unit_id, {}).setdefault(member.role, []).append(member.account_id)
            present.add((member.unit_id, member.account_id))
        rows = tx.all(sa.select(holder_table).where(h.unit_id.in_(wanted)).order_by(h.place))
        self._named: dict[tuple[int, str], list[int]] = {}
        for row in rows:
            if (row.unit_id, row.account_id) in present:  # who has left the unit is told nothing more
                self._named.setdefault((row.unit_id, row.post), []).append(row.account_id)

    def named(self, unit_id: int, post: Post) -> list[int]:
        """Those whom the unit has named."""
        return self._named.get((unit_id, post.value), [])

    def find(self, unit_id: int, post: Post | None) -> list[int]:
        """Those who are told: named ones, else stand-ins; without a post whoever works on it."""
        named = self.named(unit_id, post) if post else []
        return choose(post, named, self._roles.get(unit_id, {}))

    def addressees(self, duty: Duty, delivery: Any, assigned: Mapping[int, list[int]]) -> list[int]:
        """Accounts for a duty of a delivery; `assigned` are those who work on it, by delivery."""
        if duty is Duty.ASSIGNEE and assigned.get(delivery.id):
            return assigned[delivery.id]
        return self.find(delivery.issuer_id if duty.of_issuer else delivery.unit_id, duty.post)
