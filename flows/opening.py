"""How a run comes to the desk: the settings of its process, the database, the policy and the channels."""

from collections.abc import Iterator
from contextlib import contextmanager

from desk.opening import open_desk
from desk.settings import Settings, read_settings
from tasks.desk import Desk


@contextmanager
def opened_desk() -> Iterator[tuple[Desk, Settings]]:
    """The desk and its settings, for as long as the run needs them."""
    settings = read_settings()
    with open_desk(settings) as desk:
        yield desk, settings
