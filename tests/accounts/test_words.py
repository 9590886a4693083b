"""Tables of words, which are translated where they are shown, stand in the English catalogue too."""

import pytest

from server.accounts.permissions import ROLE_NAMES
from server.http.i18n import catalogue
from server.units.rules import BLOC_NAMES, LEVEL_NAMES


@pytest.mark.parametrize("table", [ROLE_NAMES, BLOC_NAMES, LEVEL_NAMES], ids=["roles", "blocs", "levels"])
def test_every_word_has_its_english(table: dict[object, str]) -> None:
    assert [word for word in table.values() if word not in catalogue("en")] == []
