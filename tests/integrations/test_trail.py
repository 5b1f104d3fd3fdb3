"""The audit trail: every change has an author, nothing can be altered unseen, and nobody stands in it by name."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from factories import GRAVE, Life, grave, person
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from db import trail
from db.complaints import move
from db.session import transaction
from db.states import IllegalMove
from db.tables import Anchor, Complaint, Event
from db.wake import Listener
from db.words import Gate, State, Verdict, Visibility
from integrations.channels.manual import ManualChannel
from integrations.record import Author
from tasks.decide import Refused, draft_by_person, edit
from tasks.erase import erase
from tasks.follow_up import answer_survey, resolve
from tasks.kill_switch import stop_publishing
from tasks.people import assign, correct, note, posted

pytest_plugins = ("lives",)


def broken(life: Life) -> list[str]:
    """What verifying the trail finds."""
    with life.desk.transaction() as session:
        return [str(one) for one in trail.verify(session)]


def tamper(life: Life, *statements: str) -> None:
    """Change rows behind the guards' back, as somebody with the database's own rights could."""
    with life.desk.engine.begin() as connection:
        for table in ("event", "anchor"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        for statement in statements:
            assert connection.execute(text(statement)).rowcount
        for table in ("event", "anchor"):
            connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER ALL"))


def anchor(life: Life) -> Anchor:
    with life.desk.transaction() as session:
        return trail.anchor(session, life.now().date(), life.now())


def test_a_whole_life_leaves_chains_that_prove_themselves(life):
    reference = life.resolved()
    life.run_for(days=12)
    assert life.state(reference) is State.CLOSED
    assert broken(life) == []


def test_an_event_of_a_complaint_wakes_whoever_shows_it_in_slack(life):
    reference = life.in_review()
    url = life.desk.engine.url.render_as_string(hide_password=False)
    with Listener(url, "slack") as listener:
        stop_publishing(life.desk, "all", "uji", person("pr-sari"))
        assert not listener.wait(0.2)
        note(life.desk, reference, "catatan", person("cs-nia"))
        assert listener.wait(5)


def test_events_are_numbered_from_one_without_gaps(life):
    reference = life.responded()
    assert [event.number for event in life.events(reference)] == list(range(1, len(life.events(reference)) + 1))


def test_the_complaint_remembers_the_head_of_its_chain(life):
    reference = life.responded()
    last, complaint = life.events(reference)[-1], life.complaint(reference)
    assert (complaint.events, complaint.head) == (last.number, last.hash)


def test_each_event_covers_the_one_before(life):
    events = life.events(life.responded())
    assert [event.before for event in events] == ["", *(event.hash for event in events[:-1])]


def test_each_move_is_an_event_with_where_from_and_where_to(life):
    reference = life.responded()
    moves = [(event.data["from"], event.data["to"]) for event in life.events(reference) if "to" in event.data]
    assert moves == [
        ("new", "assessed"),
        ("assessed", "drafting"),
        ("drafting", "in_review"),
        ("in_review", "approved"),
        ("approved", "responded"),
    ]


def test_who_decided_stands_beside_who_typed_it(life):
    reference = life.in_review()
    life.decide(reference, by="cs-nia", typed_by="root")
    (decided,) = life.events(reference, "decided")
    assert (decided.by, decided.typed_by) == ("cs-nia", "root")


def try_to_move(life: Life, reference: str, to: State) -> None:
    with life.desk.transaction() as session:
        complaint = session.get_one(Complaint, life.complaint(reference).id)
        move(session, complaint, to, event="moved", by=person("cs-nia"), at=life.now())


def test_an_illegal_move_writes_nothing(life):
    reference = life.in_review()
    before = life.events(reference)
    with pytest.raises(IllegalMove, match="is in_review; from there it cannot become closed"):
        try_to_move(life, reference, State.CLOSED)
    assert [event.hash for event in life.events(reference)] == [event.hash for event in before]
    assert life.state(reference) is State.IN_REVIEW


def test_a_move_whose_consequence_is_refused_takes_its_event_along(life):
    reference = life.in_review()
    with pytest.raises(IntegrityError, match="merged_has_a_target"):
        try_to_move(life, life.drafting(reference), State.MERGED)
    assert life.events(reference, "moved") == []
    assert broken(life) == []


def test_events_of_the_desk_itself_have_a_chain_of_their_own(life):
    stop_publishing(life.desk, "all", "uji", person("pr-sari"))
    stop_publishing(life.desk, "channel:x", "uji", person("pr-sari"))
    with life.desk.transaction() as session:
        events = (
            session.execute(select(Event).where(col(Event.chain) == trail.DESK).order_by(col(Event.number)))
            .scalars()
            .all()
        )
    assert [(event.number, event.name) for event in events] == [(1, "publishing_stopped"), (2, "publishing_stopped")]
    assert broken(life) == []


# Tampering


TAMPERED: dict[str, tuple[str, str]] = {
    "another person": ("UPDATE event SET by = 'cs-lain' WHERE chain = '{chain}' AND name = 'decided'", "was changed"),
    "another instant": (
        "UPDATE event SET at = at - interval '1 hour' WHERE chain = '{chain}' AND name = 'decided'",
        "was changed",
    ),
    "another verdict": (
        "UPDATE event SET data = jsonb_set(data, '{{verdict}}', '\"reject\"') WHERE chain = '{chain}' AND name = 'decided'",
        "was changed",
    ),
    "another name": ("UPDATE event SET name = 'noted' WHERE chain = '{chain}' AND name = 'decided'", "was changed"),
    "who typed it": ("UPDATE event SET typed_by = 'root' WHERE chain = '{chain}' AND name = 'decided'", "was changed"),
    "one taken out": ("DELETE FROM event WHERE chain = '{chain}' AND number = 3", "is missing"),
    "the last one taken out": (
        "DELETE FROM event WHERE chain = '{chain}' AND number = (SELECT max(number) FROM event WHERE chain = '{chain}')",
        "ends elsewhere",
    ),
    "one put in at the end": (
        "INSERT INTO event (chain, number, complaint_id, at, name, by, data, before, hash) SELECT chain, number + 1, "
        "complaint_id, at, name, by, data, hash, 'x' FROM event WHERE chain = '{chain}' ORDER BY number DESC LIMIT 1",
        "ends elsewhere",
    ),
    "one moved to another chain": (
        "UPDATE event SET chain = 'TG-1', number = 1 WHERE chain = '{chain}' AND number = 2",
        "is missing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_tampering_is_found(what, life):
    statement, found = TAMPERED[what]
    reference = life.in_review()
    life.decide(reference)
    tamper(life, statement.format(chain=reference))
    assert any(reference in said and found in said for said in broken(life)), broken(life)


def test_a_chain_that_was_rewritten_to_its_end_does_not_match_the_head(life):
    reference = life.responded()
    tamper(life, f"UPDATE event SET by = 'cs-lain' WHERE chain = '{reference}' AND name = 'decided'")
    rewrite(life, reference)
    assert broken(life) == [
        f"{reference}, event {len(life.events(reference))}: is the head that its row remembers, but the chain ends elsewhere"
    ]


def test_a_chain_rewritten_together_with_its_head_is_betrayed_by_the_anchor(life):
    reference = life.responded()
    anchor(life)
    tamper(life, f"UPDATE event SET by = 'cs-lain' WHERE chain = '{reference}' AND name = 'decided'")
    rewrite(life, reference)
    last = life.events(reference)[-1]
    tamper(life, f"UPDATE complaint SET head = '{last.hash}' WHERE id = {life.complaint(reference).id}")
    assert broken(life) == [
        f"{reference}, event {last.number}: is another one than was anchored on {life.now().date()}"
    ]


def test_a_chain_cut_together_with_its_head_is_betrayed_by_the_anchor(life):
    reference = life.responded()
    anchor(life)
    events = life.events(reference)
    tamper(
        life,
        f"DELETE FROM event WHERE chain = '{reference}' AND number = {events[-1].number}",
        f"UPDATE complaint SET events = events - 1, head = '{events[-2].hash}' WHERE id = {life.complaint(reference).id}",
    )
    assert broken(life) == [
        f"{reference}, event {events[-1].number}: was there when it was anchored on {life.now().date()}, and is gone"
    ]


def test_an_anchor_that_was_changed_is_found(life):
    life.responded()
    day = anchor(life).day
    tamper(life, "UPDATE anchor SET heads = '{}'")
    assert broken(life) == [f"the anchor of {day}, event 0: was changed, or one before it was"]


def test_an_anchor_that_was_taken_out_is_found_by_the_next_one(life):
    life.responded()
    first = anchor(life).day
    life.later(days=1)
    second = anchor(life).day
    tamper(life, f"DELETE FROM anchor WHERE day = '{first}'")
    assert broken(life) == [f"the anchor of {second}, event 0: was changed, or one before it was"]


def test_an_anchor_is_written_once_a_day(life):
    life.responded(handle="satu")
    first = anchor(life)
    life.responded(handle="dua")
    assert anchor(life).digest == first.digest


def test_an_anchor_holds_the_heads_of_what_grew_since_the_last(life):
    quiet = life.responded(handle="satu")
    life.later(hours=8)
    anchor(life)
    life.later(days=1)
    lively = life.responded(handle="dua")
    heads = anchor(life).heads
    assert set(heads) == {lively}
    assert heads[lively] == [life.complaint(lively).events, life.complaint(lively).head]
    assert quiet not in heads


def test_anchored_chains_that_only_grew_are_whole(life):
    reference = life.responded()
    anchor(life)
    life.later(days=1)
    resolve(life.desk, reference, person("cs-nia"), "Selesai.")
    anchor(life)
    assert broken(life) == []


def rewrite(life: Life, reference: str) -> None:
    """Recompute every hash of a chain, as somebody would who wants it to look whole."""
    with transaction(life.desk.engine) as session:
        session.execute(text("ALTER TABLE event DISABLE TRIGGER ALL"))
        before = ""
        for event in trail.history(session, session.get_one(Complaint, life.complaint(reference).id)):
            event.before = before
            event.hash = trail.digest_of(event)
            before = event.hash
            session.add(event)
        session.flush()
        session.execute(text("ALTER TABLE event ENABLE TRIGGER ALL"))


# Nobody stands in it by name


NAME, HANDLE, MAIL, PHONE = "Zulaikha Penanda", "penanda.unik", "zulaikha.penanda@contoh.id", "+628999123123"
WORDS = "kucingpenanda"
OURS = "jawabanpenanda"


def lives_with_markers(life: Life) -> dict[str, Callable[[], object]]:
    """Lives that between them write every kind of event, each with the customer's name and words all over it."""
    author = Author(id=HANDLE, handle=HANDLE, name=NAME, email=MAIL, phone=PHONE)

    def solved() -> None:
        reference = life.in_review(f"{WORDS} belum sampai", author=author, url=f"https://x.example/{HANDLE}/1")
        life.record(
            life.message(
                f"{WORDS} belum sampai, {OURS}", author=author, external_id=life.messages(reference)[0].external_id
            )
        )
        life.assess()
        life.answer()
        life.decide(reference, verdict=Verdict.CHANGES, note=f"sebut {NAME}")
        life.answer()
        note(life.desk, reference, f"{NAME} menelepon", person("cs-nia"))
        assign(life.desk, reference, "cs-nia", person("cs-lead"))
        correct(life.desk, reference, {"category": "service"}, person("cs-nia"), why=f"{NAME} bilang begitu")
        edit(
            life.desk,
            life.open_reviews(reference)[0].id,
            f"Halo Kak, kami mohon maaf. {OURS}, balas lewat pesan langsung ya.",
            person("cs-nia"),
        )
        with pytest.raises(Refused):
            life.decide(reference, by="cs-nia")
        life.decide(reference, by="cs-budi")
        life.publish()
        resolve(life.desk, reference, person("cs-nia"), f"{NAME} puas, {WORDS} ditemukan")
        life.later(hours=13)
        life.work()
        answer_survey(life.desk, life.complaint(reference).id, 1, f"{WORDS} masih hilang")
        life.work()

    def refused() -> None:
        reference = life.in_review(grave(life.assessor, f"{GRAVE} {WORDS}"), author=author, channel="x", addressed=True)
        with pytest.raises(Refused):
            life.decide(reference, Gate.PR, by="orang-lain")
        life.decide(reference, Gate.PR, Verdict.REJECT, note=f"{NAME} wartawan")
        draft_by_person(
            life.desk,
            reference,
            f"Halo Kak, kami mohon maaf. {OURS}, mari lanjut lewat pesan langsung.",
            person("cs-nia"),
            Visibility.PRIVATE,
        )

    def by_hand() -> None:
        life.with_channel(ManualChannel("x"))
        reference = life.comes(f"{WORDS} di linimasa", author=author, channel="x", addressed=True)
        life.assess()
        life.answer()
        life.approve_all(reference)
        posted(life.desk, reference, f"https://x.example/{HANDLE}", person("pr-sari"), found_text=f"{NAME} {OURS}")

    def forgotten() -> None:
        reference = life.comes(f"{WORDS} tolong hapus data saya", author=author, channel="facebook")
        life.work()
        erase(life.desk, reference, person("legal-tono"))

    return {"solved": solved, "refused": refused, "by_hand": by_hand, "forgotten": forgotten}


