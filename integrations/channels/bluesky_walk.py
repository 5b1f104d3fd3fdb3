"""Reads a list whose cursor goes backwards in time, and hands it over forwards, in little memory."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Shown = Mapping[str, Any]
Ask = Callable[[str | None], tuple[list[Shown], str | None]]
"""Asks for what stands before a cursor, newest first; with the cursor to go on from, None at the end."""

HELD = 20
"""Answers that are kept; a longer way back is asked a second time on the way forwards."""
LONGEST_WAY = 1_000
"""Answers of one walk, so that a server that never ends does not keep us."""


def oldest_first(ask: Ask, moment: Callable[[Shown], datetime | None], since: datetime) -> Iterator[list[Shown]]:
    """What was shown at `since` or later, oldest first, a list an answer. Nothing comes until all is known.

    Some stand on two answers, where several have the same moment: whoever asks knows them by their names.
    """
    starts: list[str | None] = [None]
    held: deque[tuple[int, list[Shown]]] = deque(maxlen=HELD)
    newest: list[Shown] = []
    known: set[str] = set()
    while True:
        items, further = ask(starts[-1])
        if len(starts) == 1:
            newest = items
        held.append((len(starts) - 1, items))
        moments = [at for item in items if (at := moment(item)) is not None]
        if further is None or not items or (moments and min(moments) < since) or len(starts) >= LONGEST_WAY:
            break
        names = {str(item.get("uri")) for item in items}
        # The border's moment is asked for once more: others may have it, and the list goes on behind it.
        starts.append(further if names <= known else _with_its_moment(further))
        known = names
    for index in range(len(starts) - 1, -1, -1):
        if held and held[-1][0] == index:
            items = held.pop()[1]
        elif index == 0:
            items = newest  # Asked again, it would show what is new since, and less of what was there.
        else:
            items = ask(starts[index])[0]
        yield [item for item in reversed(items) if (at := moment(item)) is None or at >= since]


def _with_its_moment(cursor: str) -> str:
    """A cursor that is a moment, a thousandth of a second later; any other as it is."""
    try:
        at = datetime.fromisoformat(cursor)
    except ValueError:
        return cursor
    if at.tzinfo is None:
        return cursor
    later = (at + timedelta(milliseconds=1)).astimezone(UTC)
    return later.isoformat(timespec="milliseconds").replace("+00:00", "Z")
