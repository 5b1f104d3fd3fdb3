"""Parts a customer's new words from the mail that they answer. The whole mail stays in `raw`.

Cut off is what stands whole at the end: quoted lines, the lines that introduce them, the head of the answered mail as
Outlook writes it, and the advertisement of a telephone. Answers written between quoted lines keep them: without them
they say nothing. A forwarded mail stays: it is what the customer wants to show.
"""

import re

from integrations.intake.text import is_blank

_WROTE = r"(?:wrote|menulis|schrieb|schreef|escribió|a écrit|написал(?:а)?|さんは書きました)"
_ATTRIBUTION = re.compile(
    rf"^(?:(?:On|Pada|Pd)\b.{{5,300}}\b{_WROTE}|.{{0,200}}<[^<>]+@[^<>]+>\s*{_WROTE}|.{{5,200}}\b{_WROTE})\s*:$",
    re.IGNORECASE,
)
"""One line that introduces quoted ones, where such follow."""
_DATED_ATTRIBUTION = re.compile(
    rf"^(?:On|Pada|Pd|Am|Op|Le|El)\b(?=.{{0,300}}\d{{4}}).{{5,300}}<[^<>\s]+@[^<>\s]+>\W{{0,5}}{_WROTE}\s*:$",
    re.IGNORECASE | re.DOTALL,
)
"""Some lines that are sure enough to be such whatever follows: they have a date and an address."""
_ORIGINAL = re.compile(
    r"^[-_]{2,}\s*(?:Original (?:Message|Appointment)|Pesan (?:Asli|Semula|Asal)|Ursprüngliche Nachricht"
    r"|Mensaje original|Message d'origine|Oorspronkelijk bericht)\s*[-_]{2,}\s*$",
    re.IGNORECASE,
)
_RULE = re.compile(r"^[_-]{5,}$")
_FROM = re.compile(r"^\W{0,3}(?:From|Dari|Von|De|Van)\s*:\W{0,3}\s*\S", re.IGNORECASE)
_SENT = re.compile(
    r"^\W{0,3}(?:Sent|Date|Dikirim|Tanggal|Terkirim|Waktu|Gesendet|Datum|Enviado|Fecha|Envoyé|Verzonden)\s*:",
    re.IGNORECASE,
)
_TO = re.compile(r"^\W{0,3}(?:To|Kepada|Ke|Untuk|An|Para|À|Aan)\s*:", re.IGNORECASE)
_SUBJECT = re.compile(r"^\W{0,3}(?:Subject|Subjek|Perihal|Hal|Judul|Betreff|Asunto|Objet|Onderwerp)\s*:", re.IGNORECASE)
_HEAD_LINES = 8
"""Lines that the head of an answered mail may have."""
_FORWARDED = re.compile(
    r"^[-_]{2,}\s*(?:Forwarded message|Pesan (?:yang )?(?:di)?terus(?:kan|an)|Weitergeleitete Nachricht)\s*[-_]{2,}"
    r"|^(?:Begin forwarded message|Mulai pesan (?:yang )?diteruskan)\s*:\s*$",
    re.IGNORECASE,
)
_TELEPHONE = re.compile(
    r"^(?:Sent (?:from|via|using) (?:my |the )?\S.{0,60}|Get Outlook for \S.{0,40}"
    r"|(?:Dikirim|Terkirim) (?:dari|melalui|menggunakan|lewat) \S.{0,60}|Dapatkan Outlook untuk \S.{0,40}"
    r"|Unduh Outlook untuk \S.{0,40}|Von meinem \S.{1,30} gesendet|Verzonden vanaf \S.{0,40}|Enviado desde \S.{0,40})$",
    re.IGNORECASE,
)
_DEVICE = re.compile(
    r"iphone|ipad|android|outlook|samsung|galaxy|xiaomi|redmi|oppo|vivo|huawei|realme|yahoo|mail|gmail|blackberry"
    r"|phone|mobile|ponsel|smartphone|hp\b|handphone|tablet",
    re.IGNORECASE,
)


def without_quoted(text: str) -> str:
    """The new words; the text as it is where nothing but quoted lines would be left out of it."""
    lines = text.split("\n")
    end = _beginning_of_answered(lines)
    end = _without_quote(lines, end)
    end = _without_telephone(lines, end)
    if end == len(lines):
        return text
    kept = "\n".join(lines[:end]).rstrip()
    return text if is_blank(kept) else kept


def _beginning_of_answered(lines: list[str]) -> int:
    """Where a mail begins that stands below the answer without quote marks, else the end."""
    for index, line in enumerate(lines):
        bare = line.strip()
        if not bare:
            continue
        if _FORWARDED.match(bare):
            return len(lines)
        if _ORIGINAL.match(bare):
            return index
        if _is_head(lines, index):
            ruled = index and _RULE.match(lines[index - 1].strip())
            return index - 1 if ruled else index
        for count in (1, 2, 3):
            if _DATED_ATTRIBUTION.match("\n".join(lines[index : index + count]).strip()):
                rest = [after for after in lines[index + count :] if after.strip()]
                if rest and not any(after.startswith(">") for after in rest):
                    return index
    return len(lines)


def _is_head(lines: list[str], index: int) -> bool:
    """Whether the head of an answered mail stands there: who, when, to whom, about what, in lines of their own."""
    if not _FROM.match(lines[index].strip()):
        return False
    head = [line.strip() for line in lines[index + 1 : index + _HEAD_LINES] if line.strip()]
    sent, to, subject = (any(field.match(line) for line in head) for field in (_SENT, _TO, _SUBJECT))
    return sent and (to or subject)


def _without_quote(lines: list[str], end: int) -> int:
    """Where the quoted lines at the end begin, with what introduces them."""
    start = end
    while start and (lines[start - 1].startswith(">") or not lines[start - 1].strip()):
        start -= 1
    if not any(line.startswith(">") for line in lines[start:end]):
        return end
    while start and not lines[start - 1].strip():
        start -= 1
    for count in (3, 2):
        introduced = lines[max(start - count, 0) : start]
        if all(line.strip() for line in introduced) and _DATED_ATTRIBUTION.match("\n".join(introduced).strip()):
            return start - len(introduced)
    return start - 1 if start and _ATTRIBUTION.match(lines[start - 1].strip()) else start


def _without_telephone(lines: list[str], end: int) -> int:
    """Where the telephone speaks for itself at the end."""
    start = end
    while start and not lines[start - 1].strip():
        start -= 1
    if start and _TELEPHONE.match(lines[start - 1].strip()) and _DEVICE.search(lines[start - 1]):
        return start - 1
    return end
