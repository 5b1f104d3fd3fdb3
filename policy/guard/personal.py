"""Personal data in a draft: found by its structure, spared where the company or, in private, the customer owns it."""

import re
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers
from stdnum import luhn
from stdnum.id import nik

from policy.guard.draft import DraftText, Hit, Owner
from policy.guard.folding import Folded, fold

_SECRET = ("card", "secret")
_DIGIT = re.compile(r"\d")
_NUMBER = re.compile(r"(?<![\w.,/#-])(?:\+|\()?[\do](?:[ .\-()/]{0,3}[\do]){7,24}(?!\w)")
_EMAIL = re.compile(
    r"(?<![\w.+-])(?:[\w.+-]{1,30} (?:underscore|garis bawah|titik|dot|strip) ){0,3}[\w.+-]{1,64}"
    r" ?(?:@|[(\[{] ?at ?[)\]}]| at (?=[\w-]{1,40}(?: dot | titik |[(\[{] ?(?:dot|titik))))"
    r" ?[\w-]{1,63}(?:(?:\.| ?[(\[{] ?(?:dot|titik) ?[)\]}] ?| dot | titik )[a-z][\w-]{1,62}){1,4}(?!\w)"
)
_PLATE_AREAS = (
    "A|AA|AB|AD|AE|AG|B|BA|BB|BD|BE|BG|BH|BK|BL|BM|BN|BP|D|DA|DB|DC|DD|DE|DG|DH|DK|DL|DM|DN|DP|DR|DS|DT|DW|E|EA|EB|ED|F|G|"
    "H|K|KB|KH|KT|KU|L|M|N|P|PA|PB|PG|PS|PT|PY|R|S|T|W|Z"
)
_PLATE = re.compile(
    rf"(?<![\w-])(?:{_PLATE_AREAS})[ .-]?\d{{3,4}}[ .-]?(?!WIB|WIT|USD|IDR|GB|MB|KG|ML|CC|AM|PM)[A-Z]{{2,3}}(?![\w-])"
)
_PLATE_NAMED = re.compile(
    r"(?:plat|nopol|nomor polisi|no\.? polisi|kendaraan|mobil|motor|licen[cs]e plate|number plate)[^.!?\n]{0,40}?"
    r"(?<![\w-])([a-z]{1,2}[ .-]?\d{1,4}[ .-]?[a-z]{1,3})(?![\w-])"
)
_STREET = re.compile(
    r"(?<!\w)(?:jl|jln|jalan|gang|gg|dusun|perumahan|perum|komplek|kompleks|apartemen)\.? (?:[\w'.-]{1,30},? ){1,6}?"
    r"(?:no|nomor|nr|blok|kav|kavling|unit|lantai)\.? ?[a-z]{0,2}[-/]?\d{1,4}[a-z]?(?!\d)(?:[,/ ]{1,2}(?:rt"
    r"|rw)\.? ?[\d/]{1,7}){0,2}"
)
_STREET_CASED = re.compile(
    r"(?<!\w)(?:Jl|Jln|JL|Jalan|JALAN|Gang|Gg)\.? (?:[A-Z][\w'.-]{1,30} ){1,4}(?:No\.? ?)?\d{1,4}[A-Za-z]?(?!\w)"
)
_RT_RW = re.compile(r"(?<!\w)rt\.? ?0{0,2}\d{1,3} ?[/,]? ?(?:rw)?\.? ?/? ?0{0,2}\d{1,3}(?!\w)")
_STREET_EN = re.compile(
    r"(?<![\w-])\d{1,5}[A-Za-z]? (?:[A-Z][a-z]{1,20} ){1,3}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr"
    r"|Boulevard|Blvd)(?!\w)"
)
_BANKS = ("bca", "bni", "bri", "btn", "bsi", "mandiri", "cimb", "permata", "danamon", "jago", "seabank")
_BANK = re.compile(
    r"(?:rekening|no\.? ?rek|norek|rek\.|account (?:no|number)|acct|a/c|bank account"
    rf"|(?<!\w)(?:{'|'.join(_BANKS)}))[^.!?\n\d]{{0,30}}(\d(?:[ .-]?\d){{6,17}})(?!\w)"
)
_TAX = re.compile(r"(?<!\d)\d{2}\.\d{3}\.\d{3}\.\d[-.]\d{3}\.\d{3}(?!\d)")
_PASSPORT = re.compile(r"(?:paspor|passport)[^.!?\n\d]{0,25}?(?<!\w)([a-z]{1,2} ?\d{6,8})(?!\w)")
_BIRTH = re.compile(
    r"(?:tanggal lahir|tgl\.? lahir|kelahiran|lahir (?:pada )?(?:tanggal )?|date of birth|born(?: on)?"
    r"|dob)\W{0,3}(?:anda |your |adalah |is |: ?)?"
    r"(\d{1,2}[ /.-](?:\d{1,2}|[a-z]{3,9})[ /.-]\d{2,4}|[a-z]{3,9} \d{1,2},? \d{4})"
)
_SECRETS = re.compile(
    r"(?<!\w)(?:otp|kode (?:otp|verifikasi|rahasia|keamanan|akses|sekali pakai|masuk|login)|pin(?: atm)?|cvv|cvc"
    r"|(?:verification|security|access|login|one-time) (?:code|password)|passcode)"
    r"(?: (?!(?:hubungi|telepon|call|pukul|jam|nomor|dalam|selama|atau|dan|or|and|via)(?!\w))[a-z'-]{1,20}){0,9}"
    r" ?[:=,]? ?(\d(?:[ -]?\d){3,7})"
    r"(?! ?(?:digit|angka|menit|jam|kali|detik|minutes|hours)|\w)"
)
_PASSWORDS = re.compile(
    r"(?<!\w)(?:password|kata sandi|sandi|passwd|pwd)(?: [a-z'-]{1,15}){0,5}"
    r"(?: ?[:=] ?| (?:adalah|yaitu|is) )([\"'“]?(?=[^\s\d]{0,30}[\d!@#$%^&*_])[^\s,;\"'”]{5,40})"
)
_VALUE = re.compile(
    r"(?:pesanan|order|transaksi|pembelian|belanja|saldo|tagihan|limit|gaji|balance|purchase|transaction|bill)"
    r"(?: (?!gratis)[\w-]{1,25}){0,3} (?:senilai|sebesar|seharga|sejumlah|worth|of|totalling|adalah|is) ?"
    r"((?:rp|idr|usd|\$)\.? ?\d[\d.,]{2,18}(?: ?(?:rb|ribu|jt|juta))?)"
)
_DIGIT_WORDS = (
    "nol|kosong|satu|dua|tiga|empat|lima|enam|tujuh|delapan|sembilan|zero|one|two|three|four|five|six|seven|eight|nine"
)
_SPOKEN = re.compile(
    rf"(?<![\w.,])(?:{_DIGIT_WORDS}|\d{{1,5}})(?:[ ,.-]{{1,3}}(?:{_DIGIT_WORDS}|\d{{1,5}})){{2,17}}(?!\w)"
)
_DIGIT_OF = {word: str(value % 10) for value, word in enumerate(_DIGIT_WORDS.split("|")[2:11], 1)}
_DIGIT_OF |= {word: str(value) for value, word in enumerate(_DIGIT_WORDS.split("|")[12:], 1)}
_DIGIT_OF |= {"nol": "0", "kosong": "0", "zero": "0"}
_BANK_WORDS = re.compile(r"rekening|no\.? ?rek|norek|account")
_PHONE_WORDS = re.compile(
    r"(?:telp|telepon|telpon|tlp|hp|handphone|hubungi|wa|whatsapp|call|phone|mobile|nomor|number|kontak|contact"
    r"|sms)\W{0,3}(?:\w{1,20}\W{1,3}){0,4}$"
)
_NOT_PHONE = re.compile(
    r"(?:resi|pesanan|order|invoice|tiket|ticket|transaksi|transaction|reference|referensi|tracking|booking"
    r"|laporan|kode|imei|serial|seri|va|virtual account|(?:nomor|id) pelanggan"
    r"|pelanggan(?: \w{1,20}){0,2} nomor|customer id)\W{0,3}(?:\w{1,20}\W{1,3}){0,2}$"
)
_OWN_WORDS = re.compile(
    r"(?:nomor|no|number|e-?mail|surel|alamat|rekening|kartu|nik|npwp|ktp|hp|telepon|whatsapp|wa|plat|address"
    r"|account|phone)\W{1,3}(?:\w{1,20}\W{1,3}){0,3}"
    r"(?:anda|kakak|bapak|ibu|saudara)\W{0,3}(?:(?:di|yang|adalah|yaitu|ke|terdaftar|yakni)\W{1,3}){0,3}$"
    r"|(?:your)\W{1,3}(?:\w{1,20}\W{1,3}){1,4}$"
)


