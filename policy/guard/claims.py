"""What a text claims that can be held against another one: amounts, days, terms, causes, what is granted or refused.

A plain reading, sentence by sentence. Days that move with the calendar (tomorrow, Monday) are left alone: the same
word is another day in another text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from policy.guard.folding import Folded
from policy.spelled import DATED_MONTHS, NUMBERS, ZONE, any_of

Sort = Literal["amount", "date", "time", "term", "cause", "promise"]

_SENTENCE = re.compile(r"(?:[^.!?\n]|[.](?=\w)){1,2000}")
_NEAR = 70
"""So many characters an amount, a date or a term may stand from the act that it belongs to."""

# The first that fits where several begin at one place: `ganti rugi` is no replacement.
_ACTS = re.compile(
    r"(?<!\w)(?:"
    r"(?P<compensation>kompensasi\w*|ganti rugi|voucher|compensat\w+|goodwill)"
    r"|(?P<refund>(?:me|di|nge)?refund\w*|pengembalian (?:dana|uang|saldo|biaya)|reimburs\w+"
    r"|(?:(?:di)?kembali(?:kan)?|mengembalikan) (?:\w{1,30} )?(?:dana|uang|saldo|biaya)"
    r"|(?:dana|uang|saldo|biaya)(?: [\w.,]{1,30}){0,6} (?:(?:di)?kembali(?:kan)?|masuk|cair)"
    r"|money back|paid back|pay(?:ing)? you back)"
    r"|(?P<replacement>(?:peng)?ganti(?:an)? (?:barang|produk|unit|pesanan)|(?:barang|produk|unit) pengganti"
    r"|kirim(?:kan)? ulang|dikirim ulang|pengiriman ulang|replac\w+|resen[dt]\w*)"
    r"|(?P<repair>(?:me?mp|dip|p)erbaik(?:i|an)|servis|teknisi(?: \w{1,30}){0,3} (?:datang|tiba)|repair\w*|technician)"
    r"|(?P<recovery>pulih\w*|dipulihkan|normal(?: kembali)?|restor\w+|back online|back to normal)"
    r"|(?P<answer>(?:di)?kabari|mengabari|(?:meng|di)?hubungi|(?:men|di)?jawab(?:an)?|get back to you|update you"
    r"|contact you|answer)"
    r"|(?P<delivery>(?:di|meng)?antar\w*|(?:di|meng)?kirim\w*|pengiriman|sampai|tiba|deliver\w*|arriv\w+)"
    r"|(?P<fee>biaya \w+|ongkir|ongkos kirim|tagihan|fee|charge[ds]?)"
    r"|(?P<price>harga\w*|price)"
    r")(?!\w)"
)
_AMOUNT = re.compile(
    r"(?<![\w.,])(?:(?P<before>idr|rp|usd|us\$|\$)[. ]{0,2})?(?P<number>\d{1,12}(?:[.,]\d{1,6}){0,4})"
    r"(?: ?(?P<scale>rb|ribu|k|jt|juta|million|thousand)(?!\w))?"
    r"(?: ?(?P<after>rupiah|dollars?|dolar|%|persen|percent))?(?!\w)"
)
_SCALES = {"rb": 1_000, "ribu": 1_000, "k": 1_000, "thousand": 1_000}
_SCALES |= dict.fromkeys(("jt", "juta", "million"), 1_000_000)
_FULL = re.compile(
    r"(?<!\w)(?:refund(?:nya)?|(?:di|me\w{1,3})?kembali\w*|pengembalian(?: dana| uang)?|refunded)(?: secara)? "
    r"(?P<full>penuh|seluruhnya|sepenuhnya|in full|fully)|(?<!\w)full refund"
)
_MONTH = any_of(DATED_MONTHS)
_DATE = re.compile(
    rf"(?<![\w.,/-])(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)? (?P<month>{_MONTH})(?: (?P<year>20\d\d))?"
    rf"|(?P<en_month>{_MONTH}) (?P<en_day>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<en_year>20\d\d))?"
    r"|(?P<num_day>\d{1,2})[/-](?P<num_month>\d{1,2})[/-](?P<num_year>20\d\d))(?!\w)"
)
_TIME = re.compile(
    r"(?<![\w.,:])(?:(?:pukul|jam|at) (?P<hour>\d{1,2})[.:](?P<minute>\d{2})"
    rf"|(?P<zone_hour>\d{{1,2}})[.:](?P<zone_minute>\d{{2}})(?= {ZONE}))(?!\w)"
)
_NUMBERS = NUMBERS | {"a": 1, "an": 1}
_NUMBER = rf"\d{{1,3}}|{'|'.join(_NUMBERS)}"
_TERM = re.compile(
    rf"(?<![\w.,])(?P<from>{_NUMBER})(?: ?(?P<by>[x×-]|sampai|hingga|to|–) ?(?P<to>{_NUMBER}))? ?"
    r"(?P<unit>menit|jam|hari|minggu|bulan|minutes?|hours?|(?:business |working )?days?|weeks?|months?)"
    r"(?P<work> kerja)?(?!\w)"
)
_HOURS = {"menit": 1 / 60, "minute": 1 / 60, "jam": 1, "hour": 1, "hari": 24, "day": 24, "minggu": 168, "week": 168}
_HOURS |= {"bulan": 720, "month": 720}
_CAUSE = re.compile(
    r"(?<!\w)(?:disebabkan(?: oleh| karena)?|penyebabnya(?: adalah| ialah| yaitu)?|penyebab \w+(?: \w{1,30})? adalah"
    r"|(?:cancelled|canceled|delayed|stopped|postponed|dibatalkan|ditunda) (?:for|karena|due to|because of)"
    r"|dipicu(?: oleh)?|berasal dari|bersumber dari|akibat|due to|caused by|because of|as a result of"
    r"|the (?:root )?cause (?:is|was)|resulted from) (?P<cause>[^.!?;,\n]{3,80})"
)
_DENIED = re.compile(
    r"(?:tidak|tak|nggak|gak|ga|bukan) (?:dapat|bisa|akan|berhak|memenuhi|menerima|memberikan|ada)?"
    r"|belum (?:dapat|bisa)|cannot|can't|can not|not (?:able|eligible|entitled|going)|unable|won't|will not"
    r"|not be|no (?=refund|compensation|replacement)|ditolak|menolak|declin\w+|reject\w+"
)
_GRANTED = re.compile(
    r"(?:kami|kita|tim kami|we|we'll|we've)(?: \w{1,30}){0,3} |(?:akan|sudah|telah|sedang|segera|disetujui|approved)"
    r"|(?:will|have been|has been|is being|are|is) "
)
_GRANTABLE = frozenset(("refund", "replacement", "compensation", "repair"))
_COMMON_WORDS = """
yang dan di ke dari pada untuk dengan oleh ini itu kami anda sistem adalah karena sebuah salah satu the a an of in at on
our your this that by for and system some
"""
_COMMON = frozenset(_COMMON_WORDS.split())


@dataclass(frozen=True)
class Claim:
    """One claim: its sort, what it is about (`refund`, `delivery`, …), and its value in a form that can be compared.

    Span: of the folded text.
    """

    sort: Sort
    about: str
    value: str
    start: int
    end: int


def claims_of(folded: Folded) -> list[Claim]:
    """Every claim of the text, in its order."""
    found = [
        claim
        for sentence in _SENTENCE.finditer(folded.text)
        for claim in _in_sentence(sentence.group(), sentence.start())
    ]
    return sorted(found, key=lambda claim: (claim.start, claim.end))


def sentence_around(text: str, start: int, end: int) -> str:
    """The sentence of the text in which this span stands."""
    for sentence in _SENTENCE.finditer(text):
        if sentence.start() <= start < sentence.end():
            return text[sentence.start() : max(end, sentence.end())].strip()
    return text[start:end]


def _in_sentence(text: str, at: int) -> Iterator[Claim]:
    acts = [(str(act.lastgroup), act.start(), act.end()) for act in _ACTS.finditer(text)]
    # Money arrives, too: what comes on a day is a parcel only where nothing else is spoken of.
    acts = [act for act in acts if act[0] != "delivery"] or acts
    taken: list[tuple[int, int]] = []
    for reading, sort in ((_DATE, "date"), (_TIME, "time"), (_TERM, "term"), (_AMOUNT, "amount")):
        for match in reading.finditer(text):
            if any(start < match.end() and match.start() < end for start, end in taken):
                continue
            value = _VALUES[sort](match)
            # A fee has an amount; what takes days is the act that it is taken from.
            timed = [act for act in acts if act[0] not in ("fee", "price")] if sort != "amount" else []
            about = _nearest(timed or acts, match.start(), match.end())
            if value is None or about is None:
                continue
            taken.append(match.span())
            yield Claim(sort, about, value, at + match.start(), at + match.end())  # type: ignore[arg-type]
    for match in _FULL.finditer(text):
        yield Claim("amount", "refund", "% 100.00", at + match.start(), at + match.end())
    for match in _CAUSE.finditer(text):
        words = sorted({word[:5] for word in re.findall(r"\w{3,30}", match["cause"]) if word not in _COMMON})
        if words:
            yield Claim("cause", "cause", " ".join(words), at + match.start(), at + match.end())
    yield from _granted_or_refused(text, at, acts)


def _granted_or_refused(text: str, at: int, acts: list[tuple[str, int, int]]) -> Iterator[Claim]:
    for about, start, end in acts:
        if about not in _GRANTABLE:
            continue
        around = text[max(0, start - 45) : min(len(text), end + 30)]
        if _DENIED.search(around):
            yield Claim("promise", about, "refused", at + start, at + end)
        elif _GRANTED.search(text[max(0, start - 45) : end + 20]):
            yield Claim("promise", about, "granted", at + start, at + end)


def _nearest(acts: list[tuple[str, int, int]], start: int, end: int) -> str | None:
    """The act that a value belongs to: the nearest one, those before it first."""
    near = [(max(start - to, begin - end, 0) + (5 if begin > start else 0), about) for about, begin, to in acts]
    distance, about = min(near, default=(_NEAR + 1, ""))
    return about if distance <= _NEAR else None


def _amount(match: re.Match[str]) -> str | None:
    percent = (match["after"] or "") in ("%", "persen", "percent")
    dollars = (match["before"] or match["after"] or "").strip() in ("usd", "us$", "$", "dollar", "dollars", "dolar")
    if not (percent or dollars or match["before"] or match["scale"] or match["after"]):
        return None
    number = _number(match["number"], scaled=bool(match["scale"]), dollars=dollars or percent)
    number *= _SCALES.get(match["scale"] or "", 1)
    return f"{'%' if percent else 'USD' if dollars else 'IDR'} {number:.2f}"


def _number(written: str, *, scaled: bool, dollars: bool) -> float:
    """`750.000` and `750,000` are one number; before `juta`, after a dollar sign or a percent, the last part is one."""
    parts = re.split(r"[.,]", written)
    if len(parts) > 1 and ((scaled and len(parts) == 2) or (dollars and len(parts[-1]) != 3) or len(parts[-1]) == 2):
        return float(f"{''.join(parts[:-1])}.{parts[-1]}")
    return float("".join(parts))


def _date(match: re.Match[str]) -> str | None:
    day = match["day"] or match["en_day"] or match["num_day"]
    name = match["month"] or match["en_month"]
    month = DATED_MONTHS[name] if name else int(match["num_month"])
    return f"{month:02}-{int(day):02}" if 1 <= int(day) <= 31 and 1 <= month <= 12 else None


def _time(match: re.Match[str]) -> str | None:
    hour, minute = match["hour"] or match["zone_hour"], match["minute"] or match["zone_minute"]
    return f"{int(hour):02}:{minute}" if int(hour) < 24 else None


def _term(match: re.Match[str]) -> str | None:
    first, second = _count(match["from"]), _count(match["to"]) if match["to"] else None
    unit = match["unit"].split()[-1].removesuffix("s")
    working = " working" if match["work"] or match["unit"].startswith(("business", "working")) else ""
    if match["by"] in ("x", "×") and second:
        return f"{first * second * _HOURS[unit]:g}{working}"
    return f"{(second or first) * _HOURS[unit]:g}{working}"


def _count(written: str) -> int:
    return _NUMBERS[written] if written in _NUMBERS else int(written)


_VALUES = {"amount": _amount, "date": _date, "time": _time, "term": _term}
