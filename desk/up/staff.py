"""Asks the database who is on duty, for the house to replace whoever died."""

from collections.abc import Callable

from db.duty import on_duty
from db.session import make_engine


def on_duty_at(url: str) -> Callable[[], set[str]]:
    """The question which stages have somebody on duty, one cheap query each time."""
    engine = make_engine(url, pool=1)
    return lambda: set(on_duty(engine))