def found(draft: DraftText, folded: Folded, owner: Owner) -> Iterator[Hit]:
    """Every piece of personal data that may not stand in this draft."""
    text = folded.text
    own = _Own(draft, owner)
    for start, end, what in _pieces(folded):
        value = text[start:end]
        if own.companys(what, value, text, start, end):
            continue
        if what not in _SECRET and own.may_stand(what, value, text[max(0, start - 60) : start]):
            continue
        yield Hit(*folded.span(start, end), what)


def shows_own_number(text: str) -> bool:
    """Whether a customer's post shows an identity or card number: they are warned to protect it."""
    return any(what in ("card", "identity") for _, _, what in _pieces(fold(text)))


class _Own:
    """Whose data a piece is."""

    def __init__(self, draft: DraftText, owner: Owner) -> None:
        self.draft = draft
        self.owner = owner
        self.addresses = [_letters(address) for address in owner.addresses]
        self.asked = _letters(draft.complaint or "")
        self.said = self.asked + _letters(" ".join(draft.facts))

    def companys(self, what: str, value: str, text: str, start: int, end: int) -> bool:
        """Whether it is the company's own."""
        if what == "email":
            # "we and @us.id" names an account of ours: nobody's address.
            local, apart, handle = value.partition(" @")
            return self.owner.owns_email(_mail(value)) or (bool(apart and local) and self.owner.owns_handle(handle))
        if what in ("phone", "secret"):
            return self.owner.owns_phone(value)
        if what == "address":
            around = _letters(value)
            return any(around in address or address in _letters(text[start : end + 60]) for address in self.addresses)
        return False

    def may_stand(self, what: str, value: str, before: str) -> bool:
        """Whether it is the customer's own in a private reply; of an amount, also where the customer named it."""
        known = _letters(_mail(value) if what == "email" else value)
        if what == "value":
            # What only our own records know is not told in public, however true.
            return self.draft.private or (bool(digits := _digits(value)) and digits in self.asked)
        if not self.draft.private:
            return False
        if known in self.said or (what == "phone" and _digits(value)[-9:] in self.said):
            return True
        # Without the customer's words only the draft's own say whose it is.
        return not self.draft.complaint and bool(_OWN_WORDS.search(before))


