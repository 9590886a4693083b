"""`giaoban`: the commands of an operator. Each feature's own commands stand in its `commands.py`."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence

import server
from server.config import ConfigError
from server.errors import GiaoBanError

EXIT_REFUSED = 1
EXIT_USAGE = 2


def _parser() -> argparse.ArgumentParser:
    # The parts are imported here so that `--version` and wrong usage answer at once.
    from server import backup, serve
    from server.accounts import commands as accounts
    from server.records import commands as records
    from server.units import commands as units

    parser = argparse.ArgumentParser(prog="giaoban", description=server.__doc__)
    parser.add_argument("--version", action="version", version=server.VERSION)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for part in (serve, accounts, units, records, backup):
        part.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; exit codes: 0 done, 1 refused or failed (why is printed), 2 wrong usage or settings."""
    gc.set_threshold(50_000, 20, 100)  # nearly all that is made lives long: looking at it was a quarter of a start
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except ConfigError as error:
        print(f"giaoban: {error}", file=sys.stderr)
        return EXIT_USAGE
    except GiaoBanError as error:
        print(f"giaoban: {error}", file=sys.stderr)
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
