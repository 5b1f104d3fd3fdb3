"""Whose names, numbers and addresses are ours."""

from pathlib import Path

import pytest

from policy.company import Company, read_company
from policy.reading import PolicyError

COMPANY = Company(
    names=("Warung Senja",),
    hotlines=("1500-787", "+62 21 5550 1787"),
    emails=("halo@mitra.example",),
    domains=("https://www.warungsenja.example/",),
    handles=("@warungsenja", "senja@sosial.example"),
)


def cut(text: str, spans: list[tuple[int, int]]) -> list[str]:
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    "handle", ["@warungsenja", "WarungSenja", "https://x.com/warungsenja", "@senja@sosial.example"]
)
def test_our_handles_are_ours_however_written(handle: str) -> None:
    assert COMPANY.owns_handle(handle)


@pytest.mark.parametrize("handle", ["", "@warungsenja@elsewhere.example", "@senja", "warung.senja"])
def test_other_handles_are_not(handle: str) -> None:
    assert not COMPANY.owns_handle(handle)


@pytest.mark.parametrize("email", ["halo@mitra.example", "CS@warungsenja.example", "<a@mail.warungsenja.example>"])
def test_mail_at_our_domains_is_ours(email: str) -> None:
    assert COMPANY.owns_email(email)


@pytest.mark.parametrize("email", ["x@mitra.example", "a@notwarungsenja.example", "warungsenja.example", ""])
def test_other_mail_is_not(email: str) -> None:
    assert not COMPANY.owns_email(email)


@pytest.mark.parametrize("phone", ["1500787", "1500 787", "021-55501787", "+62 (0)21 5550 1787", "0062 21 5550 1787"])
def test_our_numbers_are_ours_with_either_prefix(phone: str) -> None:
    assert COMPANY.owns_phone(phone)


@pytest.mark.parametrize("phone", ["", "-", "0215550178", "081234567890"])
def test_other_numbers_are_not(phone: str) -> None:
    assert not COMPANY.owns_phone(phone)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("WARUNG SENJA parah", ["WARUNG SENJA"]),
        ("kecewa sama warungsenja-nya", ["warungsenja"]),
        ("warung-senjanya tutup", ["warung-senja"]),
        ("halo @WarungSenja dan @orang", ["@WarungSenja"]),
        ("lihat warungsenja.example/menu", ["warungsenja.example"]),
        ("tulis ke halo@mitra.example ya 🙏 Warung  Senja", ["halo@mitra.example", "Warung  Senja"]),
        ("warung pojok saat senja", []),
        ("@warungsenja@lain.example bukan kami", []),
        ("senjakala", []),
    ],
)
def test_a_text_names_us_where_it_does(text: str, named: list[str]) -> None:
    assert cut(text, COMPANY.names_us(text)) == named


def test_a_company_without_names_is_named_nowhere() -> None:
    assert Company().names_us("Warung Senja") == []


def test_a_company_file_may_be_written_as_people_write(tmp_path: Path) -> None:
    file = tmp_path / "company.yaml"
    file.write_text(
        "name: Toko Uji\nhotline: 021500123\nphones: ['1500-11']\nhandle: {x: '@tokouji', instagram: tokouji.id}\n"
        "e_mail: cs@tokouji.example\nfounded: 1999\nprivate_contact: lewat DM\n"
    )

    company = read_company(file)

    assert company.name == "Toko Uji"
    assert company.hotlines == ("021500123", "1500-11")
    assert company.handles == ("@tokouji", "tokouji.id")
    assert company.owns_email("cs@tokouji.example")
    assert company.contact("en") == "lewat DM"


def test_a_company_file_may_be_json(tmp_path: Path) -> None:
    file = tmp_path / "company.json"
    file.write_text('{"names": ["Toko Uji"], "domains": "tokouji.example"}')

    assert read_company(file).owns_email("a@tokouji.example")


@pytest.mark.parametrize("data", ["Toko Uji", ["Toko Uji"], {"company": {"name": "Toko Uji"}}, {"brand": "Toko Uji"}])
def test_a_story_may_name_its_company_shortly(data: object) -> None:
    assert Company.model_validate(data).names == ("Toko Uji",)


def test_an_unusable_company_file_says_where(tmp_path: Path) -> None:
    file = tmp_path / "company.yaml"
    file.write_text("names: [A]\nprivate_contact:\n  id: [a, b]\n")

    with pytest.raises(PolicyError, match=r"company\.yaml:3: `private_contact\.id`"):
        read_company(file)


@pytest.mark.parametrize(
    ("text", "invites"),
    [
        ("Mohon maaf. Silakan kirim pesan langsung kepada kami.", True),
        ("Please send us a direct message.", True),
        ("Boleh DM nomor pesanannya, Kak?", True),
        ("Hubungi 1500 787 kapan saja.", True),
        ("Tulis ke halo@mitra.example, ya.", True),
        ("Mohon maaf, paket Anda sedang kami cek.", False),
        ("Nomor pesanan 12345678 sedang kami cek.", False),
        ("Surat dari orang@lain.example sudah kami baca.", False),
    ],
)
def test_a_text_invites_to_a_private_talk_or_not(text: str, invites: bool) -> None:
    assert COMPANY.invites_private(text) is invites
