"""Emergencies, legal holds and the clock of a breach notice: at once, kept, and in time."""

from datetime import date, timedelta

import pytest
from factories import Life, grave, person
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from db.tables import BreachState, EmergencyKind, NoticeKind, SlackNotice
from db.words import Gate, Risk, State
from integrations.slack.notices import draw_notice
from tasks.breach import dismiss, notified, start
from tasks.breach import see as breaches_of
from tasks.emergency import acknowledge, refer
from tasks.emergency import see as emergencies_of
from tasks.erase import erase
from tasks.export import as_json, read_case
from tasks.legal_hold import put_on, take_off
from tasks.legal_listing import urgent
from tasks.legal_road import answer_question, open_legal_road, see
from tasks.notes_in_threads import edit_note, note_from_thread, remove_note
from tasks.notice_facts import is_over, notice_of
from tasks.people import Mistake, correct, merge
from tasks.refusals import Refused

pytest_plugins = ("lives",)

LEAK = "data pribadi saya bocor, nomor hp saya disebar di grup"
UNEASY = "kok kurir kalian tahu nomor wa pribadi saya"
WHAT = "Ia menulis akan datang ke gerai dan memukul kasir."


def threatened(life: Life) -> str:
    """A complaint in which somebody threatens our staff, referred a moment ago."""
    reference = life.in_review()
    refer(life.desk, reference, EmergencyKind.THREAT_TO_STAFF, WHAT, person("cs-nia"))
    return reference


def called(life: Life, reference: str, what: str) -> list[tuple[str, str]]:
    """Whom the time called about it, gate by gate."""
    events = life.events(reference, "deadline_escalated")
    return [(event.data["gate"], event.data["to"]) for event in events if event.data.get("what") == what]


# Emergencies


def test_an_emergency_calls_legal_and_an_executive_at_once(life):
    reference = threatened(life)
    (event,) = life.events(reference, "emergency_referred")

    assert event.data["called"] == ["legal-lead", "exec-duty"]
    assert "memukul" not in str(event.data)
    assert life.state(reference) is State.IN_REVIEW


def test_slack_is_told_in_both_gates_and_to_both_people(life):
    slack = life.desk.policy.slack
    named = {Gate.LEGAL: "CLEGAL000", Gate.EXECUTIVE: "CEXEC0000"}
    channels = {gate: {"channel": channel, "language": "en"} for gate, channel in named.items()}
    life.with_policy(slack=type(slack).model_validate({**slack.model_dump(), "gates": channels}))

    reference = threatened(life)

    with life.desk.transaction() as session:
        wanted = select(SlackNotice).where(SlackNotice.data["what"].astext == "emergency")
        notices = session.execute(wanted).scalars().all()
        told = {(notice.person or notice.channel, notice.kind, notice.due_at) for notice in notices}
        said = {draw_notice(notice_of(session, life.desk, notice)).text for notice in notices}
    assert {who for who, _, _ in told} == {"legal-lead", "CLEGAL000", "exec-duty", "CEXEC0000"}
    assert {(kind, at) for _, kind, at in told} == {(NoticeKind.ESCALATION, life.now())}
    assert all(reference in one and "a threat to our staff" in one for one in said)


def test_slack_says_nothing_more_once_it_is_acknowledged(life):
    slack = life.desk.policy.slack
    channel = {Gate.LEGAL: {"channel": "CLEGAL000", "language": "id"}}
    life.with_policy(slack=type(slack).model_validate({**slack.model_dump(), "gates": channel}))
    reference = threatened(life)
    acknowledge(life.desk, reference, person("legal-tono"))

    with life.desk.transaction() as session:
        notices = session.execute(select(SlackNotice).where(SlackNotice.data["what"].astext == "emergency")).scalars()
        over = {(notice.data["gate"], is_over(session, life.desk, notice)) for notice in notices}

    assert over == {("legal", "over"), ("executive", None)}


def test_unacknowledged_it_goes_to_the_next_names_again_and_again(life):
    reference = threatened(life)
    life.run_for(hours=4)

    assert called(life, reference, "emergency")[:4] == [
        ("legal", "exec-duty"), ("executive", "exec-deputy"), ("legal", "exec-duty"), ("executive", "exec-deputy"),
    ]  # fmt: skip
    assert len(called(life, reference, "emergency")) > 4


def test_it_takes_somebody_of_each_gate(life):
    reference = threatened(life)
    acknowledge(life.desk, reference, person("legal-tono"))

    with pytest.raises(Refused) as refused:
        acknowledge(life.desk, reference, person("legal-tono"))
    assert refused.value.why == "second_gate"
    assert [line.waits_for for line in urgent(life.desk).emergencies] == [(Gate.EXECUTIVE,)]

    acknowledge(life.desk, reference, person("exec-hadi"), note="Keamanan gerai sudah ditambah.")
    life.run_for(days=1)

    assert urgent(life.desk).emergencies == ()
    assert called(life, reference, "emergency") == []


