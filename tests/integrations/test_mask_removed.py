"""What its author took down loses its words here too, where the platform's terms demand it; the complaint stays."""

from datetime import timedelta

import pytest
from command_line import CommandLine
from factories import LATE, Life, person
from slack_life import show, words_of
from slack_server import CHANNELS
from sqlalchemy import select, update

from db import trail
from db.tables import Assessment, LlmAnswer, Message, MessageRevision, Quarantined
from db.words import Category, LlmUse, State, Visibility
from desk.gateway.rules import WebRules
from desk.gateway.talk import read_talk
from integrations.record import Attachment, Metrics, Unreadable
from integrations.slack.card import draw
from integrations.slack.lists import draw_case
from integrations.slack.modals import text_modal
from integrations.slack.rows import waiting_line
from policy.assessment import Evidence
from policy.slack import Notices
from tasks.card_facts import card_of, case_of, messages_of_case, waiting_of
from tasks.changes import edited, new_metrics, taken_down
from tasks.erase import erase
from tasks.export import as_json, read_case
from tasks.follow_up import resolve
from tasks.legal_hold import put_on, take_off
from tasks.listing import inbox
from tasks.mask import mask_removed
from tasks.people import merge
from tasks.record import record
from tasks.watch import next_moment

pytest_plugins = ("lives", "slack_fixtures")

ORDER = "TK-220145"
WORDS = f"{LATE}, nomor pesanan {ORDER}"
DAY = timedelta(hours=24)
ON_X = {"channel": "x", "addressed": True, "summoned": True, "external_id": "p-1"}


def take_down(life: Life, reference: str) -> None:
    """Its author takes their first message down."""
    first = life.messages(reference)[0]
    assert taken_down(life.desk, first.channel, first.account, first.external_id)


def masked(life: Life, text: str = WORDS, **changes: object) -> str:
    """A complaint in review whose post was taken down longer ago than words may be kept."""
    reference = life.in_review(text, **(ON_X | changes))
    take_down(life, reference)
    life.answer()
    life.later(hours=24)
    assert mask_removed(life.desk) == 1
    return reference


def first_of(life: Life, reference: str) -> Message:
    return life.messages(reference)[0]


# When


def test_the_words_go_when_the_time_is_over_not_before(life):
    reference = life.in_review(WORDS, **ON_X)
    take_down(life, reference)
    at = life.now() + DAY

    life.run_for(hours=24, seconds=-1)
    assert first_of(life, reference).text == WORDS
    assert next_moment(life.desk) == at

    life.run_for(seconds=1)
    message = first_of(life, reference)
    assert (message.text, message.masked_at) == ("", at)
    assert [event.at for event in life.events(reference, "masked")] == [at]


@pytest.mark.parametrize(("channel", "after"), [("x", 1), ("instagram", 1), ("facebook", 1), ("youtube", 7)])
def test_each_platforms_terms_have_their_time(channel, after, life):
    reference = life.comes(channel=channel, addressed=True)
    life.assess()
    take_down(life, reference)

    life.later(days=after, seconds=-1)
    assert mask_removed(life.desk) == 0
    life.later(seconds=1)
    assert mask_removed(life.desk) == 1


def test_where_no_terms_demand_it_the_words_stay(life):
    reference = life.in_review(channel="mastodon", addressed=True)
    take_down(life, reference)
    life.run_for(days=40)
    assert first_of(life, reference).text == LATE


def test_what_stands_there_keeps_its_words(life):
    reference = life.in_review(**ON_X)
    life.run_for(days=3)
    assert first_of(life, reference).text == LATE


def test_a_company_may_set_a_time_of_its_own(life):
    rules = life.desk.policy.channels
    mastodon = rules.of("mastodon").model_copy(update={"mask_removed_after": timedelta(minutes=5)})
    life.with_policy(channels=rules.model_copy(update={"channels": {**rules.channels, "mastodon": mastodon}}))
    reference = life.in_review(channel="mastodon", addressed=True)
    take_down(life, reference)
    life.run_for(minutes=5)
    assert first_of(life, reference).text == ""


def test_what_was_never_read_is_read_first(life):
    reference = life.comes(**ON_X)
    take_down(life, reference)
    life.later(days=2)
    assert mask_removed(life.desk) == 0

    life.assess()
    assert mask_removed(life.desk) == 1
    assert life.complaint(reference).category is Category.DELIVERY


# What


