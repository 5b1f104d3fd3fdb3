"""Another weekday on which it happened, another month in which it ends."""

import re
from collections.abc import Iterator

from policy.guard.contradiction.reading import parts_of
from policy.guard.draft import Hit
from policy.guard.folding import Folded
from policy.spelled import MONTHS, any_of

_HAPPENED = re.compile(
    r"(?<!\w)(?:terjadi|kejadian(?:nya)?|insiden(?:nya)?|mulai|dimulai|sejak|happened|occurred|began"
    r"|started|since|incident)(?!\w)"
)
_LASTS = re.compile(
    r"(?<!\w)(?:berlaku|berakhir|sampai|hingga|tenggat|batas|until|valid"
    r"|ends?|expires?|deadline|through)(?!\w)"
)
_WEEKDAYS = re.compile(
    r"(?<!\w)(?:(?P<mon>senin|monday)|(?P<tue>selasa|tuesday)|(?P<wed>rabu|wednesday)|(?P<thu>kamis|thursday)"
    r"|(?P<fri>jumat|jum'at|friday)|(?P<sat>sabtu|saturday)|(?P<sun>hari minggu|sunday))(?!\w)"
)
_MONTH = re.compile(rf"(?<!\w)(?:{any_of(MONTHS)})(?!\w)")


def moments(statement: Folded, said: Folded) -> Iterator[Hit]:
    """Another weekday on which it happened, another month in which it ends."""
    for about, when in ((_HAPPENED, _WEEKDAYS), (_LASTS, _MONTH), (_HAPPENED, _MONTH)):
        stated = [part for _, part in parts_of(statement.text) if about.search(part)]
        known = {_moment(found) for part in stated for found in when.finditer(part)}
        for start, part in parts_of(said.text) if known else ():
            told = list(when.finditer(part)) if about.search(part) else []
            if told and not {_moment(found) for found in told} & known:
                yield Hit(*said.span(start + told[0].start(), start + told[0].end()), "number")


def _moment(found: re.Match[str]) -> str | int:
    return found.lastgroup or MONTHS[found.group()]