def test_whoever_belongs_to_neither_gate_acknowledges_nothing(life):
    reference = threatened(life)
    with pytest.raises(Refused) as refused:
        acknowledge(life.desk, reference, person("cs-nia"))
    assert refused.value.why == "not_a_member"


def test_a_courts_date_comes_with_its_date(life):
    reference = life.in_review()
    with pytest.raises(Mistake, match="needs the date"):
        refer(life.desk, reference, EmergencyKind.COURT_DATE, "Surat panggilan.", person("cs-nia"))

    refer(life.desk, reference, EmergencyKind.COURT_DATE, "Surat panggilan.", person("cs-nia"), date(2026, 4, 1))

    assert urgent(life.desk).emergencies[0].court_on == date(2026, 4, 1)


def test_it_stands_in_the_inbox_of_those_whom_it_calls(life):
    threatened(life)
    assert urgent(life.desk, person="exec-hadi").emergencies
    assert urgent(life.desk, Gate.LEGAL).emergencies
    assert not urgent(life.desk, person="cs-nia").emergencies


# Legal holds


def test_an_emergency_puts_its_complaint_under_a_legal_hold(life):
    reference = threatened(life)
    assert life.events(reference, "legal_hold_on")


def test_nothing_of_a_person_is_forgotten_while_a_hold_is_on(life):
    reference, other = life.responded(), life.responded("kopinya dingin")
    put_on(life.desk, reference, "Gugatan di pengadilan.", person("legal-tono"))

    with pytest.raises(Refused, match=f"{reference} is under a legal hold") as refused:
        erase(life.desk, other, person("legal-tono"))

    assert refused.value.why == "legal_hold"
    assert [event.data["hold_of"] for event in life.events(reference, "erase_refused")] == [reference]
    assert all(message.text for message in life.messages(reference))


def test_the_database_itself_keeps_what_is_held(life):
    reference = life.responded()
    put_on(life.desk, reference, "Gugatan di pengadilan.", person("legal-tono"))

    with pytest.raises(DBAPIError, match="nothing of it is forgotten"), life.desk.transaction() as session:
        session.execute(text("UPDATE complaint SET salt = ''"))


def test_a_hold_keeps_what_was_merged_into_its_complaint(life):
    reference, merged = life.responded(), life.in_review("kopinya dingin", handle="lain")
    merge(life.desk, merged, reference, person("cs-nia"))
    put_on(life.desk, reference, "Gugatan di pengadilan.", person("legal-tono"))

    with pytest.raises(Refused):
        erase(life.desk, merged, person("legal-tono"))


def test_only_legal_takes_a_hold_off(life):
    reference = life.responded()
    put_on(life.desk, reference, "Gugatan di pengadilan.", person("exec-hadi"))

    with pytest.raises(Refused) as refused:
        take_off(life.desk, reference, "sudah selesai", person("exec-hadi"))
    assert refused.value.why == "not_a_member"

    take_off(life.desk, reference, "Perkara dicabut.", person("legal-tono"))
    erase(life.desk, reference, person("legal-tono"))
    assert life.messages(reference)[0].text == ""


def test_a_note_that_is_taken_back_stays_until_the_hold_is_off(life):
    reference = life.responded()
    put_on(life.desk, reference, "Gugatan di pengadilan.", person("legal-tono"))
    review = life.reviews(reference)[0].id
    note_from_thread(life.desk, review, "Rina menelepon jam tiga.", person("cs-nia"), "1.1")
    edit_note(life.desk, "1.1", "Rina menelepon jam empat.", person("cs-nia"))
    remove_note(life.desk, "1.1", person("cs-nia"))

    kept = [note.text for note in read_case(life.desk, reference).notes]
    take_off(life.desk, reference, "Perkara dicabut.", person("legal-tono"))

    assert sorted(kept) == ["Rina menelepon jam empat.", "Rina menelepon jam tiga."]
    assert [note.text for note in read_case(life.desk, reference).notes] == ["", ""]


def test_an_export_says_that_a_hold_is_on(life):
    reference = life.responded()
    assert as_json(read_case(life.desk, reference))["legal_hold"] is None

    put_on(life.desk, reference, "Gugatan di pengadilan.", person("legal-tono"))

    assert as_json(read_case(life.desk, reference))["legal_hold"]["on_by"] == "legal-tono"


def test_what_was_written_about_a_forgotten_person_is_emptied(life):
    reference = life.responded()
    open_legal_road(life.desk, reference, "Mira menyebar tuduhan.", person("pr-sari"))
    answer_question(life.desk, reference, "what_they_said", "Mira minta biaya dokter diganti.", person("pr-sari"))
    refer(life.desk, reference, EmergencyKind.EXTORTION, "Mira minta sepuluh juta.", person("cs-nia"))
    acknowledge(life.desk, reference, person("legal-tono"), note="Mira sudah ditelepon.")
    start(life.desk, reference, person("cs-nia"))
    dismiss(life.desk, reference, "Mira salah lihat.", person("legal-tono"))
    take_off(life.desk, reference, "Mira sudah damai.", person("legal-tono"))

    erase(life.desk, reference, person("legal-tono"))

    assert "Mira" not in str(as_json(read_case(life.desk, reference)))
    assert see(life.desk, reference).road.ended_at is not None


