"""Who is asking: an account acting in one of its memberships, through one session."""

from __future__ import annotations

import msgspec

from server.accounts.permissions import OF_SCREENS, Permission, Role, allows
from server.errors import NotAllowedError


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """One role of a person in one unit; `level` and `bloc` are those of the unit."""

    id: int
    unit_id: int
    unit_name: str
    level: str
    bloc: str
    role: Role
    position: str = ""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """The signed-in person; `acting` is the membership in use, one of `memberships`.

    A `screen` is a session that only shows the wall: nobody sits there.
    """

    account_id: int
    username: str
    name: str
    session_id: str
    language: str
    acting: Membership
    memberships: tuple[Membership, ...]
    screen: bool = False

    @property
    def unit_id(self) -> int:
        """The unit that the person acts for."""
        return self.acting.unit_id

    @property
    def role(self) -> Role:
        """The role that the person acts in."""
        return self.acting.role

    def may(self, permission: Permission) -> bool:
        """Whether the acting role holds the permission, and a screen is trusted with it."""
        return allows(self.role, permission) and (not self.screen or permission in OF_SCREENS)

    def require(self, permission: Permission) -> None:
        """Raise NotAllowedError unless the acting role holds the permission."""
        if self.screen and permission not in OF_SCREENS:
            text = "Máy này chỉ chiếu màn hình theo dõi. Muốn làm việc khác, xin đăng nhập."
            raise NotAllowedError("screen_only", text)
        if not self.may(permission):
            raise NotAllowedError("not_allowed", "Vai trò của đồng chí không làm được việc này.")