def _pieces(folded: Folded) -> Iterator[tuple[int, int, str]]:
    text = folded.text
    if "at" in text or "@" in text:
        for match in _EMAIL.finditer(text):
            yield (*match.span(), "email")
    if _DIGIT.search(text):
        yield from _numbers(text)
        yield from _with_digits(folded)
    if any(word in text for word in ("delapan", "eight", "kosong", "nol", "zero")):
        for match in _SPOKEN.finditer(text):
            if _spoken_number(match.group()):
                yield (*match.span(), "phone")
    if any(word in text for word in ("password", "sandi", "passwd", "pwd")):
        for match in _PASSWORDS.finditer(text):
            yield (*match.span(1), "secret")


_WITH_DIGITS: tuple[tuple[re.Pattern[str], str, bool, int, tuple[str, ...]], ...] = (
    (_PLATE, "plate", True, 0, ()),
    (_PLATE_NAMED, "plate", False, 1, ("plat", "nopol", "polisi", "kendaraan", "mobil", "motor")),
    (_BANK, "account", False, 1, ("rek", "account", "acct", "a/c", *_BANKS)),
    (_PASSPORT, "identity", False, 1, ("paspor", "passport")),
    (_BIRTH, "birth", False, 1, ("lahir", "birth", "born", "dob")),
    (_SECRETS, "secret", False, 1, ("otp", "kode", "pin", "cvv", "cvc", "code", "password")),
    (_VALUE, "value", False, 1, ("rp", "idr", "usd", "$")),
    (_STREET, "address", False, 0, ("jl", "jalan", "gang", "gg", "dusun", "perum", "komplek", "apartemen")),
    (_RT_RW, "address", False, 0, ("rt",)),
    (_TAX, "tax", False, 0, ()),
    (_STREET_CASED, "address", True, 0, ("jl", "jalan", "gang", "gg")),
    (_STREET_EN, "address", True, 0, ("st", "road", "rd", "ave", "lane", "ln", "dr", "boulevard", "blvd")),
)
"""What has digits in it: how it is written, what it is, whether capitals tell, which group it is, and words of which
one must stand in the text. Most texts have none, and a word is looked for far quicker than the whole."""


