"""What the board covers of a customer's words, and what it leaves."""

import pytest

from policy.company import Company
from policy.masking import COVER, mask

OURS = Company(names=("Warung Senja",), hotlines=("1500-787", "+62 21 5550 1787"), emails=("halo@senja.example",))


@pytest.mark.parametrize(
    "secret",
    [
        "rani@contoh.example",
        "rani.w+belanja @ contoh.co.id",
        "081234567890",
        "0812-3456-7890",
        "+62 812 3456 7890",
        "(021) 7654 3210",
        "3174012304900001",
        "4111 1111 1111 1111",
        "3174.0123.0490.0001",
        "/t/gM3mV0x9aB-cD_eF12345678",
    ],
)
def test_personal_data_is_covered(secret: str) -> None:
    said = mask(f"Tolong hubungi {secret} ya", OURS)

    assert COVER in said
    assert secret not in said
    assert said.startswith("Tolong hubungi ")
    assert said.endswith(" ya")


@pytest.mark.parametrize(
    "said",
    [
        "Saya bayar Rp 1.500.000.000 pada 2026-07-01 pukul 10.30",
        "Tanggal 01/07/2026 sampai 15/07/2026 tidak ada kabar",
        "Hubungi 1500-787 atau +62 21 5550 1787",
        "Saya sudah menulis ke halo@senja.example",
        "TG-1042 dan pesanan 88412",
        "Harganya 12.500 untuk 3 porsi, datang jam 19.45",
    ],
)
def test_what_is_nobodys_stays(said: str) -> None:
    assert mask(said, OURS) == said


def test_the_authors_name_is_covered_in_any_case() -> None:
    assert mask("Salam, RANI WULANDARI.", OURS, ["Rani Wulandari"]) == f"Salam, {COVER}."


def test_a_name_of_two_letters_covers_nothing() -> None:
    assert mask("ini di sini", OURS, ["Di"]) == "ini di sini"


def test_a_long_run_of_digits_takes_no_time() -> None:
    mask("1 " * 50_000 + "x@" * 20_000, OURS)
