"""Words as people write them, patterns over them, and what negation, quotation and other words do to a finding."""

import pytest

from policy.assess.finding import Finder
from policy.assess.language import language_of
from policy.assess.lexicon import read_lexicon
from policy.assess.normalise import TOKENS, Normaliser
from tests.unit.assessing import assess, shipped, written


@pytest.fixture(scope="module")
def normaliser():
    return Normaliser(
        shipped().spelling, {"lama", "bagus", "kurir", "error", "masalah", "masa", "kata", "good", "customer", "buruk"}
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("gk", ["tidak"]),
        ("GAAAK", ["tidak"]),
        ("bgt", ["banget"]),
        ("yg", ["yang"]),
        ("blm", ["belum"]),
        ("udh", ["sudah"]),
        ("gue", ["saya"]),
        ("lu", ["kalian"]),
        ("lamaaaa", ["lama"]),
        ("gooood", ["good"]),
        ("b4gus", ["bagus"]),
        ("b*go", ["bego"]),
        ("f**k", ["fuck"]),
        ("gabisa", ["tidak", "bisa"]),
        ("don't", ["do", "not"]),
        ("can’t", ["can", "not"]),
        ("ｅｒｒｏｒ", ["error"]),
        ("𝗹𝗮𝗺𝗮", ["lama"]),
        ("ku\u200brir", ["kurir"]),
        ("lagi2", ["lagi-lagi"]),
        ("#KurirBuruk", ["kurir", "buruk"]),
        ("masalah", ["masalah"]),
    ],
)
def test_a_word_is_what_it_is_meant_to_be(normaliser, written, meant):
    words = [word for match in TOKENS.finditer(written) for word in normaliser.words(match.lastgroup, match.group())]

    assert [word.forms[0] for word in words if word.forms] == meant


def test_a_word_also_answers_to_its_bare_form(normaliser):
    assert "kurir" in normaliser.words("word", "kurirnya")[0].forms


def test_a_word_that_is_one_is_not_cut(normaliser):
    assert normaliser.words("word", "masalah")[0].forms == ("masalah",)


def found(tmp_path, phrase, text, **entry):
    finder = Finder(
        read_lexicon(written(tmp_path, [{"name": "x", "gives": {"breach": 2.0}, "phrases": [phrase], **entry}]))
    )
    reading = finder.read(text)
    return [text[slice(*reading.span(hit.first, hit.last))] for hit in reading.hits]


@pytest.mark.parametrize(
    ("phrase", "text", "quotes"),
    [
        ("belum (juga)? (sampai|datang)", "pkt blm jg nyampe, lalu belum datang", ["blm jg nyampe", "belum datang"]),
        ("kecewa*", "sangat kecewaa, mengecewakan", ["kecewaa"]),
        ("saldo ~2 hilang", "saldo saya kok ilang", ["saldo saya kok ilang"]),
        ("saldo ~2 hilang", "saldo saya yang lama itu hilang", []),
        ("saldo ~2 hilang", "saldo aman. dompet hilang", []),
        ("saldo ~2 hilang", "saldo, dompet hilang", []),
        ("saldo ~2 hilang", "saldo tidak hilang", []),
        ("^ kapan", "kapan? sejak kapan", ["kapan"]),
        ("<money> hilang", "Rp 1.200.000 hilang, 750rb hilang", ["Rp 1.200.000 hilang", "750rb hilang"]),
        ("lapor <times>", "lapor 3x, lapor 5 kali", ["lapor 3x"]),
        ("apa <question>", "apa?", ["apa?"]),
    ],
)
def test_patterns(tmp_path, phrase, text, quotes):
    assert found(tmp_path, phrase, text) == quotes


@pytest.mark.parametrize(
    ("text", "stands"),
    [
        ("kecewa", True),
        ("tidak kecewa", False),
        ("gak terlalu kecewa", False),
        ("tidak bisa, kecewa", True),
        ("tidak hanya kecewa", True),
        ("not at all kecewa", False),
    ],
)
def test_a_negation_cancels_what_follows_it(tmp_path, text, stands):
    assert bool(found(tmp_path, "kecewa", text)) is stands


def test_a_negation_that_belongs_to_another_finding_negates_nothing_else(tmp_path):
    entries = [
        {"name": "login", "gives": {"breach": 2.0}, "phrases": ["tidak bisa"]},
        {"name": "rude", "gives": {"breach": 2.0}, "phrases": ["kasar"]},
    ]
    finder = Finder(read_lexicon(written(tmp_path, entries)))

    assert len(finder.read("tidak bisa sekali kasar").hits) == 2


def test_an_entry_hides_what_its_words_would_tell_otherwise(tmp_path):
    entries = [
        {"name": "hurt", "gives": {"risk.injury": 3.0}, "phrases": ["sakit"]},
        {"name": "not_hurt", "hides": ["risk.injury"], "phrases": ["sakit hati"]},
    ]
    finder = Finder(read_lexicon(written(tmp_path, entries)))

    def names(text):
        return {finder.entries[hit.entry].name for hit in finder.read(text).hits}

    assert names("sakit hati") == {"not_hurt"}
    assert names("sakit hati dan sakit perut") == {"not_hurt", "hurt"}


def test_somebody_elses_words_count_less(tmp_path):
    finder = Finder(read_lexicon(written(tmp_path, [{"name": "x", "gives": {"breach": 2.0}, "phrases": ["parah"]}])))

    assert finder.read('kata teman saya "parah" tapi saya tidak setuju sama sekali').hits[0].factor < 1
    assert finder.read('"parah"').hits[0].factor == 1


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("paket saya belum sampai juga nih", "id"),
        ("pesenan gue kok blm dikirim2 sih", "id"),
        ("my order has not arrived yet", "en"),
        ("order cancel refund error", "id"),
        ("I already paid but sampai sekarang barangnya belum dikirim", "mixed"),
        ("この商品は壊れています", "ja"),
        ("خدمة سيئة جدا", "ar"),
        ("товар пришёл сломанным", "ru"),
        ("el pedido no llegó, quiero mi dinero porque está roto", "es"),
        ("aku wis ngenteni telung dina nanging barange durung teka, piye iki", "jv"),
        ("👍👍", "id"),
    ],
)
def test_the_language_of_a_text(text, language):
    assert assess(text).language == language


def test_no_sign_of_a_language_is_no_certainty():
    assert language_of({}, "123")[1] < 0.5