def test_every_copy_of_the_words_goes(life):
    life.assessor.finds(WORDS, evidence=(Evidence("kind", "belum sampai", 17, 29),))
    raw = f'{{"text": "{WORDS}"}}'.encode()
    record(life.desk, [Unreadable("call", "it names no author", raw, "x")], source="x/default")
    picture = (Attachment("ktp-mira.jpg", "image/jpeg", 7),)
    reference = life.comes("paket saya mana", **ON_X, attachments=picture)
    life.record(life.message(WORDS, **ON_X, raw=raw))
    life.assess()
    with life.desk.transaction() as session:
        complaint = life.complaint(reference).id
        session.add(
            LlmAnswer(
                key="k", at=life.now(), use=LlmUse.TRANSLATE, complaint_id=complaint, model="m", answer={"t": WORDS}
            )
        )
    take_down(life, reference)
    life.later(hours=24)
    mask_removed(life.desk)

    message = first_of(life, reference)
    assert (message.text, message.raw, message.numbers, message.attachments[0]["name"]) == ("", b"", [], "")
    with life.desk.transaction() as session:
        assert [(one.text, one.raw) for one in session.execute(select(MessageRevision)).scalars()] == [("", None)]
        assert [one.evidence for one in session.execute(select(Assessment)).scalars()] == [[]]
        assert [one.raw for one in session.execute(select(Quarantined)).scalars()] == [b""]
        assert session.execute(select(LlmAnswer)).first() is None
    file = str(as_json(read_case(life.desk, reference), raw=True))
    assert all(word not in file for word in ("belum sampai", ORDER, "paket saya mana", "ktp"))


def test_the_complaint_its_trail_and_our_answers_stay(life):
    reference = life.responded(WORDS, **ON_X)
    life.publish()
    before, names = life.complaint(reference), life.names(reference)
    ours = [(one.text, one.platform_id, one.state) for one in life.deliveries(reference)]
    take_down(life, reference)
    life.run_for(hours=24)

    after = life.complaint(reference)
    assert (after.state, after.category, after.severity) == (before.state, before.category, before.severity)
    assert life.names(reference) == [*names, "removed", "masked"]
    assert [(one.text, one.platform_id, one.state) for one in life.deliveries(reference)] == ours
    with life.desk.transaction() as session:
        assert list(trail.verify(session)) == []


def test_other_messages_of_the_complaint_keep_their_words(life):
    reference = life.in_review(WORDS, **ON_X)
    again = "masih belum juga, tolong"
    life.record(life.message(again, channel="x", addressed=True, in_reply_to="p-1"))
    life.assess()
    take_down(life, reference)
    life.run_for(hours=24)
    assert [message.text for message in life.messages(reference) if message.direction == "in"] == ["", again]


@pytest.mark.parametrize("raw_came_twice", [True, False])
def test_what_comes_again_brings_no_words_back(raw_came_twice, life):
    item = life.message(WORDS, **ON_X)
    reference = f"TG-{life.record(item).complaints[0]}"
    life.assess()
    take_down(life, reference)
    life.run_for(hours=24)

    again = item if raw_came_twice else life.message("kata lain", metrics=Metrics(views=9), **ON_X)
    assert life.record(again).summary()["known"] == 1
    assert not edited(life.desk, "x", "default", "p-1", "kata lain lagi")
    new_metrics(life.desk, "x", "default", "p-1", Metrics(views=5_000_000))
    take_down(life, reference)
    life.run_for(days=3)

    message = first_of(life, reference)
    assert (message.text, message.raw, message.assess_due) == ("", b"", False)
    assert life.names(reference).count("masked") == 1


def test_a_person_can_still_be_forgotten(life):
    reference = masked(life)
    erase(life.desk, reference, person("legal-tono"))
    assert first_of(life, reference).identity_id is None


def test_what_was_erased_is_not_masked_as_well(life):
    reference = life.in_review(WORDS, **ON_X)
    take_down(life, reference)
    erase(life.desk, reference, person("legal-tono"))
    life.run_for(days=2)
    assert "masked" not in life.names(reference)


# A legal hold


def test_under_a_legal_hold_the_words_stay_until_it_is_taken_off(life):
    reference = life.in_review(WORDS, **ON_X)
    put_on(life.desk, reference, "Gugatan.", person("legal-tono"))
    take_down(life, reference)
    life.run_for(days=9)
    assert first_of(life, reference).text == WORDS

    take_off(life.desk, reference, "Selesai.", person("legal-tono"))
    life.run_for(seconds=1)
    assert first_of(life, reference).text == ""


def test_a_hold_on_the_complaint_that_it_was_merged_into_keeps_them_too(life):
    target = life.in_review("kulkas saya bocor", channel="x", addressed=True, handle="budi")
    reference = life.in_review(WORDS, **ON_X)
    merge(life.desk, reference, target, person("cs-nia"))
    put_on(life.desk, target, "Gugatan.", person("legal-tono"))
    take_down(life, reference)
    life.run_for(days=2)
    assert first_of(life, reference).text == WORDS


# The desk goes on


def led_to(life: Life, state: State) -> str:
    match state:
        case State.ASSESSED:
            reference = life.comes(WORDS, **ON_X)
            life.assess()
        case State.DRAFTING:
            reference = life.in_review(WORDS, **ON_X)
            take_down(life, reference)
        case State.IN_REVIEW:
            reference = life.in_review(WORDS, **ON_X)
        case State.APPROVED:
            reference = life.approved(WORDS, **ON_X)
        case State.RESPONDED:
            reference = life.responded(WORDS, **ON_X)
        case _:
            reference = life.resolved(WORDS, **ON_X)
    assert life.state(reference) is state
    return reference


