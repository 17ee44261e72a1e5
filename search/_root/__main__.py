"""`python -m undercut` is the command `undercut`."""

from __future__ import annotations

import sys

from undercut.search.cli import main

if __name__ == "__main__":
    sys.exit(main())
