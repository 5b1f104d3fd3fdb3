"""Where a platform lets us answer only who called on us: mentions are answered in public, found posts are not."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from factories import LATE, Fickle, Life, message
from pydantic import SecretStr
from sqlalchemy import select
from x_server import XServer

from db.tables import Complaint
from db.words import DeliveryKind, State, Visibility
from integrations.channels.base import Reachable, Target
from integrations.channels.conformance.suite import world
from integrations.channels.x import XChannel
from integrations.channels.x_asking import XSettings
from tasks.collect import pages, store

pytest_plugins = ("lives",)

X = {"channel": "x", "addressed": True}


def only_who_called(target: Target, visibility: Visibility) -> Reachable:
    """In public who summoned us, in private everybody."""
    ok = visibility is Visibility.PRIVATE or bool(target.summoned)
    return Reachable(ok=ok, why=None if ok else "its author did not mention us")


@pytest.fixture
def channel(life: Life) -> Fickle:
    made = Fickle("x", look=only_who_called)
    life.with_channel(made)
    return made


def withheld(life: Life, reference: str) -> list[str]:
    return [event.data["why"] for event in life.events(reference, "acknowledgement_withheld")]


# Through the adapter, as X tells it


@pytest.fixture
def x(life: Life) -> Iterator[XServer]:
    server = XServer().start()
    life.clock.set(datetime.now(UTC) + timedelta(seconds=2))
    yield server
    server.stop()


def adapter(life: Life, x: XServer) -> XChannel:
    """Our account as a process that has just started sees it."""
    settings = XSettings(
        consumer_key=SecretStr(x.consumer_key),
        consumer_secret=SecretStr(x.consumer_secret),
        access_token=SecretStr(next(iter(x.tokens))),
        access_token_secret=SecretStr("token-secret"),
        url=x.url,
        search='"toko maju"',
        enterprise=x.enterprise,
    )
    made = XChannel("x", "default", settings, replace(world(), private_talk=True))
    life.with_channel(made)
    return made


def collect(life: Life, channel: XChannel) -> str:
    """Take in what is there; the reference of the one complaint that it opened."""
    for page in pages(life.desk, channel):
        store(life.desk, channel, page)
    with life.desk.transaction() as session:
        return session.execute(select(Complaint)).scalar_one().reference


def looked_up(x: XServer) -> list[object]:
    return [asked for _, path, asked in x.asked if path == "/2/tweets" and "ids" in asked]


def test_a_mention_is_acknowledged_and_answered_below_it_without_another_look(life, x):
    post = x.writes("budi", "@tokomaju paket saya belum sampai padahal sudah seminggu")
    reference = collect(life, adapter(life, x))
    life.assess()
    adapter(life, x)
    life.publish()
    life.answer()
    life.approve_all(reference)
    life.publish()

    assert life.messages(reference)[0].summoned
    assert life.delivery(reference).target["summoned"] is True
    public = [one.text for one in life.deliveries(reference) if one.visibility is Visibility.PUBLIC]
    assert (len(public), x.answers_to(post)) == (2, public)
    assert looked_up(x) == []


def test_a_found_post_that_names_us_alone_is_answered_privately(life, x):
    post = x.writes("budi", "toko maju ini parah, paket belum sampai padahal sudah seminggu")
    reference = collect(life, adapter(life, x))
    life.assess()
    life.publish()
    life.answer()
    life.approve_all(reference)
    life.publish()

    assert withheld(life, reference) == ["not_summoned"]
    assert x.answers_to(post) == []
    assert x.messages_to("budi") == [life.delivery(reference).text]


def test_on_an_enterprise_plan_a_found_post_is_answered_in_public(life, x):
    x.enterprise = True
    post = x.writes("budi", "toko maju ini parah, paket belum sampai padahal sudah seminggu")
    reference = collect(life, adapter(life, x))
    life.assess()
    life.publish()

    assert x.answers_to(post) == [life.delivery(reference, "acknowledgement").text]


# Through the desk


def test_where_nobody_can_be_written_to_privately_either_a_person_is_told(life):
    life.with_channel(Fickle("x", look=lambda target, _: Reachable(ok=bool(target.summoned), why="not mentioned")))
    reference = life.comes(**X, summoned=False)
    life.assess()
    life.answer()
    assert (life.state(reference), life.complaint(reference).held_why) == (State.HELD, "unreachable")


def test_where_a_platform_does_not_tell_who_called_on_us_everybody_is_answered(life):
    reference = life.in_review(channel="instagram")
    assert life.delivery(reference, "acknowledgement").visibility is Visibility.PUBLIC
    assert "summoned" not in life.drafts(reference)[0].target


def test_of_several_posts_the_newest_that_called_on_us_is_answered(life, channel):
    first = life.message(**X, summoned=True, handle="budi")
    life.record(first)
    life.later(minutes=1)
    second = life.message("sudah lewat seminggu lho", **X, summoned=False, handle="budi", in_reply_to=first.external_id)
    reference = f"TG-{life.record(second).complaints[0]}"
    life.assess()
    life.answer()

    draft = life.drafts(reference)[-1]
    assert len(life.messages(reference)) == 2
    assert (draft.visibility, draft.target["external_id"]) == (Visibility.PUBLIC, first.external_id)


def test_a_private_message_after_a_mention_is_answered_privately(life, channel):
    first = life.message(**X, summoned=True, handle="budi")
    reference = f"TG-{life.record(first).complaints[0]}"
    life.later(minutes=1)
    life.record(life.message(visibility=Visibility.PRIVATE, handle="budi", **X))
    life.assess()
    life.answer()

    assert len(life.messages(reference)) == 2
    assert life.drafts(reference)[-1].visibility is Visibility.PRIVATE


def test_what_was_found_first_and_named_as_a_mention_later_is_answered_in_public(life, channel):
    found = life.message(**X, summoned=False)
    reference = f"TG-{life.record(found).complaints[0]}"
    life.record(replace(found, summoned=True))
    life.record(found)
    life.assess()
    life.answer()

    assert life.drafts(reference)[-1].visibility is Visibility.PUBLIC


def test_below_a_found_post_nothing_is_said_while_it_waits(life, channel):
    reference = life.comes(**X, summoned=False)
    life.assess()
    life.run_for(days=3)
    assert {one.kind for one in life.deliveries(reference)} <= {DeliveryKind.REPLY}


def test_a_found_post_that_is_merged_is_not_told_so_in_public(life, channel):
    mail = {"channel": "email", "handle": "budi@contoh.id"}
    text = f"{LATE}, nomor pesanan TK-2201"
    first = life.in_review(text, **mail)
    with_mail = message(text, at=life.now(), handle="budi", **X, summoned=False)
    author = replace(with_mail.author, email="budi@contoh.id")
    again = f"TG-{life.record(replace(with_mail, author=author)).complaints[0]}"
    life.assess()

    assert (life.state(again), first != again) == (State.MERGED, True)
    assert life.deliveries(again) == []
