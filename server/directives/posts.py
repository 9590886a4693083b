"""Posts that a unit names people for, and the duties of an escalation that find them: pure."""

from __future__ import annotations

from enum import StrEnum

from server.accounts.permissions import Role


class Post(StrEnum):
    """What a unit names people for; without names the roles below stand in."""

    CLERK = "clerk"
    CHIEF_OF_OFFICE = "chief_of_office"
    CHAIR = "chair"
    DEPUTY = "deputy"
    DUTY_OFFICER = "duty_officer"


class Duty(StrEnum):
    """Whom an alarm is for: a post of the recipient, whoever works on it, or a post of the issuer."""

    CLERK = "clerk"
    CHIEF_OF_OFFICE = "chief_of_office"
    CHAIR = "chair"
    DUTY_OFFICER = "duty_officer"
    ASSIGNEE = "assignee"
    ISSUER_CLERK = "issuer_clerk"
    ISSUER_DEPUTY = "issuer_deputy"
    ISSUER_CHAIR = "issuer_chair"

    @property
    def of_issuer(self) -> bool:
        """Whether the issuer's people are meant."""
        return self.value.startswith("issuer_")

    @property
    def post(self) -> Post | None:
        """The post, None for whoever works on it."""
        return None if self is Duty.ASSIGNEE else Post(self.value.removeprefix("issuer_"))


STAND_INS: dict[Post | None, tuple[tuple[Role, ...], ...]] = {
    Post.CLERK: ((Role.CLERK,), (Role.CADRE,), (Role.VILLAGE_HEAD,), (Role.LEADER,)),
    Post.CHIEF_OF_OFFICE: ((Role.CADRE,), (Role.CLERK,), (Role.LEADER,), (Role.VILLAGE_HEAD,)),
    Post.CHAIR: ((Role.LEADER,), (Role.VILLAGE_HEAD,), (Role.CADRE,)),
    Post.DEPUTY: ((Role.LEADER,), (Role.CLERK,)),
    Post.DUTY_OFFICER: ((Role.LEADER, Role.CADRE), (Role.VILLAGE_HEAD,)),
    None: ((Role.CADRE,), (Role.VILLAGE_HEAD,), (Role.CLERK,), (Role.LEADER,)),
}
"""Where nobody is named: the first of these groups of roles that the unit has anybody in; None is the assignee."""


def choose(post: Post | None, named: list[int], by_role: dict[Role, list[int]]) -> list[int]:
    """Accounts for a post: those named for it, else those of the first stand-in group that has any."""
    if named:
        return named
    for roles in STAND_INS[post]:
        found = [account for role in roles for account in by_role.get(role, [])]
        if found:
            return found
    return []
