"""A draft is held against what the desk said before in its complaint and its incident."""

from datetime import timedelta

from factories import LATE, Life, person
from sqlalchemy import select
from sqlmodel import col

from db.tables import Complaint, Incident, IncidentMember, NoticeKind, SlackNotice, Statement
from db.words import IncidentState, Visibility
from integrations.slack.notices import draw_notice
from policy.slack import SlackRules
from tasks.articles import bring_in_articles
from tasks.broadcasts import queue_broadcasts
from tasks.decide import draft_by_person
from tasks.erase import erase
from tasks.fact_changes import fact_changes
from tasks.notice_facts import notice_of

pytest_plugins = ("lives",)

THREE_DAYS = (
    "Halo Kak, kami mohon maaf atas keterlambatannya. Refund Kakak masuk dalam 3 hari kerja. Mari lanjut lewat DM."
)
SEVEN_DAYS = "Halo Kak, kami mohon maaf. Refund Kakak masuk dalam 7 hari kerja. Kabari kami lewat DM bila belum."
A_DAY = timedelta(days=1)
IN_SLACK = {"gates": {"cs": {"channel": "C0CS"}}, "staff": {"channel": "C0STAFF"}}
VOUCHER = "Halo Kak, kami mohon maaf. Kompensasi voucher Rp{amount} kami kirim. Mari lanjut lewat DM."


def says(life: Life, reference: str, text: str, visibility: Visibility = Visibility.PUBLIC) -> list[dict]:
    """Somebody of customer service writes an answer; returns what contradicts."""
    draft_by_person(life.desk, reference, text, by=person("cs-nia"), visibility=visibility)
    return [finding for finding in life.drafts(reference)[-1].findings if finding["rule"] == "contradiction"]


def answered(life: Life, text: str, **changes: object) -> str:
    """A complaint that was answered with these words."""
    reference = life.in_review(LATE, **changes)
    assert says(life, reference, text) == []
    life.decide(reference, by="cs-budi")
    life.publish()
    return reference


def incident_of(life: Life, *references: str, **fields: object) -> int:
    """An incident with these members."""
    now = life.now()
    with life.desk.transaction() as session:
        incident = Incident(
            state=IncidentState.DECLARED, state_since=now, title="gangguan", opened_at=now, deadline=now, **fields
        )
        session.add(incident)
        session.flush()
        for reference in references:
            complaint = session.get_one(Complaint, int(reference.removeprefix("TG-")))
            complaint.incident_id = incident.id
            session.add(IncidentMember(incident_id=incident.id, complaint_id=complaint.id, joined_at=now))
        return incident.id


def test_a_second_answer_with_another_term_warns_and_names_the_first(life):
    reference = answered(life, THREE_DAYS)
    life.comes("kok lama?", in_reply_to=life.messages(reference)[0].external_id)
    (found,) = says(life, reference, SEVEN_DAYS)
    assert found["level"] == "warn"
    assert found["quote"] == "7 hari kerja"
    assert f"{reference}, 2026-03-02" in found["message"]
    assert "3 hari kerja" in found["message"]


def test_two_customers_of_one_incident_are_not_offered_different_compensation_unseen(life):
    first = answered(life, VOUCHER.format(amount="50.000"), handle="mira")
    second = life.in_review(LATE, handle="budi")
    incident_of(life, first, second)
    (found,) = says(life, second, VOUCHER.format(amount="25.000"))
    assert first in found["message"]
    assert "Rp50.000" in found["message"]


def test_other_peoples_matters_are_not_compared(life):
    answered(life, VOUCHER.format(amount="50.000"), handle="mira")
    second = life.in_review(LATE, handle="budi")
    assert says(life, second, VOUCHER.format(amount="25.000")) == []


def test_a_word_against_the_incidents_current_statement_is_blocked(life):
    reference = life.in_review(LATE)
    incident = incident_of(life, reference)
    with life.desk.transaction() as session:
        draft = life.drafts(reference)[0]
        stated = type(draft)(
            **draft.model_dump(exclude={"id", "complaint_id", "incident_id", "text"}),
            incident_id=incident,
            text="Kami sedang memeriksa kejadian ini. Penyebabnya belum diketahui.",
        )
        session.add(stated)
        session.flush()
        session.add(Statement(incident_id=incident, draft_id=stated.id, current_from=life.now()))
    (found,) = says(
        life, reference, "Halo Kak, kami mohon maaf. Ini disebabkan oleh server mati. Mari lanjut lewat DM."
    )
    assert found["level"] == "block"


# All staff are told


def test_an_approved_public_answer_that_changes_a_term_is_told_to_all_staff_with_old_and_new(life):
    life.with_policy(slack=SlackRules.model_validate(IN_SLACK))
    reference = answered(life, THREE_DAYS)
    life.comes("kok lama?", in_reply_to=life.messages(reference)[0].external_id)
    says(life, reference, SEVEN_DAYS)
    assert fact_changes(life.desk, A_DAY) == []
    life.decide(reference, by="cs-budi")
    (change,) = fact_changes(life.desk, A_DAY)
    assert (change.where, change.about, change.by) == (reference, "term", "cs-budi")
    assert change.old == "Refund Kakak masuk dalam 3 hari kerja"
    assert change.new == "Refund Kakak masuk dalam 7 hari kerja"
    assert life.events(reference, "fact_changed")[0].data["change"] == change.id
    assert queue_broadcasts(life.desk) == 1
    assert queue_broadcasts(life.desk) == 0
    with life.desk.transaction() as session:
        (notice,) = session.execute(select(SlackNotice).where(col(SlackNotice.kind) == NoticeKind.BROADCAST)).scalars()
        assert notice.channel == "C0STAFF"
        said = draw_notice(notice_of(session, life.desk, notice))
    assert "7 hari kerja" in str(said.blocks)
    assert "Sebelumnya" in str(said.blocks)


def test_what_is_settled_in_private_is_no_published_fact(life):
    reference = answered(life, THREE_DAYS)
    life.comes("kok lama?", in_reply_to=life.messages(reference)[0].external_id)
    says(life, reference, SEVEN_DAYS, Visibility.PRIVATE)
    life.decide(reference, by="cs-budi")
    assert fact_changes(life.desk, A_DAY) == []


def test_a_forgotten_customers_facts_are_forgotten_too(life):
    reference = answered(life, THREE_DAYS)
    life.comes("kok lama?", in_reply_to=life.messages(reference)[0].external_id)
    says(life, reference, SEVEN_DAYS)
    life.decide(reference, by="cs-budi")
    life.publish()
    erase(life.desk, reference, person("legal-tono"))
    (change,) = fact_changes(life.desk, A_DAY)
    assert (change.old, change.new) == ("", "")


def test_a_published_answer_that_reads_otherwise_is_told_to_all_staff(life):
    bring_in_articles(life.desk)
    assert fact_changes(life.desk, A_DAY) == []
    first, *others = [article for article in life.desk.policy.knowledge if article.public]
    rewritten = first.model_copy(update={"answer": "Kami kabari dalam dua hari kerja.", "version": "another"})
    life.later(minutes=1)
    life.with_policy(knowledge=(rewritten, *others), version="another")
    bring_in_articles(life.desk)
    (change,) = fact_changes(life.desk, A_DAY)
    assert (change.where, change.old, change.new) == (first.slug, first.answer, "Kami kabari dalam dua hari kerja.")
