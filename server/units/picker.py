"""The recipient picker's data: what `ui.recipients` shows, and what a form that used it has chosen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from server.http.i18n import translate
from server.http.keys import STORE
from server.store import Transaction
from server.units import service
from server.units.service import Group, Tree, UnitInfo


async def picker(request: web.Request) -> dict[str, Any]:
    """`{"tree": [...], "groups": [...]}` in the reader's language, as the component takes them."""
    store = request.app[STORE]
    tree = await store.read(service.tree)
    groups = await store.read(service.groups)
    return {
        "tree": [_node(tree, unit) for unit in tree.roots],
        "groups": [{"id": g.key, "name": label(request, g), "unit_ids": list(g.unit_ids)} for g in groups],
    }


def label(request: web.Request, group: Group) -> str:
    """A group's name in the reader's language."""
    return translate(request, group.label).format(name=translate(request, group.name))


def chosen(tx: Transaction, unit_ids: Iterable[int], group_keys: Iterable[str]) -> list[int]:
    """The units that a form named one by one and by group, each once, in the tree's order, without unknown ones."""
    by_key = {group.key: group.unit_ids for group in service.groups(tx)}
    wanted = set(unit_ids).union(*(by_key.get(key, ()) for key in group_keys))
    return [unit.id for unit in service.tree(tx).ordered() if unit.id in wanted]


def _node(tree: Tree, unit: UnitInfo) -> dict[str, Any]:
    return {"id": unit.id, "name": unit.name, "children": [_node(tree, child) for child in tree.children(unit.id)]}
