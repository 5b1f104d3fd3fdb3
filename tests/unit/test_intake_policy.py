"""One complaint or two; and the channels' own rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import policy.intake
from db.words import CHANNELS, Visibility
from policy.channels import Channels
from policy.intake import Intake, Likeness, Told, find_numbers, first_number, id_of_its_own, same_thing, similarity
from policy.reading import read_rules

SHIPPED = Path(policy.intake.__file__).parent
RULES = read_rules(SHIPPED / "intake.yaml", Intake)
CHANNEL_RULES = read_rules(SHIPPED / "channels.yaml", Channels)
NOON = datetime(2026, 7, 6, 12, tzinfo=UTC)
TEXT = "paket saya belum datang juga padahal sudah seminggu, tolong dicek"
FIRST = Told(TEXT, "x", NOON, identity="u1")
SAME, MERGE, SUGGEST, NONE = Likeness


def told(**changed: Any) -> Told:
    return replace(FIRST, **changed)


MIRA = {"emails": frozenset({"mira@contoh.example"})}
MAIL = {"channel": "email", "identity": "mira@contoh.example", "emails": frozenset({"Mira@Contoh.example"})}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({}, {"text": TEXT.upper() + "!!"}, SAME),
        ({}, {"text": TEXT.replace("tolong", "mohon"), "at": NOON + timedelta(days=7)}, SAME),
        ({}, {"at": NOON + timedelta(days=8)}, SUGGEST),
        ({}, {"identity": "u2"}, SUGGEST),
        ({}, {"identity": "u2", "account": "other"}, SUGGEST),
        ({}, {"text": "jam buka cabang Bandung berapa ya kak?"}, NONE),
        ({"text": "halo"}, {"text": "Halo!"}, SAME),
        ({"text": "halo"}, {"text": "halo", "identity": "u2"}, NONE),
        ({"text": TEXT + " INV-1001"}, {"text": TEXT + " INV-2002"}, NONE),
        (MIRA, MAIL, MERGE),
        (MIRA, MAIL | {"at": NOON - timedelta(days=31)}, SUGGEST),
        (
            MIRA | {"text": "pesanan INV-20260701-88 mana?"},
            MAIL | {"text": "Yth. CS, mohon cek inv/20260701/88."},
            MERGE,
        ),
        (MIRA | {"text": "pesanan INV-20260701-88 mana?"}, MAIL | {"text": "Barang saya rusak."}, NONE),
        (MIRA | {"text": TEXT + " INV-1001"}, MAIL | {"text": TEXT + " INV-2002"}, NONE),
        (MIRA | {"text": "halo kak"}, MAIL | {"text": "halo kak"}, NONE),
        (
            {"text": "pesanan INV-20260701-88 mana?"},
            {"text": "INV-20260701-88 punya tetangga saya", "identity": "u2"},
            SUGGEST,
        ),
        (
            {"phones": frozenset({"+62 812-3456-789"})},
            {"channel": "whatsapp", "phones": frozenset({"08123456789"})},
            MERGE,
        ),
        ({"customer_numbers": frozenset({"C-77"})}, {"channel": "web", "customer_numbers": frozenset({"C-77"})}, MERGE),
        ({"phones": frozenset({"-"})}, {"channel": "whatsapp", "phones": frozenset({""})}, SUGGEST),
        ({"identity": None}, {"identity": None}, SUGGEST),
    ],
)
def test_two_messages_are_one_complaint_or_not(
    first: dict[str, Any], second: dict[str, Any], expected: Likeness
) -> None:
    one, other = told(**first), told(**second)

    assert same_thing(one, other, RULES).likeness is expected
    assert same_thing(other, one, RULES) == same_thing(one, other, RULES)


@given(st.text(max_size=80), st.text(max_size=80), st.sampled_from(["x", "email"]), st.sampled_from(["x", "email"]))
def test_a_number_or_a_text_alone_never_merges_two_people(text: str, more: str, one: str, other: str) -> None:
    first = Told(f"{text} INV-20260701-88 {more}", one, NOON, identity="u1")
    second = Told(f"{more} INV-20260701-88 {text}", other, NOON, identity="u2")

    assert same_thing(first, second, RULES).likeness not in (SAME, MERGE)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("kak pesanan saya INV-20260701-88 belum sampai padahal estimasi 3 hari", {"INV2026070188"}),
        ("no. resi: JP1234567890 tidak bergerak", {"JP1234567890"}),
        ("INV/2026/07/0001 dan TG-1042", {"INV2026070001", "TG1042"}),
        ("my order #A-99812 never came", {"A99812"}),
        ("pesanan 12345678 rusak, hubungi 08123456789", {"12345678"}),
        ("order saya belum sampai 2 hari", set()),
        ("pesanan tanggal 12-07-2026, order 2026", set()),
        ("hubungi 08123456789 atau 021 555 1787", set()),
        ("invoice terlampir", set()),
    ],
)
def test_order_and_ticket_numbers_are_found(text: str, numbers: set[str]) -> None:
    assert find_numbers(text, RULES.numbers) == numbers


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("pesanan inv-20260701-88 belum sampai, resi JX998877", "INV-20260701-88"),
        ("order saya belum sampai", ""),
        (f"pesanan {'A1' * 40} belum sampai", ""),
    ],
)
def test_an_order_number_is_repeated_as_its_customer_wrote_it(text: str, number: str) -> None:
    assert first_number(text, RULES.numbers) == number


@given(st.text(), st.text())
def test_likeness_is_symmetric_within_bounds(one: str, other: str) -> None:
    likeness = similarity(one, other)

    assert 0 <= likeness <= 1
    assert likeness == similarity(other, one)


@pytest.mark.timeout(20)
def test_a_hostile_text_is_compared_in_time() -> None:
    text = "order " + " " * 50_000 + "no no no : : :" * 3_000

    assert find_numbers(text, RULES.numbers) == frozenset()
    assert similarity(text, f"{text} akhir") > 0.5


def test_windows_that_forget_a_person_sooner_across_channels_are_found() -> None:
    written = yaml.safe_load((SHIPPED / "intake.yaml").read_text()) | {"merge_within": "1d"}

    ((place, _),) = Intake.model_validate(written).contradictions()

    assert place == ("merge_within",)


def test_every_channel_of_the_word_list_has_rules() -> None:
    assert set(CHANNELS) <= CHANNEL_RULES.known


@pytest.mark.parametrize(("channel", "limit"), [("x", 280), ("google_play", 350), ("mastodon", 460), ("bluesky", 300)])
def test_platforms_have_their_hard_limits(channel: str, limit: int) -> None:
    assert CHANNEL_RULES.of(channel).hard_limit == limit


def test_a_private_message_may_be_as_long_as_the_platform_takes_it() -> None:
    assert CHANNEL_RULES.of("x").limits(Visibility.PRIVATE).hard_limit == 10_000
    assert CHANNEL_RULES.of("x").limits(Visibility.PUBLIC).hard_limit == 280
    assert CHANNEL_RULES.of("mastodon").limits(Visibility.PRIVATE).hard_limit == 460


@pytest.mark.parametrize(
    ("known", "came"),
    [
        (None, {"mira@contoh.id"}),
        (None, set()),
        (set(), set()),
        ({"mira@contoh.id"}, {"Mira@Contoh.id "}),
        ({"mira", "mira@contoh.id"}, {"mira@contoh.id"}),
    ],
)
def test_a_message_keeps_the_id_that_its_sender_gave_it(known: set[str] | None, came: set[str]) -> None:
    assert id_of_its_own("<1@contoh.id>", "sha256:ab", known, came) == "<1@contoh.id>"


@pytest.mark.parametrize(
    ("known", "came"),
    [({"mira@contoh.id"}, {"budi@lain.id"}), (set(), {"budi@lain.id"}), ({"mira@contoh.id"}, set())],
)
def test_an_id_of_another_authors_message_is_not_its_own(known: set[str], came: set[str]) -> None:
    assert id_of_its_own("<1@contoh.id>", "sha256:ab", known, came) == "sha256:ab"


@given(st.sets(st.text(min_size=1)), st.sets(st.text(min_size=1)))
def test_whose_message_an_id_is_does_not_depend_on_who_was_first(known: set[str], came: set[str]) -> None:
    assert id_of_its_own("1", "2", known, came) == id_of_its_own("1", "2", came, known)


def test_in_mail_alone_senders_choose_the_ids() -> None:
    assert [name for name in CHANNELS if CHANNEL_RULES.named_by_senders(name)] == ["email"]


def test_a_further_mailbox_is_mail_by_whatever_name() -> None:
    mailbox = CHANNEL_RULES.of("email").model_copy(update={"adapter": "email"})
    rules = CHANNEL_RULES.model_copy(update={"channels": {**CHANNEL_RULES.channels, "kantor": mailbox}})
    assert rules.named_by_senders("kantor")
    assert not rules.named_by_senders("unheard-of")


def test_mail_is_private_and_a_post_is_public() -> None:
    assert CHANNEL_RULES.of("email").visibility is Visibility.PRIVATE
    assert CHANNEL_RULES.of("x").visibility is Visibility.PUBLIC


def test_a_comfortable_limit_over_the_hard_one_is_found() -> None:
    written = yaml.safe_load((SHIPPED / "channels.yaml").read_text())
    written["channels"]["x"]["comfortable_limit"] = 500

    assert any("lies over its hard one" in message for _, message in Channels.model_validate(written).contradictions())


def test_a_forgotten_channel_is_found() -> None:
    written = yaml.safe_load((SHIPPED / "channels.yaml").read_text())
    del written["channels"]["telegram"]

    assert any("telegram" in message for _, message in Channels.model_validate(written).contradictions())