@pytest.mark.parametrize(
    "state",
    [State.ASSESSED, State.DRAFTING, State.IN_REVIEW, State.APPROVED, State.RESPONDED, State.RESOLVED],
)
def test_wherever_a_complaint_stands_work_goes_on_without_the_words(state, life):
    reference = led_to(life, state)
    take_down(life, reference)
    life.later(hours=24)
    assert mask_removed(life.desk) == 1

    life.work()
    life.approve_all(reference)
    life.run_for(days=1)
    life.record(life.message("halo, bagaimana kelanjutannya?", channel="x", addressed=True, in_reply_to="p-1"))
    life.run_for(days=1)
    life.approve_all(reference)
    life.run_for(hours=1)

    assert len(life.messages(reference)) >= 2
    if life.state(reference) is State.RESPONDED:
        resolve(life.desk, reference, person("cs-nia"), "Paket sudah diantar.")
        life.run_for(days=40)
        assert life.state(reference) is State.CLOSED


def test_after_it_was_masked_the_answer_goes_privately(life):
    reference = masked(life)
    life.approve_all(reference)
    life.publish()
    assert life.delivery(reference).visibility is Visibility.PRIVATE
    assert life.state(reference) is State.RESPONDED


# What people see


@pytest.mark.parametrize(("language", "said"), [("en", "taken down by its author"), ("id", "dihapus oleh penulisnya")])
def test_wherever_slack_showed_the_words_it_says_that_they_were_taken_down(language, said, life):
    reference = masked(life)
    (review,) = life.open_reviews(reference)
    with life.desk.transaction() as session:
        card = card_of(session, life.desk, review.id, language=language, reveal=True)
        case = case_of(session, life.desk, reference)
        talk = messages_of_case(session, life.desk, reference, reveal=True)
        (waiting,) = waiting_of(session, life.desk)
    shown = [
        draw(card).blocks, draw_case(case, language).blocks,
        text_modal(card, talk, card.draft)["blocks"], waiting_line(language, waiting),
    ]  # fmt: skip
    for one in shown:
        assert said in str(one)
        assert "padahal sudah seminggu" not in str(one)


def test_of_several_messages_the_card_says_how_many_were_taken_down(life):
    reference = life.in_review(WORDS, **ON_X)
    life.record(life.message("masih belum juga, tolong", channel="x", addressed=True, in_reply_to="p-1"))
    life.work()
    take_down(life, reference)
    life.run_for(hours=24)
    (review,) = life.open_reviews(reference)
    with life.desk.transaction() as session:
        card = card_of(session, life.desk, review.id, language="en", reveal=True)
    assert card.complaint == "masih belum juga, tolong"
    assert "1 message was taken down by its author; our copy was masked" in str(draw(card).blocks)


def test_a_card_that_stands_in_slack_loses_the_words(slack_life, slack, slack_server):
    life, rules = slack_life, slack_life.desk.policy.slack
    life.with_policy(slack=rules.model_copy(update={"notices": Notices(digest=False)}))
    reference = life.in_review(WORDS, **ON_X)
    show(life, slack)
    (before,) = slack_server.cards(CHANNELS["cs"])
    take_down(life, reference)
    life.answer()
    life.run_for(hours=24)
    show(life, slack)

    assert "padahal sudah seminggu" in words_of(before)
    for card in slack_server.cards(CHANNELS["cs"]):
        assert "padahal sudah seminggu" not in words_of(card)
        assert "dihapus oleh penulisnya" in words_of(card)


def test_the_command_line_says_that_the_words_were_taken_down(life, monkeypatch, capsys, tmp_path):
    reference = masked(life)
    tanggap = CommandLine(monkeypatch, capsys, tmp_path).at(life.desk)
    for command in (
        ("complaints",), ("complaint", reference), ("complaint", reference, "--why"), ("inbox",)
    ):  # fmt: skip
        ran = tanggap(*command)
        assert ran.code == 0, ran.err
        assert "taken down by its author" in " ".join(ran.out.split()), command
    assert [line.masked for line in inbox(life.desk)] == [True]


def test_the_private_page_tells_its_author_that_they_took_it_down(life):
    reference = life.comes(WORDS, channel="web", external_id="w-1")
    life.assess()
    with life.desk.transaction() as session:
        session.execute(
            update(Message).values(text="", raw=b"", removed_at=life.now(), masked_at=life.now(), assess_due=False)
        )
    token = life.complaint(reference).token
    with life.desk.transaction() as session:
        talk = read_talk(session, token, life.now(), WebRules())
    assert [line.masked for line in talk.lines if line.kind is None] == [True]
