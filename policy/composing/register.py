"""How a customer speaks to us, so that we answer alike: formally (Bapak/Ibu), plainly (Anda) or as friends do (Kak)."""

import re
from collections.abc import Collection, Iterable

from db.words import Risk
from policy.composing.case import Register

_READ = 4_000
"""Characters of a text; by then everybody has shown how they speak."""
_CASUAL_WORDS = """
kak kakak ka min mimin admin gan agan sis bro bang gue gua gw gwe ane lu lo elu loe ente guys
"""
_CASUAL_HINTS = """
dong donk sih nih kok deh ya yaa yah banget bgt gak ga gk nggak ngga enggak udah udh aja doang gimana gmn kenapa knp
emang kayak kyk gitu gini makasih mksh wkwk wkwkwk anjir woy woi plis please cuma nyampe
"""
_FORMAL_WORDS = """
saudara yth bapak ibu perihal hormat hormatnya dimohon perkenan berkenan
"""
_FORMAL_HINTS = """
mohon dengan demikian atas perhatian perhatiannya terima kasih adapun sehubungan tersebut merupakan telah terlampir
kiranya oleh karenanya menyampaikan bermaksud tanggapan konfirmasi redaksi
"""
_CASUAL, _FORMAL = (
    {word: weight for weight, words in ((1, hints), (2, told)) for word in words.split()}
    for told, hints in ((_CASUAL_WORDS, _CASUAL_HINTS), (_FORMAL_WORDS, _FORMAL_HINTS))
)
_CASUAL_FROM, _FORMAL_FROM = 2, 4
_WORD = re.compile(r"[a-z]+")
_NEVER_CASUAL = frozenset(
    (
        Risk.INJURY, Risk.DISTRESS, Risk.MEDIA, Risk.REGULATOR, Risk.LEGAL_THREAT, Risk.DISCRIMINATION, Risk.PRIVACY,
        Risk.FRAUD,
    )
)  # fmt: skip
_ALWAYS_FORMAL = frozenset((Risk.MEDIA, Risk.REGULATOR))


def register_of(texts: Iterable[str], risks: Collection[Risk] = ()) -> Register:
    """How to speak to whoever wrote this.

    The press and authorities are spoken to formally, and nobody who was hurt, cheated or threatens a court is called
    Kak.
    """
    if not _ALWAYS_FORMAL.isdisjoint(risks):
        return Register.FORMAL
    said = {word for text in texts for word in _WORD.findall(text[:_READ].lower())}
    casual, formal = (sum(marks.get(word, 0) for word in said) for marks in (_CASUAL, _FORMAL))
    if formal >= _FORMAL_FROM and formal > casual:
        return Register.FORMAL
    if casual >= _CASUAL_FROM and casual > formal:
        return Register.NEUTRAL if not _NEVER_CASUAL.isdisjoint(risks) else Register.CASUAL
    return Register.NEUTRAL
