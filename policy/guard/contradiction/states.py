"""Back against down, open against closed, safe against dangerous: what cannot both be so."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from policy.guard.contradiction.reading import IF, SORRY, UNKNOWN, asserts, elsewhere, parts_of
from policy.guard.draft import Hit
from policy.guard.folding import Folded

_BACK = re.compile(
    r"(?<!\w)(?:sudah|udah|telah|kini|now|is|are|been|has been|have been)(?: \w+)? (?:pulih|normal|selesai"
    r"|teratasi|diperbaiki"
    r"|beroperasi|lancar|beres|berfungsi|restored|fixed|resolved|back (?:to normal|online|up)|up"
    r"|working(?! (?:to|on|hard)))"
    r"|(?<!\w)(?:sudah|udah|telah|kini) (?:bisa|dapat) (?:di)?(?:pakai|gunakan|akses|buka)\w*"
)
_DOWN = re.compile(
    r"(?:masih|belum|still|not yet|not)(?: \w{1,30}){0,2} (?:pulih|normal|gangguan|terganggu|selesai|diperbaiki|down"
    r"|restored|fixed|resolved|offline)"
    r"|(?:sedang|masih)(?: kami| tim kami)? (?:diperbaiki|perbaiki|memperbaiki\w*|pulihkan|memulihkan\w*|dipulihkan"
    r"|gangguan|mengalami gangguan|berlangsung|terjadi)"
    r"|(?:belum|tidak) (?:bisa|dapat) (?:di)?(?:pakai|gunakan|akses|buka)\w*|(?:is|are) (?:currently )?down(?!\w)"
    r"|(?:outage|disruption) (?:is )?(?:ongoing|continu\w+)|(?:working|trying) to (?:fix|restore)|still failing"
)
_EAT = (
    r"(?:di)?(?:konsumsi|makan|minum|gunakan|pakai)|menggunakan|memakai|mengonsumsi|memakan|meminum"
    r"|eat|drink|us(?:e|ing)|consum\w+|eating|drinking"
)


@dataclass(frozen=True)
class _Opposites:
    """Two things of which only one can be so, of what both texts speak of (`about`)."""

    one: re.Pattern[str]
    other: re.Pattern[str]
    about: re.Pattern[str] | None = None


def _opposites(one: str, other: str, about: str | None = None) -> _Opposites:
    first, second = (re.compile(rf"(?<!\w)(?:{words})(?!\w)") for words in (one, other))
    return _Opposites(first, second, re.compile(about) if about else None)


_OPPOSED = (
    _opposites(
        r"(?:di|men)?tutup|closed|shut|berhenti beroperasi|tidak beroperasi|suspended",
        r"(?:tetap |masih |sudah )?(?:buka|dibuka|beroperasi)|(?:is|are|remains?|stays?|still) open(?: as usual)?",
    ),
    _opposites(
        rf"(?:jangan|tidak|hentikan|hindari|stop|avoid|do not|don't|not)(?: \w{{1,20}}){{0,3}} (?:{_EAT})"
        r"|tidak aman|belum aman|unsafe|not safe|berbahaya|harmful",
        rf"(?<!data )(?<!datanya )(?<!data anda )(?<!akun )(?<!uang )(?<!dana )(?:aman|safe)"
        rf"(?: \w{{1,20}}){{0,3}}|(?:boleh|bisa|silakan|can|may|fine to|okay to"
        rf"|ok to) (?:\w{{1,20}} )?(?:{_EAT})"
        r"|tidak berbahaya|harmless",
    ),
    _opposites(
        r"(?:di)?batal(?:kan)?|cancell?ed|(?:di)?tunda|delayed|postponed|ditiadakan",
        r"sesuai jadwal|tepat waktu|tetap (?:berangkat|jalan|berlangsung|digelar|diadakan|dilaksanakan|terbang)"
        r"|on time|(?:as|on) schedule(?:d)?|as planned|(?:goes|going|go) ahead|still (?:on|departing|flying)",
    ),
    _opposites(
        r"(?:menunggu|tunggu|menanti) (?:\w{1,20} )?hasil|hasil\w*(?: \w{1,20}){0,3} belum (?:keluar|ada)"
        r"|sedang (?:di)?uji"
        r"|masih (?:di)?uji|await\w*(?: \w{1,20}){0,3} results?|results? (?:are|is) (?:still )?pending"
        r"|under ?way|being tested",
        r"hasil(?:nya)?(?: \w{1,20}){0,4} (?:sudah|telah) (?:keluar|ada)|hasil(?:nya)?(?: \w{1,20}){0,4} "
        r"(?:bersih|negatif|positif|menunjukkan|membuktikan|menyatakan|aman)|terbukti|dinyatakan (?:aman"
        r"|bersih|layak)"
        r"|results? (?:\w{1,20} )?(?:are|is|were|came|have|show|shows|showed)(?: \w{1,20})? (?:in|out|back"
        r"|clear|clean|negative|fine)"
        r"|tests? (?:show|shows|showed|confirm\w*|prove\w*)|tested (?:negative|clean)",
    ),
    _opposites(
        r"penuh|tanpa potongan|in full|full|100 ?%|seratus persen|seutuhnya|without (?:any )?deductions?|seluruhnya",
        r"(?:di)?potong(?:an)?|dikurangi|deduct\w*|minus|partial\w*|sebagian|setengah|separuh|half"
        r"|\d{1,2} ?(?:%|persen|percent)",
        r"refund|kembali|dana|uang|money",
    ),
    _opposites(
        r"(?:ter)?luka|korban|dirawat|meninggal|tewas|(?<!rumah )sakit|keracunan|injured|hurt"
        r"|hospitali[sz]ed|died|fell ill",
        r"(?:tidak|tak) ada (?:\w{1,20} ){0,3}(?:korban|(?:ter)?luka|sakit|keracunan|meninggal|celaka)"
        r"|(?:no|nobody|no one)(?: \w{1,20}){0,3} (?:injur\w+|hurt|harmed|ill|sick|casualt\w+|died)"
        r"|semua(?:nya)?(?: \w{1,20}){0,2} selamat|everyone is (?:safe|fine|unharmed)",
    ),
    _opposites(
        r"sudah (?:kami )?(?:ditangkap|tangkap|temukan|ditemukan|diamankan)|has been (?:found|arrested)|was found",
        r"(?:belum|masih) (?:kami )?(?:ditemukan|temukan|dicari|cari|buron)|still (?:missing|searching"
        r"|looking)|not (?:yet )?(?:been )?found",
    ),
)


def states(statement: Folded, said: Folded) -> Iterator[Hit]:
    """That it works again while it is down, or the other way round."""
    down, back = _DOWN.search(statement.text), _BACK.search(statement.text)
    if down and not back:
        claims = _BACK
    elif back and not down:
        claims = _DOWN
    else:
        return
    for match in claims.finditer(said.text):
        other = _DOWN if claims is _BACK else _BACK
        clause = re.split(r"[.!?;,\n]", said.text[max(0, match.start() - 80) : match.start()])[-1]
        if not other.search(said.text[max(0, match.start() - 20) : match.end()]) and not IF.search(clause):
            yield Hit(*said.span(*match.span()), "state")


def opposed(statement: Folded, said: Folded) -> Iterator[Hit]:
    """Of two things that cannot both be so, the one that the statement does not say."""
    for pair in _OPPOSED:
        for one, other in ((pair.one, pair.other), (pair.other, pair.one)):
            stated = [part for _, part in parts_of(statement.text) if asserts(part, one)]
            if any(asserts(part, other) for _, part in parts_of(statement.text)):
                continue
            if not any(pair.about is None or pair.about.search(part) for part in stated):
                continue
            for start, part in parts_of(said.text):
                speaks_of_it = pair.about is None or pair.about.search(part)
                if not speaks_of_it or not asserts(part, other) or asserts(part, one):
                    continue
                if not (UNKNOWN.search(part) or SORRY.search(part[:12]) or elsewhere(statement, said, start, part)):
                    yield Hit(*said.span(start, start + len(part)), "state")
