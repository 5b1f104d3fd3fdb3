"""Whether a draft says otherwise than the incident's statement: a cause not known yet, other numbers, another state.

A simple reading, sentence by sentence: it finds the plain contradictions, a person reads the rest.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from policy.guard.consistency import Changed, changed
from policy.guard.draft import DraftText, EarlierText, Hit
from policy.guard.folding import Folded, fold

_SENTENCE = re.compile(r"(?:[^.!?\n]|[.](?=\d)){1,2000}")
_UNKNOWN = re.compile(
    r"belum (?:dapat |bisa )?(?:di)?(?:ketahui|pasti|pastikan|simpulkan|mengetahui|menyimpulkan|memastikan"
    r"|ada kesimpulan)|tidak berspekulasi"
    r"|(?:masih|sedang|tengah)(?: kami| dalam| terus)? (?:di|me|men|pen)?(?:yelidik|cari|selidik|periksa|cek|gecek"
    r"|dalam|meriksa|investigasi|telusur|elusur|"
    r"proses (?:penyelidikan|pemeriksaan|investigasi))\w*|(?:menunggu|tunggu) hasil|kami (?:cek|periksa|selidiki)"
    r"|not (?:yet )?(?:known|confirmed|clear)|(?:do not|don't) (?:yet )?know|unknown|unclear|investigat\w+"
    r"|looking into|being checked"
    r"|checking|too early|no guess\w*|no speculat\w+|cannot (?:yet )?(?:say|confirm)"
)
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
_DENIES = re.compile(
    r"(?<!\w)(?:bukan|tidak ada|tidak|tanpa|no|not|never|none of) (?P<what>[a-z]{2,20}(?: [a-z]{2,20}){1,5})"
)
_NEGATED = re.compile(
    r"(?<!\w)(?:bukan|tidak|tak|tanpa|belum|nggak|gak|no|not|never|none|without|apakah|kabar|dugaan|isu"
    r"|rumou?r\w*)(?!\w)"
    r"|n't(?!\w)"
)
_NO_CONTENT_WORDS = """
yang dari pada untuk dengan oleh kami anda adalah telah sudah akan dapat bisa perlu kepada dalam lagi that this with
from have been will your their there were
akibat karena disebabkan kejadian gangguan caused because result event satu yang pun
"""
_NO_CONTENT = frozenset(_NO_CONTENT_WORDS.split())
_HEDGED = re.compile(r"belum|tidak (?:tahu|mengetahui)|apakah|dugaan|kabar|not (?:yet )?|whether|rumou?r")

# Sentences held against sentences
_IF = re.compile(r"(?<!\w)(?:jika|kalau|bila|apabila|begitu|setelah|andai|if|once|when|until|as soon as)(?!\w)")
_IF_AFTER = re.compile(r"(?<!\w)(?:jika|kalau|bila|apabila|begitu|setelah|andai|if|once|when|as soon as)(?!\w)")
_PART = re.compile(r"(?:[^.!?;\n]|[.](?=\d)){1,600}")
_ELSEWHERE = re.compile(r"(?<!\w)(?:lain|lainnya|selain|kecuali|other|others|except|elsewhere|besides)(?!\w)")
_NAME = re.compile(r"(?<=[a-z0-9,] )[A-Z][a-z]{2,20}(?!\w)")
_NO_NAMES = "Kak Kakak Anda Bapak Ibu Pak Bu Mas Mbak Bun Senin Selasa Rabu Kamis Jumat Sabtu Minggu"
_TITLES = frozenset(_NO_NAMES.split())
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

# What somebody is owed, or has to pay
_OWED = {
    "hotel": r"hotel\w*|penginapan\w*|akomodasi|accommodation|menginap|lodging|overnight stay",
    "meal": r"makanan|makan (?:siang|malam|pagi)|meals?|snack|konsumsi gratis|refreshments?",
    "transport": r"taksi|taxis?|transport\w*|shuttle|antar jemput|bus pengganti|airport transfer",
    "compensation": r"kompensasi\w*|compensat\w+|ganti rugi\w*|santunan|goodwill payment",
    "refund": r"refunds?(?:nya)?|refunded|pengembalian (?:dana|uang)|uang kembali|money back|dananya|uangnya",
    "rebooking": r"rebook\w*|reschedul\w*|(?:pen)?jadwal(?:an)? ulang|menjadwalkan ulang|(?:ubah|ganti"
    r"|pindah) jadwal|re-?rout\w+",
    "replacement": r"replacements?|penggantian|(?:unit|barang|produk|kartu) pengganti|tukar\w*|menukar\w*|exchange",
    "repair": r"perbaikan|servis|repairs?",
    "delivery": r"ongkir\w*|ongkos kirim|shipping|pengiriman",
    "treatment": r"pengobatan|perawatan|biaya medis|medical (?:costs?|bills?|treatment)|biaya rumah sakit|berobat",
}
_OWED_WORDS = {about: re.compile(rf"(?<!\w)(?:{words})(?!\w)") for about, words in _OWED.items()}
_FREE = re.compile(
    r"(?<!\w)(?:gratis|cuma-cuma|tanpa (?:\w{1,20} )?(?:biaya|potongan|dipungut)|bebas biaya"
    r"|tidak (?:ada|dikenakan|kena|dipungut|perlu membayar)(?: \w{1,20})? biaya"
    r"|free(?: of charge)?"
    r"|no (?:extra |additional )?(?:charge|fee|cost)|costs? (?:you )?nothing|at no (?:extra )?cost"
    r"|at our (?:cost|expense))(?!\w)"
)
_AT_OWN_COST = re.compile(
    r"(?<!\w)(?:(?:your|their|own)(?: own)? (?:cost|expense|account|pocket)|(?:di)?kena(?:kan)? (?:biaya|denda)"
    r"|(?:di)?potong (?:biaya )?|berbayar|biaya(?:nya)? (?:sendiri|pribadi)|(?:bayar|membayar|tanggung"
    r"|menanggung|ditanggung) "
    r"(?:sendiri|penumpang|pelanggan|pembeli|tamu|anda|kakak)|(?:fee|charge) (?:applies|of|will)"
    r"|subject to a (?:fee|charge)"
    r"|you(?:'ll| will)? (?:need|have) to pay|pay (?:for )?(?:it |this )?yourself|pay for (?:your"
    r"|their)(?: own)?)(?!\w)"
)
_REFUSED = re.compile(
    r"(?<!\w)(?:(?:tidak|tak|nggak|gak|belum) (?:\w{1,20} ){0,3}(?:(?:di)?sediakan|menyediakan"
    r"|(?:di)?tanggung|menanggung|tersedia"
    r"|berhak|mendapat\w*|dapat|(?:di)?berikan|memberi\w*|(?:di)?kembalikan|(?:di)?ganti|mengganti"
    r"|menawarkan|berlaku|termasuk)"
    r"|tidak ada|tanpa|(?:do not|don't|cannot|can't|won't|will not|not|never|unable to|isn't"
    r"|aren't) (?:\w{1,20} ){0,3}"
    r"(?:provide[ds]?|offer(?:ed|s)?|cover(?:ed|s)?|pay|paid|available|included|entitled|eligible"
    r"|give[ns]?|grant(?:ed)?|refund(?:ed)?|do|issue|process|accept)"
    r"|no(?= (?:\w{1,20} ){0,2}\w{1,20} (?:can|will|is|are|be|for|due|available|offered|provided))"
    r"|(?:di)?tolak|non-?refundable|hangus)(?!\w)"
)
_GRANTED = re.compile(
    r"(?<!\w)(?:(?:di|kami )?sediakan|menyediakan|(?:di)?tanggung|menanggung|tersedia|berhak|mendapat\w*"
    r"|menerima|(?:di)?berikan"
    r"|memberi\w*|menawarkan|(?:di)?kembalikan|mengganti|provide[ds]?|provid(?:e|ing)|offer(?:ed|s"
    r"|ing)?|cover(?:ed|s|ing)?|available|included"
    r"|entitled|eligible|receives?|gets?|will be (?:paid|given|refunded)|full refund|penuh)(?!\w)"
)
_SORRY = re.compile(r"(?<!\w)(?:maaf|sorry|apolog\w+|menyesal|thank\w*|terima kasih)(?!\w)")
_SORRY_FOR = re.compile(
    r"(?:maaf|sorry|apolog\w+|menyesal|thank\w*)(?: \w{1,20}){0,2} (?:karena|atas|bahwa"
    r"|that|for|because|kalau|if)(?!\w)"
)

# How far it reaches
_REACHED = re.compile(
    r"(?<!\w)(?:terdampak|terkena|kena|berdampak|dialami|mengalami|menimpa|experienc\w+|affected|impacted"
    r"|involved|hit|(?:di|me|pe)?n?(?:t|n)arik(?:an)?|recall\w*"
    r"|withdrawn|berlaku|applies|apply|bocor|leaked|exposed|terganggu|disrupted)(?!\w)"
)
_ALL = re.compile(
    r"(?<!\w)(?:semua|seluruh|setiap|segala|all|every|entire|whole|nationwide|se-?indonesia"
    r"|nasional)(?!\w)"
)
_ONLY = re.compile(
    r"(?<!\w)(?:hanya|cuma|cuman|khusus|sebatas|terbatas pada|sebagian|segelintir|only|just|limited to"
    r"|confined to|a few|a handful|a small)(?!\w)"
    r"(?! (?:ingin|mau|bisa|dapat|perlu|want|need|sekitar|about))"
)
_NOT_ONLY = re.compile(
    r"(?:bukan|tidak|tak|not)(?: \w{1,20})? (?:hanya|cuma|only|just)"
    r"|bukan(?: \w{1,20}){1,3} (?:saja|aja)"
)

# When it was
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
_MONTH_WORDS = re.compile(
    r"(?<!\w)(?:januari|january|februari|february|maret|march|april|mei|juni|june|juli|july|agustus|august|september"
    r"|oktober|october|november|desember|december)(?!\w)"
)
_NOTHING = re.compile(
    r"(?<!\w)(?:(?:tidak|tak|nggak|gak) (?:ada|satu ?pun)|tanpa|nihil|none of|not (?:a single|any)|nobody|no one|no)"
    r"(?: (?:satu|seorang|sebuah|single|ada|pun|satupun|seorangpun)){0,3} (?P<what>[a-z]{2,20}(?: [a-z]{2,20}){0,6})"
)
_ABSOLUTE = re.compile(r"satu ?pun|seorang ?pun|sama sekali|not a single|at all|nobody|no one|nihil|ever")
_ASKED = re.compile(
    r"(?<!\w)(?:apakah|whether|ada tidaknya|laporan|dugaan|kemungkinan|reports? (?:of"
    r"|that)) (?P<what>[^.!?;\n]{3,120})"
)
_GRAVE = re.compile(
    r"retas|hack|bocor|leak|breach|racun|poison|(?<!se)curi(?!o)|stolen|theft|sabot|cemar|contam|tewas"
    r"|meninggal|died|death"
    r"|(?<=[kre])bakar|ledak|explo|tipu|fraud|palsu|virus|serang|attack"
)


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
    yield from _opposed(statement, said)
    yield from _owed(statement, said)
    yield from _reach(statement, said)
    yield from _moments(statement, said)
    yield from _settled(statement, said)
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
    said_so = {word for _, part in _parts(statement.text) if not _NEGATED.search(part) for word in _GRAVE.findall(part)}
    grave = {word for match in _DENIES.finditer(statement.text) for word in _GRAVE.findall(match["what"])} - said_so
    for start, part in _parts(said.text) if grave else ():
        if grave & set(_GRAVE.findall(part)) and not any(words.search(part) for words in (_NEGATED, _UNKNOWN, _SORRY)):
            yield Hit(*said.span(start, start + len(part)), "state")
    for stems in denied:
        for sentence in _SENTENCE.finditer(said.text) if len(stems) > 1 else ():
            if stems <= set(_stems(sentence.group())) and not _NEGATED.search(sentence.group()):
                yield Hit(*said.span(sentence.start(), sentence.end()), "state")


def _stems(text: str) -> list[str]:
    text = text.replace("password", "kata sandi").replace("e-mail", "surel").replace("email", "surel")
    return [word[:5] for word in re.findall(r"[a-z]{4,30}", text) if word not in _NO_CONTENT]


def _parts(text: str) -> Iterator[tuple[int, str]]:
    for match in _PART.finditer(text):
        part = match.group()
        yield match.start() + len(part) - len(part.lstrip()), part.strip()


def _elsewhere(statement: Folded, said: Folded, start: int, part: str) -> bool:
    """Whether a sentence speaks of another place or thing than the statement names."""
    if _ELSEWHERE.search(part):
        return True
    written = said.cased[start : start + len(part)]
    codes = {match.group().replace("-", "") for match in _NAMED.finditer(written)}
    if codes - {match.group().replace("-", "") for match in _NAMED.finditer(statement.cased)}:
        return True
    theirs = set(_NAME.findall(statement.cased)) - _TITLES
    mine = set(_NAME.findall(written)) - _TITLES
    return bool(theirs and mine and not theirs & mine)


def _asserts(part: str, pattern: re.Pattern[str]) -> bool:
    """Whether it says so, without a denial or a condition before it."""
    return any(
        not _NEGATED.search(part[max(0, match.start() - 22) : match.start()])
        and not _IF.search(part[: match.start()].rpartition(",")[2])
        and not _IF_AFTER.search(part[match.end() : match.end() + 25])
        for match in pattern.finditer(part)
    )


def _opposed(statement: Folded, said: Folded) -> Iterator[Hit]:
    for pair in _OPPOSED:
        for one, other in ((pair.one, pair.other), (pair.other, pair.one)):
            stated = [part for _, part in _parts(statement.text) if _asserts(part, one)]
            if any(_asserts(part, other) for _, part in _parts(statement.text)):
                continue
            if not any(pair.about is None or pair.about.search(part) for part in stated):
                continue
            for start, part in _parts(said.text):
                speaks_of_it = pair.about is None or pair.about.search(part)
                if not speaks_of_it or not _asserts(part, other) or _asserts(part, one):
                    continue
                if not (_UNKNOWN.search(part) or _SORRY.search(part[:12]) or _elsewhere(statement, said, start, part)):
                    yield Hit(*said.span(start, start + len(part)), "state")


def _granted(part: str) -> bool | None:
    """Whether a sentence grants what it speaks of, or refuses it; None where it says neither."""
    if _FREE.search(part):
        return True
    if _AT_OWN_COST.search(part) or _REFUSED.search(part):
        return False
    return True if _GRANTED.search(part) else None


def _owed(statement: Folded, said: Folded) -> Iterator[Hit]:
    """What the statement grants and the draft refuses, and the other way round."""
    stated: dict[str, set[bool]] = {}
    for _, part in _parts(statement.text):
        granted = _granted(part)
        for about, words in _OWED_WORDS.items() if granted is not None else ():
            if words.search(part):
                stated.setdefault(about, set()).add(bool(granted))
    for start, part in _parts(said.text):
        granted = _granted(part)
        if granted is None or _SORRY_FOR.search(part):
            continue
        for about, words in _OWED_WORDS.items():
            if stated.get(about) != {not granted} or not words.search(part):
                continue
            if not _elsewhere(statement, said, start, part):
                yield Hit(*said.span(start, start + len(part)), "state")


def _reach(statement: Folded, said: Folded) -> Iterator[Hit]:
    """Only some against all, where both tell whom or what it hit."""
    stated = {_scope(part) for _, part in _parts(statement.text) if _REACHED.search(part)} - {None}
    if len(stated) != 1:
        return
    for start, part in _parts(said.text):
        scope = _scope(part) if _REACHED.search(part) else None
        if scope and scope not in stated and not (_UNKNOWN.search(part) or _ELSEWHERE.search(part)):
            yield Hit(*said.span(start, start + len(part)), "state")


def _scope(part: str) -> str | None:
    if _NOT_ONLY.search(part):
        return "all"
    if only := _ONLY.search(part):
        return "only" if not _NEGATED.search(part[max(0, only.start() - 15) : only.start()]) else None
    return "all" if _ALL.search(part) and not _NEGATED.search(part) else None


def _moments(statement: Folded, said: Folded) -> Iterator[Hit]:
    """Another weekday on which it happened, another month in which it ends."""
    for about, when in ((_HAPPENED, _WEEKDAYS), (_LASTS, _MONTH_WORDS), (_HAPPENED, _MONTH_WORDS)):
        stated = [part for _, part in _parts(statement.text) if about.search(part)]
        known = {_moment(found) for part in stated for found in when.finditer(part)}
        for start, part in _parts(said.text) if known else ():
            told = list(when.finditer(part)) if about.search(part) else []
            if told and not {_moment(found) for found in told} & known:
                yield Hit(*said.span(start + told[0].start(), start + told[0].end()), "number")


def _moment(found: re.Match[str]) -> str:
    return str(found.lastgroup or found.group()[:3].replace("mei", "may"))


@dataclass(frozen=True)
class _Told:
    """A sentence of the statement: its content words, whether it only asks, whether it denies."""

    stems: frozenset[str]
    asks: bool
    denies: bool


_FINAL = re.compile(r"(?<!\w)(?:sudah|telah|memang|benar|ikut|terbukti|was|were|has been|have been|did|is|are)(?!\w)")
_OF_WORRY = re.compile(r"laporan|report|khawatir|worr|kabar")


def _settled(statement: Folded, said: Folded) -> Iterator[Hit]:
    """That nothing happened, against a statement that says it did or still looks; that it did, while it looks."""
    parts = [part for _, part in _parts(statement.text)]
    told = [
        _Told(
            frozenset(_stems(part)),
            bool(_UNKNOWN.search(part) or _ASKED.search(part)),
            bool(_NEGATED.search(part)),
        )
        for part in parts
    ]
    asked = [set(_stems(found["what"])) for part in parts for found in _ASKED.finditer(part)]
    for start, part in _parts(said.text):
        if _UNKNOWN.search(part) or re.search(r"apakah|whether|belum", part):
            continue
        denied = [set(_stems(found["what"])) for found in _NOTHING.finditer(part)]
        absolute = bool(_ABSOLUTE.search(part))
        if any(_denies_told(stems, told, absolute=absolute) for stems in denied) or _claims_told(part, told, asked):
            yield Hit(*said.span(start, start + len(part)), "state")


def _denies_told(stems: set[str], told: list[_Told], *, absolute: bool) -> bool:
    open_ones = max((len(stems & one.stems) for one in told if one.asks), default=0)
    so = max((len(stems & one.stems) for one in told if not (one.asks or one.denies)), default=0)
    not_so = max((len(stems & one.stems) for one in told if one.denies and not one.asks), default=0)
    if not_so > max(so, open_ones) or (not_so and not_so == so and not absolute):
        return False
    return so >= 2 or open_ones >= 2 or (open_ones == 1 and len(stems) <= 4)


def _claims_told(part: str, told: list[_Told], asked: list[set[str]]) -> bool:
    """Whether it says of something that it is so which the statement denies, or has yet to find out."""
    if not _FINAL.search(part) or any(words.search(part) for words in (_NEGATED, _SORRY, _OF_WORRY)):
        return False
    mine = set(_stems(part))
    refuted = max((len(mine & one.stems) for one in told if one.denies and not one.asks), default=0)
    agreed = max((len(mine & one.stems) for one in told if not one.denies), default=0)
    return (refuted >= 2 and refuted > agreed) or any(len(stems & mine) >= 2 for stems in asked)


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
        if re.search(r"kabar|update|berikutnya|next|lagi", said.text[max(0, match.start() - 40) : match.start()]):
            continue
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
        clause = re.split(r"[.!?;,\n]", said.text[max(0, match.start() - 80) : match.start()])[-1]
        if not other.search(said.text[max(0, match.start() - 20) : match.end()]) and not _IF.search(clause):
            yield Hit(*said.span(*match.span()), "state")
