"""`giaoban account add`: the first administrator of a new server, or anybody else."""

from __future__ import annotations

import argparse
import json
import sys

from server import config
from server.accounts import people
from server.accounts.passwords import hash_password, one_time_password
from server.accounts.permissions import Role
from server.errors import UserError
from server.http.i18n import _
from server.store import Store, Transaction
from server.store.migrate import migrate
from server.units import service as units


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `account add`."""
    account = commands.add_parser("account", help="people who may sign in")
    actions = account.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="add a person; a one-time password is printed")
    add.add_argument("username", help="letters a-z, digits, dots and hyphens")
    add.add_argument("name", help="full name")
    add.add_argument("--unit", required=True, metavar="CODE", help="code of the unit, such as 19606")
    add.add_argument("--role", required=True, choices=[role.value for role in Role])
    add.add_argument("--position", default="", help="such as “Chủ tịch UBND xã”")
    add.add_argument("--json", action="store_true", help="print one JSON object")
    add.set_defaults(run=run_add)


def _add(tx: Transaction, options: argparse.Namespace, password: str) -> int:
    unit = units.by_code(tx, options.unit)
    if unit is None:
        raise UserError("unknown_unit_code", _("Không có đơn vị mang mã {unit}."), unit=options.unit)
    new = people.NewAccount(
        username=options.username,
        name=options.name,
        unit_id=unit.id,
        role=Role(options.role),
        position=options.position,
    )
    return people.add_account(tx, new, hash_password(password))


def run_add(options: argparse.Namespace) -> int:
    """Add the account and print its password once."""
    settings = config.load()
    store = Store(settings.database_url())
    try:
        migrate(store.engine)
        password = one_time_password()
        account_id = store.write_now(_add, options, password)
    finally:
        store.close()
    if options.json:
        line = json.dumps({"id": account_id, "username": options.username, "password": password})
    else:
        line = f"{options.username}  {password}\nThe password must be changed at the first sign-in, within 7 days."
    sys.stdout.write(line + "\n")
    return 0
