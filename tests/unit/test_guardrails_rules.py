"""The rules as files, their own examples, and what the checks know of a draft's surroundings."""

import time
from pathlib import Path

import pytest

from db.words import Kind, Visibility
from policy.company import read_company
from policy.guard import RULE_NAMES, DraftText, check, check_examples, length_on, read_guardrails, worded, worst
from policy.reading import PolicyError

POLICY = Path(__file__).resolve().parents[2] / "policy"
RAILS = read_guardrails(POLICY / "guardrails")
COMPANY = read_company(POLICY / "company.yaml")


class Limit:
    hard_limit = 280
    comfortable_limit = 240


def rules(draft: DraftText) -> set[str]:
    return {found.rule for found in check(draft, RAILS, COMPANY, {"x": Limit()})}


def test_every_example_of_every_rule_is_judged_as_its_file_says() -> None:
    assert check_examples(RAILS) == []


def test_an_example_that_is_judged_otherwise_is_named_with_its_line(tmp_path: Path) -> None:
    for file in (POLICY / "guardrails").glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    insult = (tmp_path / "insult.yaml").read_text()
    (tmp_path / "insult.yaml").write_text(insult.replace("    - Anda bodoh sekali.", "    - Anda baik sekali."))

    problems = check_examples(read_guardrails(tmp_path))

    assert [(p.file.name, "Anda baik sekali" in p.message) for p in problems] == [("insult.yaml", True)]
    assert "Anda baik" in (tmp_path / "insult.yaml").read_text().splitlines()[problems[0].line - 1]


def test_a_missing_file_and_a_broken_pattern_are_both_named(tmp_path: Path) -> None:
    for file in (POLICY / "guardrails").glob("*.yaml"):
        if file.stem != "link":
            (tmp_path / file.name).write_text(file.read_text())
    insult = (tmp_path / "insult.yaml").read_text()
    (tmp_path / "insult.yaml").write_text(insult.replace("spare:\n", "spare:\n  - '(open'\n", 1))

    with pytest.raises(PolicyError) as refused:
        read_guardrails(tmp_path)

    assert {problem.file.stem for problem in refused.value.problems} == {"link", "insult"}


def test_every_rule_of_the_contract_has_a_file() -> None:
    assert tuple(rule.rule for rule in RAILS.rules) == RULE_NAMES


def test_the_worst_level_wins() -> None:
    assert worst(check(DraftText("Halo, kami sedang mengecek."), RAILS, COMPANY)) == "pass"
    assert worst(check(DraftText("Kami jamin beres."), RAILS, COMPANY)) == "warn"
    assert worst(check(DraftText("Kami jamin beres, atau somasi."), RAILS, COMPANY)) == "block"


@pytest.mark.parametrize(
    ("text", "said"), [("Kami akan kirim somasi kepada Anda.", "ancaman"), ("We will sue you for this.", "threat")]
)
def test_findings_speak_the_drafts_language(text: str, said: str) -> None:
    assert said in check(DraftText(text), RAILS, COMPANY)[0].message


@pytest.mark.parametrize(("reader", "said"), [("id", "ancaman"), ("en", "threat")])
def test_findings_are_worded_for_who_reads_them_at_once_and_later(reader, said) -> None:
    found = check(DraftText("Kami akan kirim somasi kepada Anda."), RAILS, COMPANY, reader=reader)[0]

    assert said in found.message
    assert worded(found.rule, found.what, RAILS, reader) == (found.message, found.suggestion)
    assert "tanggap legal-road" in found.suggestion


