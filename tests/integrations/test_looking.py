"""Posts of open complaints are looked at again; what people who were asked to tell the public posted since is read."""

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from factories import Life, message, reach
from sqlalchemy import select, text, update

from db.tables import Complaint, FollowUp, FollowUpState, Message, MessageRevision, Quarantined
from db.words import State, Visibility
from integrations.channels.base import LockedOut, Never, Page, Seen, Target, TryAgain
from integrations.channels.sandbox import SandboxChannel
from integrations.record import Incoming, Removed
from tasks.changes import edited
from tasks.collect import pages, store, store_items
from tasks.looking import look_again
from tasks.record import Recorded, _Chunk, record, take_turns

pytest_plugins = ("lives",)


class Shown(SandboxChannel):
    """A platform that shows what the test says."""

    listens = True

    def __init__(self, life: Life, name: str = "instagram") -> None:
        super().__init__(name, clock=life.clock)
        self.shows: dict[str, Seen] = {}
        self.posted: dict[str, list[Incoming]] = {}
        self.asked: list[list[str]] = []
        self.asked_of: list[tuple[str | None, datetime]] = []
        self.error: Exception | None = None
        self.bad: dict[str, Exception] = {}

    def look_at(self, external_ids: Sequence[str]) -> Iterable[Seen]:
        self.asked.append(list(external_ids))
        if self.error is not None:
            raise self.error
        return [self.shows[one] for one in external_ids if one in self.shows]

    def posts_of(self, author: Target, since: datetime) -> Iterable[Incoming]:
        self.asked_of.append((author.author_id, since))
        if (author.author_id or "") in self.bad:
            raise self.bad[author.author_id or ""]
        return self.posted.get(author.author_id or "", [])


@pytest.fixture
def shown(life: Life) -> Shown:
    channel = Shown(life)
    life.with_channel(channel)
    return channel


def post_of(life: Life, reference: str) -> str:
    return life.messages(reference)[0].external_id


def revisions(life: Life) -> list[MessageRevision]:
    with life.desk.transaction() as session:
        return list(session.execute(select(MessageRevision)).scalars())


# Which posts, and when


def test_posts_of_open_complaints_are_asked_for_the_newest_first(life, shown):
    older = life.in_review(handle="satu")
    life.later(minutes=1)
    newer = life.responded(handle="dua")

    assert look_again(life.desk, shown)

    assert shown.asked == [[post_of(life, newer), post_of(life, older)]]


def test_it_is_looked_again_after_a_while_not_before(life, shown):
    life.in_review()
    assert look_again(life.desk, shown)
    life.later(minutes=29)
    assert not look_again(life.desk, shown)
    life.later(minutes=1)
    assert look_again(life.desk, shown)
    assert len(shown.asked) == 2


def test_a_look_that_failed_is_not_repeated_at_once(life, shown):
    life.in_review()
    shown.error = TryAgain("busy")
    with pytest.raises(TryAgain):
        look_again(life.desk, shown)

    assert not look_again(life.desk, shown)


@pytest.mark.parametrize("why", ["private", "removed", "old", "other account", "our own"])
def test_what_cannot_have_changed_for_others_is_not_asked_for(life, shown, why):
    changes = {"private": {"visibility": Visibility.PRIVATE}, "other account": {"account": "toko"}}.get(why, {})
    reference = life.responded() if why == "our own" else life.comes(**changes)
    with life.desk.transaction() as session:
        if why == "removed":
            session.execute(update(Message).values(removed_at=life.now()))
        if why == "our own":
            session.execute(update(Message).values(direction="out"))
    if why == "old":
        life.later(days=8)

    look_again(life.desk, shown)

    assert reference
    assert shown.asked == []


@pytest.mark.parametrize("state", [State.CLOSED, State.SPAM])
def test_posts_of_cases_that_are_over_are_left_alone(life, shown, state):
    life.resolved()
    with life.desk.transaction() as session:
        session.execute(update(Complaint).values(state=state))

    look_again(life.desk, shown)

    assert shown.asked == []


def messages(life: Life) -> list[Message]:
    with life.desk.transaction() as session:
        return list(session.execute(select(Message)).scalars())


# What is seen


def test_an_edit_that_is_seen_voids_the_approval(life, shown):
    reference = life.approved()
    shown.shows[post_of(life, reference)] = Seen(post_of(life, reference), text="sudah beres kok, makasih")

    look_again(life.desk, shown)

    assert life.state(reference) is State.DRAFTING
    assert life.events(reference, "voided")[-1].data["why"] == "customer_edited"
    assert [revision.text for revision in revisions(life)] == [
        "kak, paket saya belum sampai padahal sudah seminggu, tolong dicek ya"
    ]
    assert life.publish() == []


