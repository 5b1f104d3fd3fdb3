"""What suggests that two accounts are one person's, and what does not."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy.intake import Alike, Intake, OnePerson
from policy.loading import Policy
from policy.same_person import Account, Said, full_name, plain_handle, suggest

MONDAY = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
LATE = "pesanan INV-20260301-88 sudah dua minggu belum sampai juga, tolong dicek ya kak"


@pytest.fixture(scope="module")
def rules(policy: Policy) -> Intake:
    return policy.intake


def on(channel: str, *texts: str, at: datetime = MONDAY, account: str = "default", **known: str) -> Account:
    said = tuple(Said(text, at, frozenset(re.findall(r"INV-[\d-]+", text))) for text in texts)
    given = {"external_id": f"{channel}-1", **known}
    return Account(channel, account, given.pop("external_id"), said=said, **given)


def reasons(a: Account, b: Account, rules: Intake) -> tuple[Alike, ...]:
    found = suggest(a, b, rules)
    return found.reasons if found else ()


@pytest.mark.parametrize(
    ("known", "alike"), [({"email": "mira@contoh.id"}, Alike.SAME_EMAIL), ({"phone": "0811222333"}, Alike.SAME_PHONE)]
)
def test_the_same_address_or_number_suggests_one_person_by_itself(
    known: dict[str, str], alike: Alike, rules: Intake
) -> None:
    assert reasons(on("web", **known), on("email", **known), rules) == (alike,)


def test_a_handle_with_the_same_name_suggests_one_person(rules: Intake) -> None:
    one = on("instagram", handle="mira.home", name="Mira Lestari")
    other = on("mastodon", handle="mira_home@fedi.example", name="mira  LESTARI")

    assert reasons(one, other, rules) == (Alike.SAME_HANDLE, Alike.SAME_NAME)


def test_a_mailbox_is_compared_like_a_handle(rules: Intake) -> None:
    one = on("instagram", LATE, handle="mira.home")
    other = on("email", "INV-20260301-88 di mana?", email="mira_home@contoh.id")

    assert reasons(one, other, rules) == (Alike.SAME_HANDLE, Alike.SAME_NUMBER)


def test_one_order_in_nearly_the_same_words_suggests_one_person(rules: Intake) -> None:
    assert reasons(on("x", LATE), on("email", LATE.upper()), rules) == (Alike.SAME_TEXT, Alike.SAME_NUMBER)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (on("x", LATE), on("email", "INV-20260301-88 mana? saya tunggu dari kemarin")),
        (on("x", handle="mira.home"), on("instagram", handle="mirahome")),
        (on("x", name="Budi Santoso"), on("instagram", name="Budi Santoso")),
        (
            on("x", "aplikasinya tidak bisa dibuka sejak pagi tadi"),
            on("email", "aplikasinya tidak bisa dibuka sejak pagi tadi"),
        ),
    ],
    ids=["an order number", "a handle", "a name", "a text"],
)
def test_what_strangers_share_suggests_nobody_alone(one: Account, other: Account, rules: Intake) -> None:
    assert suggest(one, other, rules) is None


def test_the_same_words_about_another_order_are_no_likeness(rules: Intake) -> None:
    one = on("x", LATE, name="Budi Santoso")
    other = on("email", LATE.replace("88", "89"), name="Budi Santoso")

    assert suggest(one, other, rules) is None


def test_a_number_of_long_ago_is_no_likeness(rules: Intake) -> None:
    one = on("x", LATE, name="Budi Santoso")
    other = on("email", LATE, at=MONDAY + rules.same_person.within + timedelta(days=1), name="Budi Santoso")

    assert suggest(one, other, rules) is None


def test_two_accounts_of_one_platform_are_not_compared_by_what_they_are_called(rules: Intake) -> None:
    one = on("x", LATE, handle="mira.home", name="Mira Lestari")

    assert suggest(one, replace(one, external_id="x-2", handle="mirahome"), rules) is None


def test_one_account_that_wrote_to_two_of_ours_is_one_person(rules: Intake) -> None:
    one = on("x", external_id="4711", handle="mira")

    assert reasons(one, replace(one, account="shop"), rules) == (Alike.SAME_ACCOUNT,)


@pytest.mark.parametrize(
    "handle", ["", None, "mira", "@info@contoh.id", "user", "customer.service", "081122233344", "a1"]
)
def test_a_handle_that_tells_nothing_is_none(handle: str | None) -> None:
    assert plain_handle(handle) == ""


@pytest.mark.parametrize(
    "handle", ["@Mira.Home", "mira_home@fedi.example", "mira-home.bsky.social", "mira.home@contoh.id", "@mirahome"]
)
def test_platforms_write_one_handle_in_many_ways(handle: str) -> None:
    assert plain_handle(handle) == "mirahome"


def test_a_first_name_alone_is_nobodys() -> None:
    assert (full_name("Budi"), full_name("Budi Santoso "), full_name(None)) == ("", "budi santoso", "")


@given(
    st.builds(
        Account,
        channel=st.sampled_from(["x", "email", "instagram"]),
        account=st.sampled_from(["default", "shop"]),
        external_id=st.sampled_from(["1", "2"]),
        handle=st.none() | st.sampled_from(["mira.home", "mirahome", "tono.k", "info"]),
        name=st.none() | st.sampled_from(["Mira Lestari", "mira lestari", "Budi"]),
        email=st.none() | st.sampled_from(["mira.home@contoh.id", "MIRA.home@contoh.id"]),
        phone=st.none() | st.just("0811222333"),
        said=st.lists(st.builds(Said, st.sampled_from([LATE, "halo"]), st.just(MONDAY)), max_size=2).map(tuple),
    ),
    st.builds(
        Account,
        channel=st.sampled_from(["x", "email", "instagram"]),
        account=st.sampled_from(["default", "shop"]),
        external_id=st.sampled_from(["1", "2"]),
        handle=st.none() | st.sampled_from(["mira.home", "mirahome", "tono.k", "info"]),
        name=st.none() | st.sampled_from(["Mira Lestari", "mira lestari", "Budi"]),
        email=st.none() | st.sampled_from(["mira.home@contoh.id", "MIRA.home@contoh.id"]),
        phone=st.none() | st.just("0811222333"),
        said=st.lists(st.builds(Said, st.sampled_from([LATE, "halo"]), st.just(MONDAY)), max_size=2).map(tuple),
    ),
)
def test_it_is_all_one_who_is_compared_with_whom(policy: Policy, one: Account, other: Account) -> None:
    assert suggest(one, other, policy.intake) == suggest(other, one, policy.intake)


def test_policy_does_not_let_what_strangers_share_suggest_alone(rules: Intake) -> None:
    hasty = rules.model_copy(update={"same_person": OnePerson(points={Alike.SAME_NUMBER: 3})})

    assert [place for place, _ in hasty.contradictions()] == [("same_person", "points", "same_number")]
    assert list(rules.contradictions()) == []
