"""Who holds which post of a unit, by name; and whom an alarm is for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from server.accounts import service as accounts
from server.accounts.permissions import Permission, Role
from server.accounts.principal import Principal
from server.directives.model import holder_table, turn_table
from server.directives.policy import Policy
from server.directives.posts import Duty, Post, choose
from server.directives.shapes import PostHolders, PostsInput, Turn, TurnInput, UnitPosts
from server.errors import ConflictError, NotFoundError, UserError
from server.http.i18n import _
from server.store import Transaction

h, t = holder_table.c, turn_table.c
MOST_HOLDERS = 5
MOST_TURNS = 200
MOST_DAYS_AHEAD = 366


def posts_of(tx: Transaction, who: Principal, policy: Policy) -> UnitPosts:
    """The posts of the person's unit, with who is named, on duty now and in days to come, and who stands in."""
    people = accounts.members(tx, [who.unit_id])
    directory = Directory(tx, [who.unit_id])
    names = {member.account_id: member.name for member in people}
    turns = _turns(tx, who.unit_id, policy, names)
    return UnitPosts(
        unit=who.unit_id,
        people=[(member.account_id, f"{member.name}, {member.position}".strip(", ")) for member in people],
        posts=[
            PostHolders(
                post=post,
                named=directory.always(who.unit_id, post),
                told=[names[account] for account in directory.find(who.unit_id, post) if account in names],
                turns=turns.get(post, []),
            )
            for post in Post
        ],
    )


def name_holders(tx: Transaction, who: Principal, policy: Policy, data: PostsInput) -> UnitPosts:
    """Name people of the unit for a post, in their order; none frees it."""
    who.require(Permission.NAME_POSTS)
    members = {member.account_id for member in accounts.members(tx, [who.unit_id])}
    wanted = list(dict.fromkeys(data.accounts))
    if len(wanted) > MOST_HOLDERS:
        raise UserError("too_many_holders", _("Mỗi việc trực chọn nhiều nhất {most} người."), most=MOST_HOLDERS)
    if not set(wanted) <= members:
        raise _stranger("accounts")
    mine = sa.and_(h.unit_id == who.unit_id, h.post == data.post.value)
    tx.execute(sa.delete(holder_table).where(mine))
    if wanted:
        common = {"unit_id": who.unit_id, "post": data.post.value}
        rows = [{"account_id": account, "place": place, **common} for place, account in enumerate(wanted)]
        tx.execute(sa.insert(holder_table), rows)
    return posts_of(tx, who, policy)


def add_turn(tx: Transaction, who: Principal, policy: Policy, data: TurnInput) -> UnitPosts:
    """Put somebody of the unit on duty for some days. Raises UserError, ConflictError if they are on duty then."""
    who.require(Permission.NAME_POSTS)
    first, last = data.first, data.last or data.first
    today = tx.now.astimezone(policy.zone).date()
    if data.account not in {member.account_id for member in accounts.members(tx, [who.unit_id])}:
        raise _stranger("account")
    if last < first or last < today:
        raise UserError("turn_over", _("Ngày cuối phải từ ngày đầu trở đi và chưa qua."), field="last")
    if (last - today).days > MOST_DAYS_AHEAD:
        text = _("Lịch trực chỉ ghi trước được nhiều nhất {days} ngày.")
        raise UserError("turn_too_far", text, field="last", days=MOST_DAYS_AHEAD)
    mine = sa.and_(t.unit_id == who.unit_id, t.post == data.post.value, t.ends_at > tx.now)
    coming = tx.all(sa.select(turn_table).where(mine))
    if len(coming) >= MOST_TURNS:
        text = _("Mỗi việc trực ghi trước nhiều nhất {most} lượt.")
        raise UserError("too_many_turns", text, field="post", most=MOST_TURNS)
    begins, ends = (_midnight(policy, day) for day in (first, last + timedelta(days=1)))
    if any(row.account_id == data.account and row.begins_at < ends and begins < row.ends_at for row in coming):
        raise ConflictError("turn_overlaps", _("Người này đã có lượt trực trong những ngày đó."), field="first")
    values = {"account_id": data.account, "begins_at": begins, "ends_at": ends}
    tx.insert(turn_table, unit_id=who.unit_id, post=data.post.value, **values)
    return posts_of(tx, who, policy)


