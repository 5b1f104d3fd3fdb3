"""Which language a reply is written in: Indonesian, English, or a mixture; None where too little can be read."""

import re

_WORD = re.compile(r"[a-z']+")
# The commonest words that the other language does not have.
_ID_WORDS = """
ada adalah agar aja akan anda apa apabila atas atau bagaimana baik banget bapak barang belum bila bisa bukan cepat
dalam dan dapat dari dengan dgn di dong dr ga gak gimana gue hai halo hapus harap hari hubungi hukum ibu ini itu
jadi jam jika juga kak kalau kami kamu karena kasih ke keluhan kenapa kepada kita lagi laporkan lewat lu maaf masih
mau melalui menuntut mereka mohon nggak nih nomor oleh pada pelanggan pesanan polisi rusak saudara saya sdh sedang
segera semua seperti silahkan silakan sudah tdk telah terima tersebut tidak tim tolong uang ulasan unggahan untuk
utk yang yg
"""
_EN_WORDS = """
about all an and any apologise apologize are as at be been but by can can't cannot could dear did didn't do does
don't for from had has have hear hello how i i'm if in is it it's its may me my no not of on or order our please
regret report should so sorry still team thank thanks that the them there they this to us was we we'll we're we've
were what when which why will with would would've you you're your
"""
_ID = frozenset(_ID_WORDS.split())
_EN = frozenset(_EN_WORDS.split())


def language_of(text: str) -> str | None:
    """`id`, `en`, `mixed`, or None under three words that tell."""
    words = _WORD.findall(text[:4000].lower())
    indonesian = sum(word in _ID for word in words)
    english = sum(word in _EN for word in words)
    if indonesian + english < 3:
        return None
    if indonesian >= 3 * english:
        return "id"
    if english >= 3 * indonesian:
        return "en"
    return "mixed"
