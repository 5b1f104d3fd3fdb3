"""What we say is held against what we said before, and against the incident's statement."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.company import Company
from policy.guard import DraftText, EarlierText, check, read_guardrails
from policy.guard.checking import prepare
from policy.guard.claims import claims_of
from policy.guard.consistency import changed
from policy.guard.folding import fold
from policy.loading import SHIPPED

RAILS = read_guardrails(SHIPPED / "guardrails")


@pytest.fixture(scope="module", autouse=True)
def prepared() -> None:
    """Nothing is left to compile in the first example, which has its deadline as every other."""
    prepare(RAILS, Company())


def contradictions(text: str, *earlier: str | EarlierText, **more):
    said = [one if isinstance(one, EarlierText) else EarlierText("reply of 3 August", one) for one in earlier]
    found = check(DraftText(text, earlier=said, **more), RAILS, Company())
    return [finding for finding in found if finding.rule == "contradiction"]


@pytest.mark.parametrize(
    ("before", "now", "quote"),
    [
        ("Refund Rp750.000 kami proses.", "Refund Anda sebesar Rp700.000 sedang berjalan.", "Rp700.000"),
        ("Refund Rp1,2 juta kami proses.", "Dana Rp120.000 kembali ke rekening Anda.", "Rp120.000"),
        ("Dana kembali dalam 3 hari kerja.", "Refund masuk paling lambat 7 hari kerja.", "7 hari kerja"),
        ("Your refund takes 2x24 hours.", "Your refund takes five days.", "five days"),
        ("Paket tiba 3 Agustus 2026.", "Paket Anda tiba 5 Agustus 2026.", "5 Agustus 2026"),
        ("Your parcel arrives on August 3.", "Your parcel arrives on 4 August 2026.", "4 August 2026"),
        ("Layanan pulih pukul 17.00.", "Layanan pulih pukul 21.30.", "pukul 21.30"),
        ("Layanan pulih pukul 17.00 WIB.", "Layanan pulih pukul 21.30 WIB.", "pukul 21.30"),
        ("Our app is back online by 17:00 WIB (UTC+7).", "Our app is back online by 21:30 WIB (UTC+7).", "21:30"),
        (
            "Kami sudah menyetujui refund Anda.",
            "Mohon maaf, kami tidak dapat mengembalikan dana Anda.",
            "mengembalikan dana",
        ),
        ("We will refund your order.", "We cannot refund your order.", "refund"),
        (
            "Gangguan disebabkan oleh pemeliharaan server.",
            "Gangguan itu akibat listrik padam di pusat data.",
            "akibat listrik padam di pusat data",
        ),
    ],
)
def test_another_value_for_the_same_thing_warns_and_names_both(before: str, now: str, quote: str) -> None:
    (finding,) = contradictions(now, before)
    assert finding.level == "warn"
    assert finding.quote == quote
    assert "reply of 3 August" in finding.message


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("Refund Rp750.000 kami proses.", "Refund IDR 750,000 sudah kami kirim."),
        ("Dana kembali dalam 2x24 jam.", "Refund Anda masuk dalam 48 jam."),
        ("Paket tiba 3 Agustus.", "Paket tiba 3/8/2026."),
        ("Layanan pulih pukul 17.00.", "Layanan pulih 3 Agustus 2026 pukul 17.00 WIB."),
        ("Refund Rp750.000 kami proses.", "Ongkos kirim Rp20.000 juga kami kembalikan."),
        ("Kami kabari dalam 1 hari kerja.", "Refund masuk dalam 3 hari kerja."),
        ("Gangguan karena listrik padam.", "Gangguan disebabkan listrik yang padam di gudang."),
        ("Layanan masih terganggu.", "Layanan sudah pulih. Terima kasih sudah menunggu."),
        ("Kami belum tahu penyebabnya.", "Gangguan ini akibat listrik padam."),
        ("Kami jawab hari ini.", "Kami jawab besok."),
    ],
)
def test_the_same_fact_in_other_words_or_another_matter_is_no_contradiction(before: str, now: str) -> None:
    assert contradictions(now, before) == []


def test_a_change_that_names_the_old_value_explains_itself() -> None:
    now = "Kami sempat menyebut refund 3 hari kerja; maaf, refund ini butuh 7 hari kerja karena libur bank."
    before = "Refund masuk dalam 3 hari kerja."
    assert contradictions(now, before) == []
    (change,) = changed(now, [EarlierText("TG-1042", before)], even_explained=True)
    assert (change.old, change.new, change.where) == ("3 hari kerja", "7 hari kerja", "TG-1042")


def test_only_the_newest_earlier_word_counts() -> None:
    assert contradictions("Refund 7 hari kerja.", "Refund 3 hari kerja.", "Refund 7 hari kerja.") == []


def test_another_customers_refund_is_no_contradiction_but_another_compensation_is() -> None:
    def said(text: str) -> EarlierText:
        return EarlierText("reply in TG-1003", text, others=True)

    assert contradictions("Refund Rp700.000 kami proses.", said("Refund Rp50.000 kami proses.")) == []
    (finding,) = contradictions("Kompensasi Rp25.000 untuk Anda.", said("Kompensasi Rp50.000 untuk Anda."))
    assert "reply in TG-1003: “Rp50.000”" in finding.message


def test_the_statement_still_blocks() -> None:
    (finding,) = contradictions("Ini akibat rem blong.", statement="Penyebabnya belum diketahui.")
    assert finding.level == "block"


@given(st.text(max_size=400), st.text(max_size=400))
def test_whatever_was_said_the_reading_ends_and_spans_lie_in_the_text(before: str, now: str) -> None:
    for finding in contradictions(now, before):
        assert 0 <= finding.start < finding.end <= len(now)


@given(st.lists(st.sampled_from(["refund ", "Rp1.000", "3 hari ", "akibat ", "x", " ", ". "]), max_size=60))
def test_claims_stand_in_the_order_of_the_text(pieces: list[str]) -> None:
    claims = claims_of(fold("".join(pieces)))
    assert [claim.start for claim in claims] == sorted(claim.start for claim in claims)
