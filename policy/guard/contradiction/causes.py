"""A cause that the draft names while the statement says that it is not known yet."""

import re
from collections.abc import Iterator

from policy.guard.contradiction.reading import HEDGED, SENTENCE, UNKNOWN
from policy.guard.draft import Hit
from policy.guard.folding import Folded

_CAUSE = re.compile(
    r"(?<!\w)(?:(?:di)?sebabkan(?: oleh| karena)?|penyebabnya(?: adalah| ialah| yaitu)?"
    r"|penyebab \w+(?: \w+)? adalah|dipicu(?: oleh)?|"
    r"berasal dari|bersumber dari|(?:gara-gara|lantaran)"
    r"|(?:karena|akibat)(?! itu| menyuruh| meminta| rahasia| kerahasiaan| privasi| dari| yang|"
    r" hal| kejadian ini| ini| telah"
    r"| sudah| keterlambatan kami| "
    r"tidak nyaman)|due to|caused by|because of|as a result of|the cause (?:is|was)|root cause (?:is|was)"
    r"|resulted from|blamed on|(?:came|comes|stems?|stemmed|arose) from|traced (?:back )?to|(?:is|was) down to"
    r"|ulah|gara-gara|(?:started|triggered|sparked|set off) by) "
    r"(?!ketidaknyamanan|the inconvenience)[^.!?;,\n]{3,80}"
)


def causes(statement: Folded, said: Folded) -> Iterator[Hit]:
    """A cause that is told while the statement says that it is not known yet."""
    if not UNKNOWN.search(statement.text):
        return
    for sentence in SENTENCE.finditer(said.text):
        if HEDGED.search(sentence.group()) or UNKNOWN.search(sentence.group()):
            continue
        for cause in _CAUSE.finditer(sentence.group()):
            # An apology names what it is for, not why it happened.
            before = sentence.group()[: cause.start()]
            if re.search(r"(?:maaf|sorry|apolog\w+|thank\w*|terima kasih|menyesal)[^,]{0,30}$", before):
                continue
            if cause.group().strip() in statement.text:
                continue
            yield Hit(*said.span(sentence.start() + cause.start(), sentence.start() + cause.end()), "cause")