def test_an_edit_is_assessed_again(life, shown):
    reference = life.in_review()
    shown.shows[post_of(life, reference)] = Seen(post_of(life, reference), text="paket saya hilang!!")

    look_again(life.desk, shown)

    assert life.messages(reference)[0].assess_due


@pytest.mark.parametrize("text", ["{}", "{}\x00", "\x07{}", "", "  "])
def test_the_same_words_are_no_edit(life, shown, text):
    reference = life.approved()
    words = life.messages(reference)[0].text
    shown.shows[post_of(life, reference)] = Seen(post_of(life, reference), text=text.format(words))

    look_again(life.desk, shown)

    assert life.state(reference) is State.APPROVED
    assert revisions(life) == []


def test_an_edit_to_odd_characters_is_kept_as_far_as_they_can_be(life):
    reference = life.in_review()

    assert edited(life.desk, "instagram", "default", post_of(life, reference), "rusak\x00 total")

    assert life.messages(reference)[0].text == "rusak total"


def test_what_was_forgotten_is_not_remembered_by_an_edit(life):
    reference = life.in_review()
    post = post_of(life, reference)
    with life.desk.transaction() as session:
        session.execute(update(Message).values(text="", raw=b""))

    assert not edited(life.desk, "instagram", "default", post, "kata-kata baru")


def test_a_post_that_is_gone_voids_the_answer_aimed_at_it(life, shown):
    reference = life.approved()
    shown.shows[post_of(life, reference)] = Seen(post_of(life, reference), there=False)

    look_again(life.desk, shown)

    assert life.state(reference) is State.DRAFTING
    assert life.events(reference, "voided")[-1].data["why"] == "removed"
    life.answer()
    assert life.drafts(reference)[-1].visibility is Visibility.PRIVATE


def test_a_removal_that_is_told_voids_the_answer_aimed_at_it(life):
    reference = life.approved()
    gone = Removed("instagram", post_of(life, reference), "hook-1", b"{}")

    counts = [record(life.desk, [gone], source="test").removed for _ in range(2)]

    assert counts == [1, 1]
    assert life.state(reference) is State.DRAFTING
    assert len(life.events(reference, "removed")) == 1


def test_a_removal_leaves_an_answer_to_another_post_alone(life):
    reference = life.in_review()
    first = post_of(life, reference)
    life.drafting(reference)
    life.assess()
    life.answer()
    life.approve_all(reference)
    assert life.drafts(reference)[-1].target["external_id"] != first

    record(life.desk, [Removed("instagram", first, "hook-1", b"{}")], source="test")

    assert life.state(reference) is State.APPROVED


def test_a_removal_leaves_a_private_answer_alone(life):
    reference = life.approved(channel="email", handle="mira@contoh.id")

    record(life.desk, [Removed("email", post_of(life, reference), "hook-1", b"{}")], source="test")

    assert life.state(reference) is State.APPROVED


def test_the_removal_of_an_unknown_post_changes_nothing(life):
    reference = life.approved()

    gone = [Removed("instagram", "never-seen", "h", b""), Removed("x", post_of(life, reference), "h", b"")]
    assert record(life.desk, gone, source="test").removed == 0
    assert life.state(reference) is State.APPROVED


def test_a_post_and_its_removal_in_one_page_leave_it_removed(life):
    post = life.message()
    record(life.desk, [Removed("instagram", post.external_id, "h", b""), post], source="test")
    other = life.message(handle="dua")
    done = record(life.desk, [other, Removed("instagram", other.external_id, "h", b"")], source="test")

    assert done.removed == 1
    assert [message.removed_at is not None for message in messages(life)] == [True, True]


def test_a_post_that_was_taken_down_in_the_page_it_came_with_is_told_nothing(life):
    post = life.message()
    record(life.desk, [Removed("instagram", post.external_id, "h", b""), post], source="test")
    life.assess()

    (message,) = messages(life)
    reference = f"TG-{message.complaint_id}"
    assert [event.data["why"] for event in life.events(reference, "acknowledgement_withheld")] == ["removed"]
    assert life.names(reference)[:2] == ["received", "removed"]


def test_a_removal_waits_for_whoever_is_just_recording_the_post(life):
    post = life.message()
    gone = Removed("instagram", post.external_id, "h", b"")
    with ThreadPoolExecutor(1) as pool:
        with life.desk.transaction() as session:
            take_turns(session, {("instagram", "default")})
            told = pool.submit(lambda: record(life.desk, [gone], source="test").removed)
            while not told.done() and not somebody_waits(life):
                time.sleep(0.01)
            _Chunk(life.desk, session, life.now(), Recorded()).take([post])
        assert told.result() == 1
    assert messages(life)[0].removed_at is not None


