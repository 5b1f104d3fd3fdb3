"""What the desk says in Slack beside its cards: to whom, when, once, and what came of it."""

from datetime import UTC, datetime, timedelta

import pytest
from factories import Life, grave, person
from slack_life import notices, show, words_of
from slack_server import CHANNELS, USERS

from db.tables import NoticeKind, NoticeState
from db.words import Gate, Kind, Severity, State, Verdict
from policy.slack import Notices, SlackRules
from tasks.absences import go_away
from tasks.digests import next_digest
from tasks.notices import due_at, queue
from tasks.people import assign
from tasks.readers import set_language
from tasks.slack_sending import next_due, next_jobs, send_due

pytest_plugins = ("lives", "slack_fixtures")


@pytest.fixture
def life(slack_life: Life) -> Life:
    return slack_life


def without_digest(life: Life) -> None:
    told = Notices(digest=False, at_once=(Severity.S1, Severity.S2))
    life.with_policy(slack=life.desk.policy.slack.model_copy(update={"notices": told}))


def personal(life: Life) -> list:
    return [one for one in notices(life) if one.kind in (NoticeKind.REMINDER, NoticeKind.ESCALATION)]


# Queued


def test_nothing_is_queued_where_the_company_has_no_channel_in_slack(life):
    life.with_policy(slack=SlackRules())
    life.in_review()
    life.run_for(days=3)

    assert notices(life) == []


def test_the_same_is_queued_once(life):
    for _ in range(3):
        with life.desk.transaction() as session:
            queue(session, life.desk, key="k", kind=NoticeKind.DIGEST, now=life.now(), channel=CHANNELS["cs"])

    assert len(notices(life)) == 1


def test_a_reminder_goes_to_the_gates_first_name(life, slack, slack_server):
    without_digest(life)
    reference = life.in_review()
    show(life, slack)
    life.run_for(hours=1)

    show(life, slack)

    (reminder,) = [one for one in personal(life) if one.data["what"] == "review"]
    assert (reminder.person, reminder.state) == ("cs-lead", NoticeState.DELIVERED)
    (message,) = slack_server.direct(USERS["cs-lead"])
    assert reference in words_of(message)
    told = life.events(reference, "notified")[0].data
    assert (told["kind"], told["to"], told["ok"]) == ("reminder", "cs-lead", True)


def test_an_escalation_goes_to_the_next_name(life, slack, slack_server):
    without_digest(life)
    reference = life.in_review(grave(life.assessor))
    show(life, slack)
    life.run_for(hours=12)

    show(life, slack)

    called = [one for one in personal(life) if one.kind is NoticeKind.ESCALATION and one.data["what"] == "review"]
    assert {one.person for one in called if one.data["gate"] == "pr"} == {"pr-lead", "exec-duty"}
    assert any(reference in words_of(one) for one in slack_server.direct(USERS["exec-duty"]))


def test_the_grave_is_told_at_night_and_the_mild_in_the_morning(life):
    without_digest(life)
    night = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)

    assert due_at(life.desk, Severity.S2, night) == night
    assert due_at(life.desk, Severity.S3, night) == life.desk.policy.calendar.next_opening(night) > night


def test_a_grave_reminder_goes_out_at_night(life, slack, slack_server):
    without_digest(life)
    life.clock.set(datetime(2026, 3, 2, 15, 0, tzinfo=UTC))
    life.in_review(grave(life.assessor))
    show(life, slack)
    life.run_for(hours=3)

    show(life, slack)

    assert slack_server.direct(USERS["pr-lead"]) != []
    assert not life.desk.policy.calendar.open_at(life.now())


def test_who_owns_a_complaint_is_told_of_its_answer(life, slack, slack_server):
    without_digest(life)
    reference = life.in_review()
    assign(life.desk, reference, "cs-nia", person("cs-lead"))
    life.run_for(hours=9)

    show(life, slack)

    assert any(one.person == "cs-nia" and one.data["what"] == "answer" for one in personal(life))
    assert any(reference in words_of(one) for one in slack_server.direct(USERS["cs-nia"]))


def test_what_is_held_too_long_is_told_to_its_owner(life, slack, slack_server):
    without_digest(life)
    reference = life.in_review()
    life.decide(reference, verdict=Verdict.REJECT)
    life.clock.set(life.complaint(reference).held_until)
    life.watch()

    show(life, slack)

    assert [one.person for one in personal(life) if one.data["what"] == "held"] == ["pr-lead"]
    assert any(reference in words_of(one) for one in slack_server.direct(USERS["pr-lead"]))


# Sent


def test_what_was_decided_meanwhile_is_not_said(life, slack, slack_server):
    without_digest(life)
    reference = life.in_review()
    life.run_for(hours=1)
    life.decide(reference)

    show(life, slack)

    (reminder,) = [one for one in personal(life) if one.data["what"] == "review"]
    assert (reminder.state, reminder.why) == (NoticeState.DROPPED, "decided")
    assert slack_server.direct(USERS["cs-lead"]) == []


def test_whoever_is_away_is_covered(life, slack, slack_server):
    without_digest(life)
    life.in_review()
    life.run_for(hours=1)
    go_away(life.desk, person("cs-lead"), life.now() + timedelta(days=1), cover="cs-nia")

    show(life, slack)

    assert slack_server.direct(USERS["cs-lead"]) == []
    assert slack_server.direct(USERS["cs-nia"]) != []