@pytest.mark.parametrize(
    ("text", "complaint", "found"),
    [
        ("Kami hubungi 0812 3456 7890.", "hp saya +62 812-3456-7890", False),
        ("Kami hubungi 0812 3456 7891.", "hp saya +62 812-3456-7890", True),
        ("Rekening BCA 1234567890 sudah kami catat.", "rek bca 1234567890", False),
        ("Kartu 4111-1111-1111-1111 aman.", "kartu 4111111111111111", True),
        ("Kode OTP 482913.", "otp saya 482913", True),
        ("Kata sandi Anda: Rahasia123!", "sandi saya Rahasia123!", True),
        ("NIK 3174051203900004 cocok.", "nik 3174051203900004", False),
        ("Nomor HP Anda 0812 3456 7890 kami simpan.", None, False),
    ],
)
def test_the_customers_own_data_may_stand_in_private(text: str, complaint: str | None, found: bool) -> None:
    private = DraftText(text, visibility=Visibility.PRIVATE, complaint=complaint)

    assert ("pii" in rules(private)) is found
    assert "pii" in rules(DraftText(text, complaint=complaint))


def test_what_the_company_owns_is_no_personal_data() -> None:
    for owned in (*COMPANY.emails, *COMPANY.hotlines, *COMPANY.addresses):
        assert "pii" not in rules(DraftText(f"Hubungi atau datangi kami di {owned}."))


STATEMENT = "Pesawat NA712 tergelincir pukul 19.20 WIB. Tiga penumpang luka. Penyebabnya masih kami periksa."


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Pesawat tergelincir karena rem blong.", True),
        ("The plane skidded due to brake failure.", True),
        ("Lima penumpang luka.", True),
        ("Tidak ada penumpang luka.", True),
        ("Pesawat NA721 tergelincir.", True),
        ("Kejadian pukul 20.10.", True),
        ("Kejadian pukul 20.10 WIB.", True),
        ("Kejadian pukul 19.20 WIB. Kabar berikutnya pukul 21.00 WIB.", False),
        ("Tiga penumpang luka dan penyebabnya masih diperiksa.", False),
        ("Kami belum tahu apakah ini karena rem.", False),
        ("Kami mohon maaf karena telepon kami sibuk.", False),
        ("Pesawat NA712, pukul 19.20. Seorang petugas menemani Anda.", False),
        (STATEMENT, False),
    ],
)
def test_a_draft_does_not_say_otherwise_than_the_statement(text: str, found: bool) -> None:
    assert ("contradiction" in rules(DraftText(text, statement=STATEMENT))) is found


def test_rules_on_tone_are_for_answers_to_complaints() -> None:
    text = "Toko kami buka pukul 09.00."

    assert {"no_apology", "no_private_offer"} <= rules(DraftText(text, complaint="paket belum sampai"))
    assert not {"no_apology", "no_private_offer"} & rules(DraftText(text, complaint="jam buka?", kind=Kind.QUESTION))
    assert "no_private_offer" not in rules(DraftText(text, complaint="paket", visibility=Visibility.PRIVATE))


def test_over_the_hard_limit_is_a_block_and_over_the_comfortable_one_a_warning() -> None:
    levels = {
        length: [found.level for found in check(DraftText("a" * length, channel="x"), RAILS, COMPANY, {"x": Limit()})]
        for length in (240, 241, 280, 281)
    }

    assert levels == {240: [], 241: ["warn"], 280: ["warn"], 281: ["block"]}


@pytest.mark.parametrize(
    ("channel", "text", "length"),
    [
        ("x", "halo", 4),
        ("x", "https://contoh.example/" + "a" * 200, 23),
        ("x", "日本", 4),
        ("x", "👍🏽", 2),
        ("x", "👨‍👩‍👧", 2),
        ("mastodon", "lihat https://contoh.example/" + "a" * 200, 29),
        ("bluesky", "👨‍👩‍👧", 1),
        ("facebook", "👍🏽", 2),
    ],
)
def test_a_platform_counts_in_its_own_measure(channel: str, text: str, length: int) -> None:
    assert length_on(channel, text) == length


@pytest.mark.parametrize("piece", ["kalau puas ", "a", "0 ", "8 1 2 3 ", "{", "x1", "s.o.", "jalur hukum ", "jl a "])
def test_a_hundred_thousand_characters_are_read_in_little_time(piece: str) -> None:
    draft = DraftText((piece * 100_000)[:100_000], complaint="x", facts=("y",), statement=STATEMENT)

    began = time.process_time()
    check(draft, RAILS, COMPANY)

    assert time.process_time() - began < 3