def _with_digits(folded: Folded) -> Iterator[tuple[int, int, str]]:
    text = folded.text
    for pattern, what, cased, group, needs in _WITH_DIGITS:
        if needs and not any(need in text for need in needs):
            continue
        for match in pattern.finditer(folded.cased if cased else text):
            yield (*match.span(group), what)


def _numbers(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _NUMBER.finditer(text):
        written = match.group()
        before = text[max(0, match.start() - 40) : match.start()]
        what = _sort(written, before)
        if what:
            yield match.start(), match.end(), what
        else:
            # Two numbers side by side, or a date before one, hide it.
            for part in re.finditer(r"\+?[\do][\do.\-]{8,20}[\do]", written):
                inner = _sort(part.group(), before)
                if inner and part.group() != written:
                    yield match.start() + part.start(), match.start() + part.end(), inner


def _sort(written: str, before: str) -> str | None:
    """What a long number is by its structure, or None."""
    digits = _digits(written)
    groups = re.findall(r"[\do]+", written)
    if len(digits) in range(13, 20) and digits[0] in "23456" and luhn.is_valid(digits) and len(set(digits)) > 2:
        return "card"
    if len(digits) == 16 and (
        nik.is_valid(digits) or re.search(r"(?:nik|ktp|kk|kartu keluarga|identitas)\W{0,3}(?:\w+\W+){0,3}$", before)
    ):
        return "identity"
    if len(digits) in (15, 16) and "npwp" in before:
        return "tax"
    if re.search(r"(?:kartu|card)\W{0,3}(?:\w{1,20}\W{1,3}){0,4}$", before) and 13 <= len(digits) <= 19:
        return "card"
    return "phone" if _phone(written, digits, groups, before) else None


def _phone(written: str, digits: str, groups: list[str], before: str) -> bool:
    named = bool(_PHONE_WORDS.search(before))
    if _NOT_PHONE.search(before) and not re.search(r"(?:hp|telepon|whatsapp|wa|phone)\W{0,3}\w*\W{0,3}$", before):
        return False
    # Times, dates and amounts are groups of two, or of three after a point.
    if re.search(r"(?<!\d)\d{1,2}[.:]\d{2}(?!\d)", written) and not written.startswith("+"):
        return False
    if not named and re.fullmatch(r"\d{1,3}(?:\.\d{3})+", written):
        return False
    mobile = re.match(r"(?:\+?62|0)8[1-9]", digits if not written.startswith("+") else "+" + digits)
    spelled = len(groups) == len(digits)
    if mobile and 10 <= len(digits) <= 15:
        return spelled or len(groups) <= 6
    if written.startswith("+") and 9 <= len(digits) <= 15:
        return True
    if len(digits) <= 13 and (named or 1 < len(groups) <= 5) and digits.startswith(("0", "62")):
        return _dialled("+" + digits if digits.startswith("62") else digits)
    if re.fullmatch(r"\(?0[2-9]\d{1,2}[)\- ]{1,2}\d{3,4}[ .-]?\d{3,5}", written):
        return True
    if re.fullmatch(r"\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}", written):
        return True
    return named and 9 <= len(digits) <= 14 and (digits.startswith(("0", "62")))


@lru_cache(maxsize=4096)
def _dialled(number: str) -> bool:
    """Whether this can be dialled, in Indonesia where it names no country."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, "ID"))
    except phonenumbers.NumberParseException:
        return False


def _spoken_number(written: str) -> bool:
    """Whether words and digits together are a telephone number: `nol delapan satu dua 3456 7890`."""
    parts = re.findall(r"[a-z]+|\d+", written)
    words = [part for part in parts if part in _DIGIT_OF]
    digits = "".join(_DIGIT_OF.get(part, part) for part in parts)
    return len(words) >= 2 and 8 <= len(digits) <= 15 and (len(words) >= 8 or digits[0] in "08")


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text.replace("o", "0"))


def _mail(text: str) -> str:
    joined = re.sub(r" ?[(\[{] ?at ?[)\]}] ?| at ", "@", text)
    return re.sub(r" ?[(\[{] ?(?:dot|titik) ?[)\]}] ?| dot | titik ", ".", joined).replace(" ", "")


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()
