"""Whether a draft says otherwise than the incident's statement: a cause not known yet, other numbers, another state.

A simple reading, sentence by sentence: it finds the plain contradictions, a person reads the rest.
"""

import re
from collections.abc import Iterator

from policy.guard.consistency import Changed, changed
from policy.guard.draft import DraftText, EarlierText, Hit
from policy.guard.folding import Folded, fold

_SENTENCE = re.compile(r"(?:[^.!?\n]|[.](?=\d)){1,2000}")
_UNKNOWN = re.compile(
    r"belum (?:dapat |bisa )?(?:di)?(?:ketahui|pasti|pastikan|simpulkan|mengetahui|menyimpulkan|memastikan"
    r"|ada kesimpulan)|tidak berspekulasi"
    r"|(?:masih|sedang|tengah)(?: kami| dalam| terus)? (?:di|me|men|pen)?(?:yelidik|selidik|periksa|cek|gecek"
    r"|dalam|meriksa|investigasi|telusur|elusur|"
    r"proses (?:penyelidikan|pemeriksaan|investigasi))\w*|(?:menunggu|tunggu) hasil|kami (?:cek|periksa|selidiki)"
    r"|not (?:yet )?(?:known|confirmed|clear)|(?:do not|don't) (?:yet )?know|unknown|unclear|investigat\w+"
    r"|looking into|being checked"
    r"|checking|too early|no guess\w*|no speculat\w+|cannot (?:yet )?(?:say|confirm)"
)
_CAUSE = re.compile(
    r"(?<!\w)(?:(?:di)?sebabkan(?: oleh| karena)?|penyebabnya(?: adalah| ialah| yaitu)?"
    r"|penyebab \w+(?: \w+)? adalah|dipicu(?: oleh)?|"
    r"berasal dari|bersumber dari|(?:gara-gara|lantaran)|(?:karena|akibat)(?! itu| hal| kejadian ini| ini| telah"
    r"| sudah| keterlambatan kami| "
    r"tidak nyaman)|due to|caused by|because of|as a result of|the cause (?:is|was)|root cause (?:is|was)"
    r"|resulted from|blamed on) "
    r"(?!ketidaknyamanan|the inconvenience)[^.!?;,\n]{3,80}"
)
_ONE_TO_TEN = (
    ("satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan", "sepuluh"),
    ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
)
_COUNT_WORDS = {word: value for words in _ONE_TO_TEN for value, word in enumerate(words, 1)} | {"seorang": 1, "nol": 0}
_NUMBER = rf"\d{{1,15}}(?:[.,]\d{{1,15}}){{0,6}}|{'|'.join(_COUNT_WORDS)}"
_COUNTED = re.compile(
    rf"(?<![\w.,-])(?:(?P<none>tidak ada|tanpa|no)|(?P<number>{_NUMBER}))"
    r" (?:(?:orang|ekor|unit|buah|people) )?(?P<noun>[a-z]{3,20})(?: (?P<next>[a-z]{3,20}))?"
)
_CLOCK = re.compile(r"(?:pukul|jam|at) (?P<time>\d{1,2}[.:]\d{2})")
_NAMED = re.compile(r"(?<!\w)(?P<letters>[A-Z]{2,3})-?(?P<number>\d{2,5})(?!\w)")
_UNCOUNTED_WORDS = """
juta ribu rb jt persen percent jam hari menit kali tahun hours days minutes
dan yang untuk dari pada lebih lagi more other need way one doubt longer matter
"""
_UNCOUNTED = frozenset(_UNCOUNTED_WORDS.split())
_BACK = re.compile(
    r"(?:sudah|telah|kini|now|is|are|has been|have been)(?: \w+)? (?:pulih|normal|selesai|teratasi|diperbaiki"
    r"|beroperasi|restored|fixed|resolved|back to normal|up)"
)
_DOWN = re.compile(
    r"(?:masih|belum|still|not yet|not)(?: \w{1,30}){0,2} (?:pulih|normal|gangguan|terganggu|selesai|diperbaiki|down"
    r"|restored|fixed|resolved|offline)"
    r"|sedang (?:kami )?(?:diperbaiki|perbaiki|pulihkan|dipulihkan|gangguan)"
)
_DENIES = re.compile(
    r"(?<!\w)(?:bukan|tidak ada|tidak|tanpa|no|not|never|none of) (?P<what>[a-z]{2,20}(?: [a-z]{2,20}){1,5})"
)
_NEGATED = re.compile(
    r"(?<!\w)(?:bukan|tidak|tak|tanpa|belum|nggak|gak|no|not|never|none|without|apakah|kabar|dugaan|isu|rumou?r\w*)(?!\w)"
    r"|n't(?!\w)"
)
_NO_CONTENT_WORDS = """
yang dari pada untuk dengan oleh kami anda adalah telah sudah akan dapat bisa perlu kepada dalam lagi that this with
from have been will your their there were
"""
_NO_CONTENT = frozenset(_NO_CONTENT_WORDS.split())
_HEDGED = re.compile(r"belum|tidak (?:tahu|mengetahui)|apakah|dugaan|kabar|not (?:yet )?|whether|rumou?r")


