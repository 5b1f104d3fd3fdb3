"""What somebody is owed, or has to pay: granted by one text, refused by the other."""

import re
from collections.abc import Iterator

from policy.guard.contradiction.reading import elsewhere, parts_of
from policy.guard.draft import Hit
from policy.guard.folding import Folded

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
_SORRY_FOR = re.compile(
    r"(?:maaf|sorry|apolog\w+|menyesal|thank\w*)(?: \w{1,20}){0,2} (?:karena|atas|bahwa"
    r"|that|for|because|kalau|if)(?!\w)"
)


def owed(statement: Folded, said: Folded) -> Iterator[Hit]:
    """What the statement grants and the draft refuses, and the other way round."""
    stated: dict[str, set[bool]] = {}
    for _, part in parts_of(statement.text):
        granted = _granted(part)
        for about, words in _OWED_WORDS.items() if granted is not None else ():
            if words.search(part):
                stated.setdefault(about, set()).add(bool(granted))
    for start, part in parts_of(said.text):
        granted = _granted(part)
        if granted is None or _SORRY_FOR.search(part):
            continue
        for about, words in _OWED_WORDS.items():
            if stated.get(about) != {not granted} or not words.search(part):
                continue
            if not elsewhere(statement, said, start, part):
                yield Hit(*said.span(start, start + len(part)), "state")


def _granted(part: str) -> bool | None:
    """Whether a sentence grants what it speaks of, or refuses it; None where it says neither."""
    if _FREE.search(part):
        return True
    if _AT_OWN_COST.search(part) or _REFUSED.search(part):
        return False
    return True if _GRANTED.search(part) else None
