"""The one table that says which role may do what.

A permission opens a kind of action; whether it may be done to this unit, directive or meeting is checked by the service
that does it (a commune's clerk registers the commune's deliveries, not a neighbour's).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Role(StrEnum):
    """Roles within a unit (DOMAIN, Units)."""

    LEADER = "leader"
    CADRE = "cadre"
    CLERK = "clerk"
    VILLAGE_HEAD = "village_head"
    ADMINISTRATOR = "administrator"


ROLE_NAMES = {
    Role.LEADER: "Lãnh đạo",
    Role.CADRE: "Cán bộ",
    Role.CLERK: "Văn thư – lưu trữ",
    Role.VILLAGE_HEAD: "Trưởng thôn",
    Role.ADMINISTRATOR: "Quản trị",
}


class Permission(StrEnum):
    """Kinds of action. PUBLIC needs no sign-in, SIGNED_IN needs any role; LISTEN is to hear news on an open page."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    LISTEN = "listen"
    WATCH_WALL = "watch_wall"
    MANAGE_ACCOUNTS = "manage_accounts"
    MANAGE_UNITS = "manage_units"
    READ_PEOPLE = "read_people"
    READ_DIRECTIVES = "read_directives"
    DRAFT_DIRECTIVE = "draft_directive"
    ISSUE_DIRECTIVE = "issue_directive"
    FOLLOW_DIRECTIVE = "follow_directive"
    REGISTER_DELIVERY = "register_delivery"
    KEEP_REGISTERS = "keep_registers"
    ANSWER_DELIVERY = "answer_delivery"
    REVIEW_RESPONSE = "review_response"
    WITHDRAW_DIRECTIVE = "withdraw_directive"
    NAME_POSTS = "name_posts"
    ASSIGN_DELIVERY = "assign_delivery"
    JOIN_MEETING = "join_meeting"
    PLAN_MEETING = "plan_meeting"
    CHAIR_MEETING = "chair_meeting"
    WATCH_LINKS = "watch_links"
    READ_METRICS = "read_metrics"
    MANAGE_TELEPHONE = "manage_telephone"
    READ_RECORDS = "read_records"
    KEEP_RECORDS = "keep_records"
    TEND_MESSAGES = "tend_messages"
    READ_REFUSALS = "read_refusals"


_ALL = frozenset(Role)
_OFFICIALS = frozenset({Role.LEADER, Role.CADRE, Role.CLERK})
_WORKERS = _OFFICIALS | {Role.VILLAGE_HEAD}

TABLE: dict[Permission, frozenset[Role]] = {
    Permission.PUBLIC: _ALL,
    Permission.SIGNED_IN: _ALL,
    Permission.LISTEN: _ALL,
    Permission.WATCH_WALL: _OFFICIALS,
    Permission.MANAGE_ACCOUNTS: frozenset({Role.ADMINISTRATOR}),
    Permission.MANAGE_UNITS: frozenset({Role.ADMINISTRATOR}),
    Permission.READ_PEOPLE: _ALL,
    Permission.READ_DIRECTIVES: _WORKERS,
    Permission.DRAFT_DIRECTIVE: frozenset({Role.LEADER, Role.CLERK}),
    Permission.ISSUE_DIRECTIVE: frozenset({Role.LEADER}),
    Permission.FOLLOW_DIRECTIVE: _OFFICIALS,
    Permission.REGISTER_DELIVERY: frozenset({Role.CLERK, Role.CADRE, Role.VILLAGE_HEAD}),
    Permission.KEEP_REGISTERS: frozenset({Role.LEADER, Role.CLERK}),
    Permission.ANSWER_DELIVERY: _WORKERS,
    Permission.REVIEW_RESPONSE: frozenset({Role.LEADER, Role.CLERK}),
    Permission.WITHDRAW_DIRECTIVE: frozenset({Role.LEADER}),
    Permission.NAME_POSTS: frozenset({Role.LEADER, Role.CLERK}),
    Permission.ASSIGN_DELIVERY: frozenset({Role.LEADER}),
    Permission.JOIN_MEETING: _WORKERS,
    Permission.PLAN_MEETING: frozenset({Role.LEADER, Role.CLERK}),
    Permission.CHAIR_MEETING: _OFFICIALS,  # a cadre as the secretary of a meeting
    Permission.WATCH_LINKS: _OFFICIALS | {Role.ADMINISTRATOR},
    Permission.READ_METRICS: frozenset({Role.ADMINISTRATOR}),
    Permission.MANAGE_TELEPHONE: frozenset({Role.ADMINISTRATOR}),
    Permission.READ_RECORDS: _OFFICIALS,
    Permission.KEEP_RECORDS: frozenset({Role.CLERK}),
    Permission.TEND_MESSAGES: frozenset({Role.ADMINISTRATOR}),
    Permission.READ_REFUSALS: frozenset({Role.ADMINISTRATOR}),
}


OF_SCREENS = frozenset({Permission.PUBLIC, Permission.LISTEN, Permission.WATCH_WALL})
"""All that a session for a hall's screen may do, whoever has opened it."""


def allows(role: Role, permission: Permission) -> bool:
    """Whether a signed-in person in this role may do this kind of action."""
    return role in TABLE[permission]


def of_role(role: Role) -> frozenset[Permission]:
    """All that a role may do."""
    return frozenset(permission for permission, roles in TABLE.items() if role in roles)


def roles_with(permissions: Iterable[Permission]) -> frozenset[Role]:
    """The roles that hold every one of the permissions."""
    return frozenset(role for role in Role if all(allows(role, p) for p in permissions))
