"""What a draft only quotes: the customer's own words, or those of a colleague it apologises for."""

import re
from collections.abc import Iterator

from policy.guard.draft import DraftText
from policy.guard.folding import Folded

_QUOTED = re.compile(r"[\"“”„«](?P<words>[^\"“”„«»\n]{1,200})[\"“”»]|(?<!\w)['‘](?P<single>[^'‘’\n]{1,200})['’](?!\w)")
_THEIRS = re.compile(
    r"(?<!\w)(?:anda|kakak|kak|bapak|pak|ibu|bu|saudara|kamu|pelanggan|petugas|kurir|kasir|staf|karyawan|sopir|driver"
    r"|you|your|customer|staff|agent|courier|colleague)(?!\w)"
)
_SAYING = re.compile(
    r"(?<!\w)(?:kata|kata-kata|ucapan|kalimat|sebutan|menulis|tulis|tulisan|menyebut|sebut|bilang|berkata|mengatakan|baca"
    r"|membaca|seperti|memanggil|merasa|wrote|write|said|say|says|words?|called?|calling|mention\w*|read|quote|felt)(?!\w)"
)
_BEFORE = 80


def quotes_of(folded: Folded, draft: DraftText) -> Iterator[tuple[int, int]]:
    """Places in the folded copy that quote others: they wrote or said it, or it stands so in the complaint."""
    asked = re.sub(r"\W+", " ", (draft.complaint or "").lower())
    for match in _QUOTED.finditer(folded.text):
        before = re.split(r"[.!?\n]", folded.text[max(0, match.start() - _BEFORE) : match.start()])[-1]
        words = re.sub(r"\W+", " ", match["words"] or match["single"]).strip()
        if (words and words in asked) or (_THEIRS.search(before) and _SAYING.search(before)):
            yield match.span()