def somebody_waits(life: Life) -> bool:
    """For a turn in recording."""
    with life.desk.transaction() as session:
        waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return session.execute(waiting).scalar_one() > 0


def test_wider_reach_is_weighed_again(life, shown):
    reference = life.in_review()
    shown.shows[post_of(life, reference)] = Seen(post_of(life, reference), metrics=reach(2_000_000))

    look_again(life.desk, shown)
    before = life.complaint(reference).severity
    life.assess()

    assert life.messages(reference)[0].views == 2_000_000
    assert life.complaint(reference).severity.rank < before.rank


def test_a_post_that_the_platform_does_not_show_stays_as_it_is(life, shown):
    reference = life.approved()

    look_again(life.desk, shown)

    assert life.state(reference) is State.APPROVED


def test_once_it_is_no_longer_wanted_nothing_is_stored(life, shown):
    reference = life.approved()
    shown.shows[post_of(life, reference)] = Seen(post_of(life, reference), there=False)

    look_again(life.desk, shown, lambda: False)

    assert life.state(reference) is State.APPROVED


# Whom to listen to


def asked(life: Life, handle: str) -> str:
    """Somebody who was asked to tell the public that their case was solved."""
    reference = life.resolved(handle=handle)
    with life.desk.transaction() as session:
        number = life.complaint(reference).id
        session.execute(
            update(FollowUp)
            .where(FollowUp.complaint_id == number)
            .values(state=FollowUpState.ASKED, asked_at=life.now())
        )
    return reference


def test_what_people_who_were_asked_posted_since_is_recorded(life, shown):
    reference = asked(life, "mira")
    life.later(days=1)
    shown.posted["mira"] = [message("makasih, masalahnya sudah beres", at=life.now(), handle="mira", external_id="p-9")]

    look_again(life.desk, shown)

    assert [who for who, _ in shown.asked_of] == ["mira"]
    assert shown.asked_of[0][1] == life.now() - timedelta(days=1)
    assert reference
    assert "p-9" in {one.external_id for one in messages(life)}


def test_somebody_whose_posts_cannot_be_seen_does_not_hide_the_others(life, shown):
    asked(life, "satu")
    life.later(minutes=1)
    asked(life, "dua")
    shown.bad["dua"] = Never("this account is protected", "blocked")
    shown.posted["satu"] = [message("sudah beres", at=life.now(), handle="satu", external_id="p-1")]

    look_again(life.desk, shown)

    assert [who for who, _ in shown.asked_of] == ["dua", "satu"]
    assert "p-1" in {one.external_id for one in messages(life)}


def test_credentials_that_are_refused_while_looking_are_told(life, shown):
    life.in_review()
    shown.error = LockedOut("expired")
    with pytest.raises(LockedOut):
        look_again(life.desk, shown)


def test_nobody_is_asked_about_for_ever(life, shown):
    asked(life, "mira")
    life.later(days=31)

    look_again(life.desk, shown)

    assert shown.asked_of == []


# Pages that the database takes amiss


class Paged(Shown):
    """A platform with pages."""

    def __init__(self, life: Life, *found: tuple) -> None:
        super().__init__(life)
        self.found = found

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        for number, items in enumerate(self.found, 1):
            if number > int(cursor or 0):
                yield Page(tuple(items), str(number))


@pytest.mark.parametrize(
    "bad",
    [
        {"text": "rusak\x00 total"},
        {"text": "rusak \ud83d total"},
        {"external_id": "m-\x00"},
        {"metrics": reach(2**70)},
    ],
)
def test_a_record_that_no_column_takes_goes_into_quarantine_alone(life, bad):
    good = [life.message(f"pesan {n}", handle=f"orang-{n}") for n in range(3)]
    channel = Paged(life, [good[0], replace(life.message(handle="aneh"), **bad), good[1]], [good[2]])

    for page in pages(life.desk, channel):
        store(life.desk, channel, page)

    assert {one.text for one in messages(life)} == {"pesan 0", "pesan 1", "pesan 2"}
    with life.desk.transaction() as session:
        (kept,) = session.execute(select(Quarantined)).scalars()
    assert "cannot be stored" in kept.reason
    assert list(pages(life.desk, channel)) == []


def test_what_is_stored_in_pieces_is_counted_as_one(life):
    channel = Shown(life)
    items = [life.message("satu", handle="a"), life.message("dua\x00", handle="b"), life.message("tiga", handle="c")]

    done = store_items(life.desk, channel, items)

    assert (done.accepted, done.quarantined) == (2, 1)
