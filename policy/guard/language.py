"""Which language a reply is written in: Indonesian, English, or a mixture; None where too little can be read."""

import re

_WORD = re.compile(r"[a-z']+")
# The commonest words that the other language does not have.
_ID = frozenset(
    "yang dan di ke dari untuk dengan ini itu kami anda tidak sudah akan belum bisa dapat atas oleh pada juga atau "
    "karena maaf mohon terima kasih silakan silahkan tim pesanan halo hai kak bapak ibu saya kita telah sedang agar "
    "jika kalau bila apabila segera lagi masih bukan adalah dalam kepada tersebut seperti nomor harap hubungi lewat "
    "melalui yg gak nggak tdk sdh ga dgn utk dr aja nih dong banget gue lu kamu mereka kenapa gimana bagaimana hari "
    "jam barang uang rusak keluhan baik cepat semua ada apa mau jadi tolong saudara pelanggan menuntut laporkan "
    "unggahan ulasan hapus polisi hukum".split()
)
_EN = frozenset(
    "the and to of for with this that we you your our is are was were not have has had will be been can cannot on in "
    "at by from it its as if or but so please sorry thank thanks team order us they them what why when how my me i "
    "would could should may do does did an any all no still about which there hello dear hear report would've i'm "
    "we're we'll we've you're don't can't didn't it's regret apologise apologize".split()
)


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