@pytest.mark.parametrize("which", ["solved", "refused", "by_hand", "forgotten"])
def test_no_event_tells_who_the_customer_is_or_what_anybody_said(which, life):
    lives_with_markers(life)[which]()
    with Session(life.desk.engine) as session:
        events = session.execute(select(Event)).scalars().all()
        told = json.dumps([event.model_dump(mode="json") for event in events], ensure_ascii=False).casefold()
    assert len(events) > 5
    for marker in (NAME, *NAME.split(), HANDLE, MAIL, PHONE, WORDS, OURS):
        assert marker.casefold() not in told


def test_a_digest_of_words_says_nothing_once_the_salt_is_forgotten(life):
    reference = life.comes(f"{WORDS} belum sampai")
    digest = life.events(reference, "received")[0].data["digest"]
    salt = life.complaint(reference).salt
    assert trail.salted(salt, f"{WORDS} belum sampai") == digest
    assert trail.salted(b"", f"{WORDS} belum sampai") != digest


def test_equal_words_of_two_customers_have_different_digests(life):
    first, second = life.comes(handle="satu"), life.comes(handle="dua")
    assert life.events(first)[0].data["digest"] != life.events(second)[0].data["digest"]


def test_events_are_counted_by_name_within_a_window(life):
    life.responded(handle="satu")
    start = life.later(days=1)
    life.responded(handle="dua")
    with life.desk.transaction() as session:
        counted = trail.count_by_name(session, start, start + timedelta(hours=1))
    assert (counted["received"], counted["responded"]) == (1, 1)
