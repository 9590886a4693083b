"""`python -m tests.with_postgres`: the tests that work with the database once more, on a PostgreSQL of their own."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.postgres import new_database, postgres_cluster

FOLDERS = (
    "tests/accounts",
    "tests/calls",
    "tests/units",
    "tests/directives",
    "tests/meetings",
    "tests/reach",
    "tests/records",
    "tests/refusals",
    "tests/test_permissions.py",
)
PARALLEL = ("-n", "2", "--no-loadscope-reorder")


def main() -> int:
    with postgres_cluster() as cluster:
        environment = {**os.environ, "TEST_POSTGRES_URL": new_database(cluster, "giaoban_tests")}
        command = [sys.executable, "-m", "pytest", *PARALLEL, "-m", "not sqlite_only", *FOLDERS, *sys.argv[1:]]
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