def test_somebody_without_a_slack_id_is_called_in_the_gates_channel(life, slack, slack_server):
    without_digest(life)
    people = {name: user for name, user in USERS.items() if name != "cs-lead"}
    life.with_policy(slack=life.desk.policy.slack.model_copy(update={"people": people}))
    reference = life.in_review()
    life.run_for(hours=1)

    show(life, slack)

    first, instead = [one for one in personal(life) if one.data["what"] == "review"]
    assert (first.state, first.why) == (NoticeState.FAILED, "no_slack_id")
    assert (instead.channel, instead.state) == (CHANNELS["cs"], NoticeState.DELIVERED)
    said = [one for one in slack_server.cards(CHANNELS["cs"]) if "cs-lead" in words_of(one)]
    assert len(said) == 1
    assert [event.data["ok"] for event in life.events(reference, "notified")] == [False, True]
    assert life.events(reference, "notified")[0].data["why"] == "no_slack_id"


def test_somebody_whom_slack_does_not_know_is_called_in_the_gates_channel(life, slack, slack_server, faulty):
    without_digest(life)
    life.in_review()
    life.run_for(hours=1)
    faulty.refuse("chat.postMessage", "channel_not_found", times=None, channel=USERS["cs-lead"])

    show(life, slack)

    assert [one.state for one in personal(life)[:2]] == [NoticeState.FAILED, NoticeState.DELIVERED]


def test_while_slack_is_away_a_reminder_waits(life, slack, slack_server, faulty):
    without_digest(life)
    life.in_review()
    show(life, slack)
    life.run_for(hours=1)
    faulty.fail("chat.postMessage", 503, times=2)

    for _ in range(5):
        show(life, slack)
        life.later(seconds=20)

    assert len(slack_server.direct(USERS["cs-lead"])) == 1


def test_a_reminder_whose_answer_was_lost_is_not_said_twice(life, slack, slack_server, faulty):
    without_digest(life)
    life.in_review()
    show(life, slack)
    life.run_for(hours=1)
    faulty.lose("chat.postMessage")

    for _ in range(5):
        show(life, slack)
        life.later(seconds=20)

    assert len(slack_server.direct(USERS["cs-lead"])) == 1
    assert personal(life)[0].state is NoticeState.DELIVERED


def test_a_person_is_spoken_to_in_their_own_language(life, slack, slack_server):
    without_digest(life)
    set_language(life.desk, USERS["cs-lead"], "en")
    life.in_review()
    life.run_for(hours=1)

    show(life, slack)

    (message,) = slack_server.direct(USERS["cs-lead"])
    assert "Decide by" in words_of(message)


# Digests


def test_each_gates_day_is_told_when_the_desk_opens(life, slack, slack_server):
    life.clock.set(datetime(2026, 3, 2, 20, 0, tzinfo=UTC))  # 03:00 in Jakarta
    reference = life.in_review(grave(life.assessor))
    show(life, slack)
    before = [one for one in notices(life) if one.kind is NoticeKind.DIGEST]
    opens = next_digest(life.desk)
    life.clock.set(opens)

    show(life, slack)

    digests = [one for one in notices(life) if one.kind is NoticeKind.DIGEST]
    assert before == []
    assert {one.data["gate"] for one in digests} == {"pr", "legal"}
    assert {one.state for one in digests} == {NoticeState.DELIVERED}
    assert life.desk.policy.calendar.open_at(opens)
    assert any(reference in words_of(one) and len(one["blocks"]) >= 2 for one in slack_server.cards(CHANNELS["pr"]))


def test_a_day_is_told_once(life, slack):
    life.in_review()
    show(life, slack)
    life.in_review(handle="dua")
    for _ in range(3):
        life.later(hours=1)
        show(life, slack)

    assert len(notices(life, kind=NoticeKind.DIGEST)) == 1
    assert next_digest(life.desk) > life.now() + timedelta(hours=12)


def test_where_nothing_waits_no_day_is_told(life, slack):
    show(life, slack)

    assert notices(life) == []


def test_a_morning_that_slack_slept_through_is_not_told_in_the_evening(life, slack, slack_server, faulty):
    life.in_review()
    faulty.fail("*", 503, times=None)
    send_due(life.desk, slack)
    life.clock.set(life.now() + timedelta(days=1, hours=5))
    faulty.mend()

    show(life, slack)

    (digest,) = notices(life, kind=NoticeKind.DIGEST)
    assert (digest.state, digest.why) == (NoticeState.DROPPED, "another_day")


def test_a_day_on_which_the_desk_is_closed_is_not_told(life, slack):
    life.clock.set(datetime(2026, 3, 8, 2, 0, tzinfo=UTC))
    closed = not life.desk.policy.calendar.open_at(life.now())
    life.in_review(grave(life.assessor))

    show(life, slack)

    assert closed
    assert notices(life, kind=NoticeKind.DIGEST) == []


# When there is something to do


def test_the_next_due_moment_is_that_of_the_next_notice(life, slack):
    without_digest(life)
    assert next_jobs(life.desk) == []
    assert next_due(life.desk) is None
    later = life.now() + timedelta(hours=3)
    with life.desk.transaction() as session:
        queue(session, life.desk, key="k", kind=NoticeKind.DIGEST, now=life.now(), due_at=later, channel=CHANNELS["cs"])

    assert next_due(life.desk) == later


def test_an_incident_free_question_is_reminded_of_too(life, slack):
    without_digest(life)
    reference = life.in_review(life.assessor.finds("jam buka berapa?", Kind.QUESTION))
    life.run_for(hours=8)

    assert life.state(reference) is State.IN_REVIEW
    assert {Gate(one.data["gate"]) for one in personal(life)} == {Gate.CS}