def drop_turn(tx: Transaction, who: Principal, policy: Policy, turn_id: int) -> UnitPosts:
    """Take somebody off duty. Raises NotFoundError."""
    who.require(Permission.NAME_POSTS)
    done = tx.execute(sa.delete(turn_table).where(t.id == turn_id, t.unit_id == who.unit_id).returning(t.id))
    if done.first() is None:
        raise NotFoundError("no_turn", _("Không có lượt trực này."))
    return posts_of(tx, who, policy)


def _turns(tx: Transaction, unit: int, policy: Policy, names: Mapping[int, str]) -> dict[Post, list[Turn]]:
    """Turns of a unit that last or are to come, by post, the next first; those who have left the unit are left out."""
    mine = sa.select(turn_table).where(t.unit_id == unit, t.ends_at > tx.now).order_by(t.begins_at, t.id)
    found: dict[Post, list[Turn]] = {}
    for row in tx.all(mine):
        if row.account_id in names:
            turn = Turn(
                id=row.id,
                account=row.account_id,
                name=names[row.account_id],
                first=row.begins_at.astimezone(policy.zone).date(),
                last=row.ends_at.astimezone(policy.zone).date() - timedelta(days=1),
                now=row.begins_at <= tx.now,
            )
            found.setdefault(Post(row.post), []).append(turn)
    return found


def _midnight(policy: Policy, day: date) -> datetime:
    return datetime.combine(day, time(), policy.zone).astimezone(UTC)


def _stranger(field: str) -> UserError:
    return UserError("not_a_member", _("Người được chọn không thuộc đơn vị."), field=field)


class Directory:
    """Who is told what in some units, read at once."""

    def __init__(self, tx: Transaction, unit_ids: Iterable[int]) -> None:
        wanted = sorted(set(unit_ids))
        self._roles: dict[int, dict[Role, list[int]]] = {}
        self._present: set[tuple[int, int]] = set()
        for member in accounts.members(tx, wanted):
            self._roles.setdefault(member.unit_id, {}).setdefault(member.role, []).append(member.account_id)
            self._present.add((member.unit_id, member.account_id))
        always = tx.all(sa.select(holder_table).where(h.unit_id.in_(wanted)).order_by(h.place))
        now = sa.and_(t.unit_id.in_(wanted), t.begins_at <= tx.now, t.ends_at > tx.now)
        on_duty = tx.all(sa.select(turn_table).where(now).order_by(t.id))
        self._always = self._by_post(always)
        self._named = {**self._always, **self._by_post(on_duty)}

    def _by_post(self, rows: Sequence[Any]) -> dict[tuple[int, str], list[int]]:
        found: dict[tuple[int, str], list[int]] = {}
        for row in rows:
            if (row.unit_id, row.account_id) in self._present:  # who has left the unit is told nothing more
                found.setdefault((row.unit_id, row.post), []).append(row.account_id)
        return found

    def always(self, unit_id: int, post: Post) -> list[int]:
        """Those whom the unit has named without dates."""
        return self._always.get((unit_id, post.value), [])

    def named(self, unit_id: int, post: Post) -> list[int]:
        """Those who are on duty now, else those whom the unit has named without dates."""
        return self._named.get((unit_id, post.value), [])

    def find(self, unit_id: int, post: Post | None) -> list[int]:
        """Those who are told: named ones, else stand-ins; without a post whoever works on it."""
        named = self.named(unit_id, post) if post else []
        return choose(post, named, self._roles.get(unit_id, {}))

    def at_work(self, delivery: Any, assigned: Mapping[int, list[int]]) -> list[int]:
        """Those of the `assigned` (by delivery) to a delivery who are in its unit still."""
        return [account for account in assigned.get(delivery.id, ()) if (delivery.unit_id, account) in self._present]

    def addressees(self, duty: Duty, delivery: Any, assigned: Mapping[int, list[int]]) -> list[int]:
        """Accounts for a duty of a delivery; `assigned` are those who were named for it, by delivery.

        Once all who were named have left the unit, or are locked out, others stand in as where nobody was.
        """
        working = self.at_work(delivery, assigned) if duty is Duty.ASSIGNEE else []
        if working:
            return working
        return self.find(delivery.issuer_id if duty.of_issuer else delivery.unit_id, duty.post)
