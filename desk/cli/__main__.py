"""`python -m desk.cli`: the same as `tanggap`."""

import sys

from desk.cli import main

sys.exit(main())
