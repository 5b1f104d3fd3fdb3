"""What a draft's wording shows that no list of words can: language, capitals, links, unproven numbers."""

import re
from collections.abc import Iterator

from policy.guard.draft import DraftText, Hit, Owner
from policy.guard.folding import Folded
from policy.guard.language import language_of
from policy.guard.lengths import URL

_CAPITALS = re.compile(r"(?<![^\W_])[A-ZÀ-Ý]{2,30}(?:[^\S\n]{1,3}[A-ZÀ-Ý]{2,30}){0,40}(?![^\W_])")
_CODE = re.compile(r"(?<![\w/.@-])[A-Z]{2,6}[-#/]?\d{3,30}(?:-\d{1,20}){0,6}(?!\w)")
_REFERENCE = re.compile(r"TG-\d+")
_TERM = re.compile(
    r"(?<!\w)(?:(?:dalam|maksimal|selambat-lambatnya|within|in)(?: waktu| kurun)? (?:\d{1,3}(?: ?[x-] ?\d{1,3})?"
    r"|satu|dua|"
    r"tiga|empat|lima|tujuh|one|two|three|five|seven) ?(?:\([a-z]{1,12}\) )?(?:menit|jam|hari|minggu|minutes?|hours?|"
    r"days?|weeks?|business days|working days)(?: kerja| ke depan)?"
    r"|paling lambat (?:\w{1,30} ){0,3}\w{1,30}"
    r"|(?:besok|lusa|hari ini) juga|(?:selesai|dikirim|sampai|kembali|masuk|diterima"
    r"|beres) (?:paling lambat )?(?:besok|lusa|hari ini)"
    r"|(?:by|before) (?:tomorrow|tonight|monday|tuesday|wednesday|thursday|friday|saturday|sunday"
    r"|the end of the (?:day|week))"
    r"|(?:fixed|refunded|delivered|there|done|resolved) (?:today|tomorrow))(?!\w)"
)
_AMOUNT = re.compile(
    r"(?<!\w)(?:(?:idr|usd|rp)\.? ?\d[\d.,]{0,18}(?: ?(?:rb|ribu|jt|juta|k))?|\$ ?\d[\d.,]{0,18}|"
    r"\d[\d.,]{0,18} ?(?:rb|ribu|jt|juta|rupiah|dollars?|dolar))(?!\w)"
)
_MONEY_BACK = re.compile(
    r"refund|kembalikan|mengembalikan|dikembalikan|pengembalian|kompensasi|ganti rugi|mengganti|transfer|compensat"
    r"|reimburs|pay you|voucher|kredit"
)
_CLAIM = re.compile(
    r"(?<!\w)(?:[A-Z]{2,6}-)?\d[\d.,:/-]{0,18}\d|\d|(?<!\w)(?:(?:di|men)?jamin|(?:ber|men)?janji|dipastikan|pasti akan"
    r"|besok|lusa|kompensasi|ganti rugi|dikembalikan|guarantee|promise|compensat|refunded|tomorrow)\w{0,8}",
    re.IGNORECASE,
)
_SHORTENER_NAMES = "bit.ly s.id t.co tinyurl.com goo.gl cutt.ly is.gd ow.ly rb.gy shorturl.at linktr.ee"
_SHORTENERS = frozenset(_SHORTENER_NAMES.split())


def wrong_language(draft: DraftText) -> Iterator[Hit]:
    """The whole draft, where it is in the one language and the customer wrote in the other."""
    written = language_of(draft.text)
    wanted = draft.lang if draft.lang in ("id", "en") else None
    if wanted is None and draft.lang != "mixed" and draft.complaint:
        wanted = language_of(draft.complaint)
    if written in ("id", "en") and wanted in ("id", "en") and written != wanted:
        yield Hit(0, len(draft.text), wanted)


def all_caps(draft: DraftText, owner: Owner) -> Iterator[Hit]:
    """Capitals that shout: several words in a row of ten letters and more, or one word of seven that is no name."""
    own = {word for name in owner.names for word in name.upper().split()} | {"WHATSAPP", "YOUTUBE", "INSTAGRAM"}
    for run in _CAPITALS.finditer(draft.text):
        words = [word for word in run.group().split() if word not in own and word not in ("PT", "CV", "TBK")]
        letters = sum(map(len, words))
        long = max(map(len, words), default=0)
        if (len(words) > 1 and letters >= 9 and long >= 5) or (len(words) == 1 and long >= 9) or letters >= 20:
            yield Hit(*run.span())


def links(draft: DraftText, owner: Owner) -> Iterator[Hit]:
    """A link in public on X, where it costs thirteen times a post without one; a short link anywhere."""
    for link in URL.finditer(draft.text):
        host = re.sub(r"^https?://(?:www\.)?", "", link.group().lower()).split("/")[0]
        own = any(host == domain or host.endswith("." + domain) for domain in owner.domains)
        if host in _SHORTENERS and not own:
            yield Hit(*link.span(), "short")
        elif draft.channel == "x" and not draft.private:
            yield Hit(*link.span(), "x")


def unfilled(draft: DraftText) -> Iterator[Hit]:
    """A greeting whose name is missing."""
    for match in re.finditer(
        r"(?:^|(?<=[.!?\n]))\s{0,3}(?:halo|hai|dear|hello|hi|yth\.?|kepada|selamat (?:pagi|siang|sore"
        r"|malam))(?: (?:kak|pak|bu|"
        r"bapak|ibu|mr\.?|ms\.?|mrs\.?|bapak/ibu))? {1,3}[,:!](?!\w)",
        draft.text,
        re.IGNORECASE,
    ):
        yield Hit(*match.span(), "empty")


def unknown_numbers(draft: DraftText, folded: Folded) -> Iterator[Hit]:
    """An order or ticket number that neither the customer nor the facts name."""
    if not draft.complaint and not draft.known:
        return
    known = _plain(f"{draft.complaint or ''} {draft.known}")
    for match in _CODE.finditer(folded.cased):
        if not _REFERENCE.fullmatch(match.group()) and _plain(match.group()) not in known:
            yield Hit(*folded.span(*match.span()), "number")


def claims_without_ground(draft: DraftText) -> Iterator[Hit]:
    """A number, a date, an amount or a promise in a sentence that rests on nothing."""
    known = draft.known.lower()
    for start, end in draft.unproven:
        for match in _CLAIM.finditer(draft.text, start, end):
            if match.group().lower() not in known:
                yield Hit(*match.span(), "ground")


def unknown_terms(draft: DraftText, folded: Folded) -> Iterator[Hit]:
    """A term or an amount that is promised without standing in the facts."""
    known = draft.known.lower()
    said = (draft.complaint or "").lower()
    for match in _TERM.finditer(folded.text):
        digits = re.findall(r"\d+", match.group())
        if match.group() in known or (digits and all(re.search(rf"(?<!\d){d}(?!\d)", known) for d in digits)):
            continue
        words = match.group().removeprefix("paling lambat ").split()
        if not digits and words and known and words[0] in known:
            continue
        yield Hit(*folded.span(*match.span()), "term")
    for match in _AMOUNT.finditer(folded.text):
        around = folded.text[max(0, match.start() - 80) : match.end() + 40]
        amount = re.sub(r"\D", "", match.group())
        if _MONEY_BACK.search(around) and amount not in _plain(known) and amount not in _plain(said):
            yield Hit(*folded.span(*match.span()), "amount")


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()
