"""How statement and draft are read: sentence by sentence, by their content words."""

import re
from collections.abc import Iterator

from policy.guard.folding import Folded

SENTENCE = re.compile(r"(?:[^.!?\n]|[.](?=\d)){1,2000}")
_PART = re.compile(r"(?:[^.!?;\n]|[.](?=\d)){1,600}")
UNKNOWN = re.compile(
    r"belum (?:dapat |bisa )?(?:di)?(?:ketahui|pasti|pastikan|simpulkan|mengetahui|menyimpulkan|memastikan"
    r"|ada kesimpulan)|tidak berspekulasi"
    r"|(?:masih|sedang|tengah)(?: kami| dalam| terus)? (?:di|me|men|pen)?(?:yelidik|cari|selidik|periksa|cek|gecek"
    r"|dalam|meriksa|investigasi|telusur|elusur|"
    r"proses (?:penyelidikan|pemeriksaan|investigasi))\w*|(?:menunggu|tunggu) hasil|kami (?:cek|periksa|selidiki)"
    r"|not (?:yet )?(?:known|confirmed|clear)|(?:do not|don't) (?:yet )?know|unknown|unclear|investigat\w+"
    r"|looking into|being checked"
    r"|checking|too early|no guess\w*|no speculat\w+|cannot (?:yet )?(?:say|confirm)"
)
HEDGED = re.compile(r"belum|tidak (?:tahu|mengetahui)|apakah|dugaan|kabar|not (?:yet )?|whether|rumou?r")
NEGATED = re.compile(
    r"(?<!\w)(?:bukan|tidak|tak|tanpa|belum|nggak|gak|no|not|never|none|without|apakah|kabar|dugaan|isu"
    r"|rumou?r\w*)(?!\w)"
    r"|n't(?!\w)"
)
IF = re.compile(r"(?<!\w)(?:jika|kalau|bila|apabila|begitu|setelah|andai|if|once|when|until|as soon as)(?!\w)")
_IF_AFTER = re.compile(r"(?<!\w)(?:jika|kalau|bila|apabila|begitu|setelah|andai|if|once|when|as soon as)(?!\w)")
SORRY = re.compile(r"(?<!\w)(?:maaf|sorry|apolog\w+|menyesal|thank\w*|terima kasih)(?!\w)")
ELSEWHERE = re.compile(r"(?<!\w)(?:lain|lainnya|selain|kecuali|other|others|except|elsewhere|besides)(?!\w)")
NAMED = re.compile(r"(?<!\w)(?P<letters>[A-Z]{2,3})-?(?P<number>\d{2,5})(?!\w)")
_NAME = re.compile(r"(?<=[a-z0-9,] )[A-Z][a-z]{2,20}(?!\w)")
_NO_NAMES = "Kak Kakak Anda Bapak Ibu Pak Bu Mas Mbak Bun Senin Selasa Rabu Kamis Jumat Sabtu Minggu"
_TITLES = frozenset(_NO_NAMES.split())
_NO_CONTENT_WORDS = """
yang dari pada untuk dengan oleh kami anda adalah telah sudah akan dapat bisa perlu kepada dalam lagi that this with
from have been will your their there were
akibat karena disebabkan kejadian gangguan caused because result event satu yang pun
"""
_NO_CONTENT = frozenset(_NO_CONTENT_WORDS.split())


def parts_of(text: str) -> Iterator[tuple[int, str]]:
    """Its sentences, and the halves of those with a semicolon, each with where it begins."""
    for match in _PART.finditer(text):
        part = match.group()
        yield match.start() + len(part) - len(part.lstrip()), part.strip()


def stems_of(text: str) -> list[str]:
    """The beginnings of a text's content words, in their order."""
    text = text.replace("password", "kata sandi").replace("e-mail", "surel").replace("email", "surel")
    return [word[:5] for word in re.findall(r"[a-z]{4,30}", text) if word not in _NO_CONTENT]


def elsewhere(statement: Folded, said: Folded, start: int, part: str) -> bool:
    """Whether a sentence speaks of another place or thing than the statement names."""
    if ELSEWHERE.search(part):
        return True
    written = said.cased[start : start + len(part)]
    codes = {match.group().replace("-", "") for match in NAMED.finditer(written)}
    if codes - {match.group().replace("-", "") for match in NAMED.finditer(statement.cased)}:
        return True
    theirs = set(_NAME.findall(statement.cased)) - _TITLES
    mine = set(_NAME.findall(written)) - _TITLES
    return bool(theirs and mine and not theirs & mine)


def asserts(part: str, pattern: re.Pattern[str]) -> bool:
    """Whether it says so, without a denial or a condition before it."""
    return any(
        not NEGATED.search(part[max(0, match.start() - 22) : match.start()])
        and not IF.search(part[: match.start()].rpartition(",")[2])
        and not _IF_AFTER.search(part[match.end() : match.end() + 25])
        for match in pattern.finditer(part)
    )
