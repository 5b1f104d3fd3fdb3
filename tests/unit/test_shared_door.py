"""Who takes what of a call that several accounts hear, and what the platform is answered."""

from datetime import UTC, datetime

import pytest

from db.words import Visibility
from integrations.channels.base import Heard
from integrations.channels.shared_door import share_out
from integrations.record import Incoming, Item, LeftOut, Removed, Unreadable

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def said(account: str, words: str, raw: bytes | None = None) -> Incoming:
    return Incoming(
        channel="facebook",
        account=account,
        external_id=words,
        text=words,
        posted_at=NOW,
        visibility=Visibility.PUBLIC,
        raw=words.encode() if raw is None else raw,
        place="call",
    )


def anothers(whose: str) -> LeftOut:
    return LeftOut.anothers("call", f"page {whose}", f"what was said to {whose}".encode())


def texts(items: tuple[Item, ...]) -> list[str]:
    return [item.text for item in items if isinstance(item, Incoming)]


def test_each_account_takes_its_own() -> None:
    told = share_out(
        "facebook",
        {
            "default": Heard((said("default", "satu"), anothers("2"))),
            "bandung": Heard((anothers("1"), said("bandung", "dua"))),
        },
    )

    assert {account: texts(share) for account, share in told.shares.items()} == {
        "default": ["satu"],
        "bandung": ["dua"],
    }
    assert [len(share) for share in told.shares.values()] == [1, 1]
    assert (told.nobodys, told.answer.status) == ((), 200)


def test_what_is_for_no_account_is_told_once_without_its_words() -> None:
    strangers = (anothers("3"), anothers("3"), anothers("4"))
    told = share_out(
        "facebook",
        {"default": Heard((*strangers, said("default", "satu"), anothers("2"))), "bandung": Heard(strangers)},
    )

    assert [one.raw for one in told.nobodys] == [b"page 3", b"page 4"]
    assert all("page" in one.reason and "channels.yaml" in one.reason for one in told.nobodys)
    assert all(one.channel == "facebook" for one in told.nobodys)


def test_what_names_no_account_is_taken_once_by_the_first_that_believes() -> None:
    told = share_out(
        "x",
        {
            "default": Heard.refuse("not signed by us"),
            "bandung": Heard((said("bandung", "satu"),)),
            "medan": Heard((said("medan", "satu"), said("medan", "tanpa asal", b""))),
        },
    )

    assert {account: texts(share) for account, share in told.shares.items()} == {
        "bandung": ["satu"],
        "medan": ["tanpa asal"],
    }


def test_that_something_is_gone_is_told_to_every_account() -> None:
    gone = [Removed("x", "p-1", "call", b"gone", account) for account in ("default", "bandung")]

    told = share_out("x", {one.account: Heard((one,)) for one in gone})

    assert [share for (share,) in told.shares.values()] == gone


def test_the_account_that_takes_something_answers() -> None:
    told = share_out(
        "webhook",
        {
            "default": Heard((anothers("2"),), body=b"nothing"),
            "bandung": Heard((said("bandung", "dua"),), 202, b"one"),
        },
    )

    assert (told.answer.status, told.answer.body) == (202, b"one")


def test_a_question_is_answered_by_the_account_whose_word_it_has() -> None:
    told = share_out("facebook", {"default": Heard.refuse("not our word", 403), "bandung": Heard(body=b"4711")})

    assert (told.answer.status, told.answer.body, told.answer.refused) == (200, b"4711", None)


@pytest.mark.parametrize(
    ("refusals", "status"),
    [
        ([("forged", 401), ("forged", 401)], 401),
        ([("forged", 401), ("no such word", 403)], 401),
        ([("no such word", 403), ("another word", 403)], 403),
        ([("this channel takes no calls", 404), ("forged", 401)], 401),
        ([("this channel takes no calls", 404)], 404),
        ([("not set up", 503), ("forged", 401)], 503),
    ],
)
def test_a_call_that_nobody_believes_is_refused(refusals: list[tuple[str, int]], status: int) -> None:
    heard = {str(number): Heard.refuse(*one) for number, one in enumerate(refusals)}

    told = share_out("facebook", heard)

    assert told.answer.status == status
    assert told.answer.refused
    assert not told.shares


def test_while_an_account_is_not_set_up_what_may_be_for_it_comes_again() -> None:
    heard = {"default": Heard((said("default", "satu"), anothers("2"))), "bandung": Heard.refuse("not set up", 503)}

    told = share_out("facebook", heard)

    assert texts(told.shares["default"]) == ["satu"]
    assert (told.answer.status, told.nobodys) == (503, ())


def test_while_an_account_is_not_set_up_what_is_anothers_is_taken() -> None:
    heard = {"default": Heard((said("default", "satu"),)), "bandung": Heard.refuse("not set up", 503)}

    assert share_out("facebook", heard).answer.status == 200


def test_whoever_looks_at_what_nobody_takes_is_told_which_secret_may_be_wrong() -> None:
    told = share_out("facebook", {"default": Heard((anothers("2"),)), "bandung": Heard.refuse("forged")})

    (stray,) = told.nobodys
    assert isinstance(stray, Unreadable)
    assert "secret of bandung" in stray.reason