def found(draft: DraftText) -> Iterator[Hit]:
    """Each place where the draft and the statement cannot both be true."""
    if not draft.statement:
        return
    statement, said = fold(draft.statement), fold(draft.text)
    yield from _causes(statement, said)
    yield from _counts(statement, said)
    yield from _names(statement, said)
    yield from _states(statement, said)
    yield from _denials(statement, said)
    for change in changed(draft.text, [EarlierText("statement", draft.statement)], said):
        sort = change.claim.sort
        if sort == "cause" and not _told(change):
            continue
        if sort != "promise":
            yield Hit(change.claim.start, change.claim.end, "cause" if sort == "cause" else "number")


def _told(change: Changed) -> bool:
    """Whether both tell a cause, neither only that it is looked for."""
    return not any(
        _UNKNOWN.search(sentence) or _HEDGED.search(sentence)
        for sentence in (change.old_sentence.lower(), change.new_sentence.lower())
    )


def _denials(statement: Folded, said: Folded) -> Iterator[Hit]:
    """What the statement says is not so, said without a denial."""
    denied = [set(_stems(match["what"])[:3]) for match in _DENIES.finditer(statement.text)]
    for stems in denied:
        for sentence in _SENTENCE.finditer(said.text) if len(stems) > 1 else ():
            if stems <= set(_stems(sentence.group())) and not _NEGATED.search(sentence.group()):
                yield Hit(*said.span(sentence.start(), sentence.end()), "state")


def _stems(text: str) -> list[str]:
    return [word[:5] for word in re.findall(r"[a-z]{4,30}", text) if word not in _NO_CONTENT]


def _causes(statement: Folded, said: Folded) -> Iterator[Hit]:
    if not _UNKNOWN.search(statement.text):
        return
    for sentence in _SENTENCE.finditer(said.text):
        if _HEDGED.search(sentence.group()) or _UNKNOWN.search(sentence.group()):
            continue
        for cause in _CAUSE.finditer(sentence.group()):
            # An apology names what it is for, not why it happened.
            before = sentence.group()[: cause.start()]
            if re.search(r"(?:maaf|sorry|apolog\w+|thank\w*|terima kasih|menyesal)[^,]{0,30}$", before):
                continue
            if cause.group().strip() in statement.text:
                continue
            yield Hit(*said.span(sentence.start() + cause.start(), sentence.start() + cause.end()), "cause")


def _counts(statement: Folded, said: Folded) -> Iterator[Hit]:
    known: dict[str, set[int]] = {}
    for noun, value, _, _ in _counted(statement.text):
        known.setdefault(noun, set()).add(value)
    for noun, value, start, end in _counted(said.text):
        if noun in known and value not in known[noun]:
            yield Hit(*said.span(start, end), "number")
    times = {match["time"].replace(":", ".") for match in _CLOCK.finditer(statement.text)}
    for match in _CLOCK.finditer(said.text):
        if len(times) == 1 and match["time"].replace(":", ".") not in times:
            yield Hit(*said.span(*match.span()), "number")


def _counted(text: str) -> Iterator[tuple[str, int, int, int]]:
    for match in _COUNTED.finditer(text):
        noun = match["noun"]
        if noun in _UNCOUNTED:
            continue
        number = match["number"]
        if match["none"]:
            value = 0
        elif number in _COUNT_WORDS:
            value = _COUNT_WORDS[number]
        else:
            digits = re.sub(r"\D", "", number)
            value = int(digits[:12]) if digits else 0
        if noun in ("orang", "people", "korban", "penumpang", "passengers") and match["next"]:
            # Three hurt and three safe are not the same three.
            yield f"{noun} {match['next']}", value, match.start(), match.end()
            continue
        yield noun, value, match.start(), match.end("noun")


def _names(statement: Folded, said: Folded) -> Iterator[Hit]:
    known: dict[str, set[str]] = {}
    for match in _NAMED.finditer(statement.cased):
        known.setdefault(match["letters"], set()).add(match["number"])
    for match in _NAMED.finditer(said.cased):
        if match["letters"] != "TG" and match["number"] not in known.get(match["letters"], {match["number"]}):
            yield Hit(*said.span(*match.span()), "number")


def _states(statement: Folded, said: Folded) -> Iterator[Hit]:
    down, back = _DOWN.search(statement.text), _BACK.search(statement.text)
    if down and not back:
        claims = _BACK
    elif back and not down:
        claims = _DOWN
    else:
        return
    for match in claims.finditer(said.text):
        other = _DOWN if claims is _BACK else _BACK
        if not other.search(said.text[max(0, match.start() - 20) : match.end()]):
            yield Hit(*said.span(*match.span()), "state")
