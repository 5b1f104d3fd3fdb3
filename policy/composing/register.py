"""How a customer speaks to us, so that we answer alike: formally (Bapak/Ibu), plainly (Anda), or as friends do (Kak)."""

import re
from collections.abc import Collection, Iterable

from db.words import Risk
from policy.composing.case import Register

_READ = 4_000
"""Characters of a text; by then everybody has shown how they speak."""
_ENOUGH = 2

_CASUAL: tuple[tuple[int, frozenset[str]], ...] = (
    (
        2,
        frozenset(
            [
                "kak",
                "kakak",
                "ka",
                "min",
                "mimin",
                "admin",
                "gan",
                "agan",
                "sis",
                "bro",
                "bang",
                "gue",
                "gua",
                "gw",
                "gwe",
                "ane",
                "lu",
                "lo",
                "elu",
                "loe",
                "ente",
                "guys",
            ]
        ),
    ),
    (
        1,
        frozenset(
            [
                "dong",
                "donk",
                "sih",
                "nih",
                "kok",
                "deh",
                "ya",
                "yaa",
                "yah",
                "banget",
                "bgt",
                "gak",
                "ga",
                "gk",
                "nggak",
                "ngga",
                "enggak",
                "udah",
                "udh",
                "aja",
                "doang",
                "gimana",
                "gmn",
                "kenapa",
                "knp",
                "emang",
                "kayak",
                "kyk",
                "gitu",
                "gini",
                "makasih",
                "mksh",
                "wkwk",
                "wkwkwk",
                "anjir",
                "woy",
                "woi",
                "plis",
                "please",
                "cuma",
                "nyampe",
            ]
        ),
    ),
)
_FORMAL: tuple[tuple[int, frozenset[str]], ...] = (
    (
        2,
        frozenset(
            ["saudara", "yth", "bapak", "ibu", "perihal", "hormat", "hormatnya", "dimohon", "perkenan", "berkenan"]
        ),
    ),
    (
        1,
        frozenset(
            [
                "mohon",
                "dengan",
                "demikian",
                "atas",
                "perhatian",
                "perhatiannya",
                "terima",
                "kasih",
                "adapun",
                "sehubungan",
                "tersebut",
                "merupakan",
                "telah",
                "terlampir",
                "kiranya",
                "oleh",
                "karenanya",
                "menyampaikan",
                "bermaksud",
                "tanggapan",
                "konfirmasi",
                "redaksi",
            ]
        ),
    ),
)
_FORMAL_FROM = 4
_WORD = re.compile(r"[a-z]+")
_NEVER_CASUAL = frozenset(
    (
        Risk.INJURY, Risk.DISTRESS, Risk.MEDIA, Risk.REGULATOR, Risk.LEGAL_THREAT, Risk.DISCRIMINATION, Risk.PRIVACY,
        Risk.FRAUD,
    )
)  # fmt: skip
_ALWAYS_FORMAL = frozenset((Risk.MEDIA, Risk.REGULATOR))


def register_of(texts: Iterable[str], risks: Collection[Risk] = ()) -> Register:
    """How to speak to whoever wrote this. The press and authorities are spoken to formally, and nobody who was hurt,
    cheated or threatens a court is called Kak."""
    if not _ALWAYS_FORMAL.isdisjoint(risks):
        return Register.FORMAL
    words = [word for text in texts for word in _WORD.findall(text[:_READ].lower())]
    casual, formal = _weight(words, _CASUAL), _weight(words, _FORMAL)
    if formal >= _FORMAL_FROM and formal > casual:
        return Register.FORMAL
    if casual >= _ENOUGH and casual > formal:
        return Register.NEUTRAL if not _NEVER_CASUAL.isdisjoint(risks) else Register.CASUAL
    return Register.NEUTRAL


def _weight(words: Collection[str], marks: Iterable[tuple[int, frozenset[str]]]) -> int:
    """How loudly a text speaks in one register; each word once."""
    said = set(words)
    return sum(weight * len(said & marked) for weight, marked in marks)
