"""Short ways to write directives in tests."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from server.accounts.principal import Principal
from server.config import ROOT
from server.directives import service
from server.directives.documents import DocumentType
from server.directives.policy import load_policy
from server.directives.rules import RecipientRole
from server.directives.shapes import DirectiveDone, DraftInput, Recipient
from server.store import Store

POLICY = load_policy(ROOT / "config", ZoneInfo("Asia/Ho_Chi_Minh"), 5 << 20)
WEEK = timedelta(days=7)


def draft(units: list[int], *, role: RecipientRole = RecipientRole.EXECUTE, **changes: Any) -> DraftInput:
    """A plan to `units`."""
    values: dict[str, Any] = {
        "kind": DocumentType.KE_HOACH,
        "subject": "Phòng, chống lụt bão",
        "body": "Các xã báo cáo.",
        "recipients": [Recipient(unit=unit, role=role) for unit in units],
    }
    return DraftInput(**(values | changes))


def issue(store: Store, who: Principal, units: list[int], **changes: Any) -> DirectiveDone:
    """Write and issue one, due in a week."""
    deadline: datetime = changes.pop("deadline", store.clock() + WEEK)
    made = draft(units, deadline=deadline, **changes)
    return store.write_now(service.create_and_issue, who, POLICY, made)


def hidden(text: str, action: str) -> dict[str, str]:
    """The hidden fields of the form of a page that goes to `action`."""
    inside = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', text, re.DOTALL)
    assert inside is not None, action
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', inside[0])
    return {name: value for name, value in fields if name != "csrf"}
