"""The command line, `tanggap`: one module a group of commands, put together in `desk.cli.app`.

A command imports what it works with when it runs, so that `tanggap assess` need not wait for Prefect or a database.
"""

import sys
from collections.abc import Sequence


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line on these words (None: the process's own); returns the exit code."""
    from desk.cli.app import run

    return run(sys.argv[1:] if words is None else list(words))
