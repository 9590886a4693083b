"""`python -m server` is `giaoban`."""

import sys

from server.cli import main

sys.exit(main())