# The clock of a breach notice


def test_an_alleged_leak_starts_the_clock_when_it_comes_in(life):
    reference = life.in_review(grave(life.assessor, LEAK, Risk.PRIVACY))
    (breach,) = breaches_of(life.desk, reference)

    assert breach.state is BreachState.RUNNING
    assert breach.due_at == life.messages(reference)[0].received_at + timedelta(hours=72)


def test_another_worry_about_data_is_suggested_with_its_time_running(life):
    reference = life.in_review(grave(life.assessor, UNEASY, Risk.PRIVACY))
    (line,) = urgent(life.desk).breaches

    assert (line.reference, line.state) == (reference, BreachState.SUGGESTED)
    assert line.due_at == life.messages(reference)[0].received_at + timedelta(hours=72)


def test_a_person_starts_it_without_winning_time(life):
    reference = life.in_review(grave(life.assessor, UNEASY, Risk.PRIVACY))
    life.later(hours=30)

    breach = start(life.desk, reference, person("cs-nia"))

    assert breach.state is BreachState.RUNNING
    assert breach.due_at == life.messages(reference)[0].received_at + timedelta(hours=72)


def test_the_term_ends_earlier_where_we_knew_earlier(life):
    reference = life.in_review()
    since = life.now() - timedelta(hours=10)
    assert start(life.desk, reference, person("cs-nia"), since).due_at == since + timedelta(hours=72)


def test_only_legal_says_that_we_knew_later(life):
    reference = life.in_review()
    later = life.later(hours=30)

    with pytest.raises(Refused) as refused:
        start(life.desk, reference, person("cs-nia"), later)

    assert refused.value.why == "not_allowed"
    assert breaches_of(life.desk, reference) == []
    assert start(life.desk, reference, person("legal-tono"), later).due_at == later + timedelta(hours=72)


def test_legal_is_told_at_once_reminded_and_then_called(life):
    reference = life.in_review(grave(life.assessor, LEAK, Risk.PRIVACY))
    life.run_for(hours=80)

    reminders = [event for event in life.events(reference, "deadline_reminded") if event.data.get("what") == "breach"]
    assert [(event.at - reminders[0].at) // timedelta(hours=1) for event in reminders] == [0, 24, 48, 66]
    assert called(life, reference, "breach") == [("legal", "legal-lead"), ("legal", "exec-duty")]


def test_the_clock_stops_when_everybody_was_notified(life):
    reference = life.in_review(grave(life.assessor, LEAK, Risk.PRIVACY))
    notified(life.desk, reference, "authority", person("legal-tono"))
    assert breaches_of(life.desk, reference)[0].state is BreachState.RUNNING

    notified(life.desk, reference, "data_subject", person("legal-tono"))
    life.run_for(days=5)

    assert breaches_of(life.desk, reference)[0].state is BreachState.NOTIFIED
    assert called(life, reference, "breach") == []
    assert [event.data["late"] for event in life.events(reference, "breach_clock_stopped")] == [False]


def test_only_legal_says_that_it_was_no_breach(life):
    reference = life.in_review(grave(life.assessor, UNEASY, Risk.PRIVACY))
    with pytest.raises(Refused):
        dismiss(life.desk, reference, "bukan data kami", person("cs-nia"))

    dismiss(life.desk, reference, "Nomornya dari resi, bukan bocor.", person("legal-tono"))

    assert urgent(life.desk).breaches == ()


def test_what_was_dismissed_comes_up_again_only_with_new_words(life):
    reference = life.in_review(grave(life.assessor, UNEASY, Risk.PRIVACY))
    dismiss(life.desk, reference, "Nomornya dari resi, bukan bocor.", person("legal-tono"))
    correct(life.desk, reference, {"risks": "privacy"}, person("cs-nia"))
    assert len(breaches_of(life.desk, reference)) == 1

    life.later(minutes=5)
    first = life.messages(reference)[0]
    life.assessor.finds(LEAK, risks=(Risk.PRIVACY,))
    life.record(life.message(LEAK, in_reply_to=first.external_id, channel=first.channel))
    life.assess()

    assert [breach.state for breach in breaches_of(life.desk, reference)] == [
        BreachState.DISMISSED,
        BreachState.RUNNING,
    ]


def test_a_person_who_finds_the_risk_has_the_clock_suggested(life):
    reference = life.in_review()
    correct(life.desk, reference, {"risks": "privacy"}, person("cs-nia"))
    assert [line.state for line in urgent(life.desk).breaches] == [BreachState.SUGGESTED]
    assert emergencies_of(life.desk, reference) == []
