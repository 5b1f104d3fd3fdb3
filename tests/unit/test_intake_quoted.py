"""A customer's new words apart from the mail that they answer."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.intake.quoted import without_quoted

NEW = "Belum ada kabar.\nKapan?"


@pytest.mark.parametrize(
    "answered",
    [
        "On Mon, 2 Mar 2026 at 09:00, CS Toko <cs@x.example> wrote:\n> Apakah sudah?\n>\n> Salam",
        "On Mon, 2 Mar 2026 at 09:00, CS Toko Kita Sejahtera\n<cs@x.example> wrote:\n\n> Apakah sudah?",
        "Pada Sen, 2 Mar 2026 pukul 09.00 CS <cs@x.example> menulis:\n\n> Apakah sudah?",
        "Pada tanggal Sen, 2 Mar 2026 pukul 09.00 CS Toko Kita\n<cs@x.example>\nmenulis:\n> Apakah sudah?",
        "On Mon, 2 Mar 2026 at 09:00, CS <cs@x.example> wrote:\n\nApakah sudah?\nSalam",
        "CS Toko <cs@x.example> menulis:\n> Apakah sudah?",
        "-----Original Message-----\nFrom: CS\nApakah sudah?",
        "----- Pesan Asli -----\nDari: CS\nApakah sudah?",
        "________________________________\nFrom: CS <cs@x.example>\nSent: Monday, 2 March 2026 09:00\n"
        "To: Mira\nSubject: RE: Tas\n\nApakah sudah?",
        "Dari: CS <cs@x.example>\nDikirim: Senin, 2 Maret 2026 09.00\nKepada: Mira\nSubjek: RE: Tas\n\nApakah sudah?",
        "*From:* CS <cs@x.example>\n*Date:* 2 March 2026\n*Subject:* RE: Tas\n\nApakah sudah?",
        "On Mon, 2 Mar 2026,\nCS <cs@x.example> wrote:\n> Apakah sudah?",
        "> Apakah sudah?\n> Salam",
        "Sent from my iPhone",
        "Dikirim dari iPhone saya",
        "Dikirim dari Yahoo Mail untuk Android",
        "Get Outlook for Android<https://aka.ms/x>",
        "Sent from my Samsung Galaxy\n\nOn 2 Mar 2026 09:00, CS <cs@x.example> wrote:\n> Apakah sudah?",
        "Sent from my iPhone\n\n> On 2 Mar 2026, at 09:00, CS <cs@x.example> wrote:\n> \n> Apakah sudah?",
    ],
)
def test_what_is_answered_is_cut_off(answered: str) -> None:
    assert without_quoted(f"{NEW}\n\n{answered}") == NEW


@pytest.mark.parametrize(
    "text",
    [
        "> Apakah sudah?\nBelum.\n> Kapan?\nKemarin.",
        "> Hanya kutipan",
        "Dia wrote:\nlalu pergi.",
        "CS Anda menulis:\nbarang sampai Senin. Bohong!",
        "Dari: rumah saya\nKe: kantor, paketnya tersesat.",
        "Lihat ini.\n\n---------- Forwarded message ---------\nFrom: Kurir <k@x.example>\nDate: Mon\nSubject: Paket\n\nHilang.",
        "Sent from my house to yours: the parcel is lost",
        "Dikirim dari gudang Bekasi tanggal 3, belum sampai.",
        "On Monday your courier wrote:\nnobody home. I was home.",
        "On Monday 2 March 2026 I paid.\n\nYour <cs@x.example> answer:\nno",
        "Total: Rp 50.000\n-----\nDari: CS",
        "Sent from my iPhone",
        "",
    ],
)
def test_what_the_customer_says_stays(text: str) -> None:
    assert without_quoted(text) == text


@pytest.mark.parametrize("line", ["On a 2026 <a@b> wrote", "From: x", "> ", "-----", "Pada 2026 " * 9, "", " "])
def test_no_text_takes_long(line: str) -> None:
    text = f"{line}\n" * (100_000 // (len(line) + 1))

    started = time.perf_counter()
    without_quoted(text)

    assert time.perf_counter() - started < 5


PIECES = st.sampled_from([*"> \nab:@<>-_", "On ", "wrote:", "Dari: ", "2026", "\n> ", "<a@b.id> menulis:\n"])


@given(st.lists(PIECES, max_size=60).map("".join))
def test_nothing_is_added(text: str) -> None:
    assert text.startswith(without_quoted(text))
