"""The words that no new wording may bring in, and those that any wording may use."""

_DENYING = """
tidak tak belum bukan jangan tanpa takkan nggak gak ga enggak ndak tdk blm bkn
no not never none nothing nobody cannot can't don't doesn't didn't won't isn't aren't wasn't weren't haven't hasn't
hadn't couldn't wouldn't shouldn't unable without neither nor yet
"""
DENYING = frozenset(_DENYING.split())
"""A sentence that denies says the opposite of one that does not."""

_OFFERS = """
refund kembali ganti kompensasi voucher kupon diskon promo gratis bonus hadiah cashback bayar tanggung
compensat reimburs replac free gift discount coupon credit pay paid bill
"""
_PROMISES = "jamin pasti janji komit sumpah guarantee promise ensure assur certain definite commit"
_TIMES = """
segera secepat besok lusa nanti kemarin hari malam pagi siang sore minggu bulan tahun jam menit
today tomorrow tonight yesterday soon immediate shortly prompt quick asap instant moment week month year hour minute day
"""
_FINDINGS = """
selesai beres tuntas terbukti rusak salah lalai curang tipu sebab akibat karena
resolv fixed solv settl fault guilt liab negligen mistake error blame cause due proven confirm
"""
_POWERS = """
hukum polisi pengacara somasi pidana tuntut lapor gugat uu ite direktur ceo manajer pimpinan pusat kantor
law police sue court legal manager director head office
"""
_POSTS = "hapus ubah edit cabut unggah postingan ulasan bintang rating delete remov review star"
_REFUSALS = """
tolak abai batal tutup blokir pecat larang wajib harus ancam
refus reject ignor cancel clos block dismiss forbid must threat
"""
_REGRETS = "maaf sesal sorry apolog regret"
CLAIMING = tuple(f"{_OFFERS} {_PROMISES} {_TIMES} {_FINDINGS} {_POWERS} {_POSTS} {_REFUSALS} {_REGRETS}".split())
"""Stems of what a company is held to: offers, promises, times, findings, threats, what shall happen to a post."""

_OPENING = """
kami kak kakak halo hai selamat terima terimakasih mohon maaf silakan silahkan untuk jika bila kalau apabila agar
supaya saat sambil sementara dengan atas tim tentang soal terkait mengenai adapun juga dan atau namun tetapi tapi
begitu setelah sebelum sampai anda bapak ibu salam kita sekarang kini mulai biar boleh yuk semoga demi bisakah
hi hello dear we our thank thanks please sorry if when while to for as in on at the this that your you it once until
meanwhile and but so with about regarding also before after let i us there here now could would can may just feel from
a an my truly
"""
OPENING = frozenset(_OPENING.split())
"""What a sentence may begin with although ours do not have it."""

ADDRESSING = frozenset(("kak", "kakak", "anda", "bapak", "ibu", "pak", "bu", "i", "kami"))
"""What is written with a capital letter without being a name."""
