"""What severity rests on beside the words, read from real rows."""

from dataclasses import replace
from datetime import timedelta

import pytest
from factories import Life, person
from sqlalchemy import event, select
from sqlmodel import col

from db.complaints import find
from db.tables import Assessment, Identity, Incident, IncidentMember
from db.words import IncidentState, Kind, Severity
from integrations.record import Author, Metrics
from tasks.changes import new_metrics
from tasks.merge import merge_into

GRUMBLE = "kurang suka warnanya"


@pytest.fixture
def life(desk, clock) -> Life:
    life = Life(desk, clock)
    life.assessor.finds(GRUMBLE, breach=False, asks=False, category=None, remedy=None)
    return life


def assessments(life: Life, reference: str) -> list[Assessment]:
    with life.desk.transaction() as session:
        number = find(session, reference).id
        query = select(Assessment).where(col(Assessment.complaint_id) == number).order_by(col(Assessment.id))
        return list(session.execute(query).scalars())


def around(life: Life, reference: str) -> dict:
    return assessments(life, reference)[-1].grading["around"]


def grumbles(life: Life, text: str = GRUMBLE, **changes: object) -> str:
    """A complaint that is S4 by its words alone."""
    life.assessor.finds(text, breach=False, asks=False, category=None, remedy=None)
    reference = life.comes(text, **changes)
    life.assess()
    return reference


def again(life: Life, reference: str, views: int) -> None:
    """The same message is assessed again, because more people saw it."""
    first = life.messages(reference)[0]
    assert new_metrics(life.desk, first.channel, first.account, first.external_id, Metrics(views=views))
    life.assess()


def joins(life: Life, reference: str, state: IncidentState, *, left: bool = False) -> str:
    with life.desk.transaction() as session:
        incident = Incident(
            state=state, state_since=life.now(), title="mati", opened_at=life.now(), deadline=life.now()
        )
        session.add(incident)
        session.flush()
        session.add(
            IncidentMember(
                incident_id=incident.id,
                complaint_id=find(session, reference).id,
                joined_at=life.now(),
                left_at=life.now() if left else None,
            )
        )
        return incident.reference


def test_a_stranger_who_grumbles_brings_nothing_along(life):
    reference = grumbles(life)

    assert around(life, reference) == {
        "media_account": False,
        "complaints_before": 0,
        "answer_late": False,
        "reopened": 0,
        "tier": None,
        "incident": None,
        "incident_reference": None,
        "promise_broken": False,
    }
    assert life.complaint(reference).severity is Severity.S4


# Repeat


def test_complaints_of_the_same_person_within_the_window_are_counted(life):
    grumbles(life, "warna pertama jelek")
    grumbles(life, "kemasan yang kedua penyok")
    third = grumbles(life, "stiker ketiga miring sekali")

    assert around(life, third)["complaints_before"] == 2
    assert life.complaint(third).severity is Severity.S3


def test_complaints_before_the_window_are_forgiven(life):
    grumbles(life, "warna pertama jelek")
    life.clock.set(life.now() + life.desk.policy.severities.repeat_within + timedelta(hours=1))
    later = grumbles(life, "kemasan yang kedua penyok")

    assert around(life, later)["complaints_before"] == 0


def test_a_question_before_is_no_complaint_before(life):
    life.comes(life.assessor.finds("jam buka berapa ya kak", Kind.QUESTION))
    life.assess()
    later = grumbles(life, "kemasan yang kedua penyok")

    assert around(life, later)["complaints_before"] == 0


def test_complaints_of_one_batch_count_each_other_in_their_order(life):
    texts = ["warna pertama jelek", "jam buka berapa ya kak", "stiker ketiga miring sekali"]
    life.assessor.finds(texts[1], Kind.QUESTION)
    references = [life.comes(text) for text in texts]
    life.assess()

    assert [around(life, reference)["complaints_before"] for reference in references] == [0, 1, 1]


def test_a_person_is_known_again_by_the_telephone_number(life):
    grumbles(life, "warna pertama jelek", author=Author(id="a", phone="+62 812 3456 789"))
    other = grumbles(
        life, "kemasan yang kedua penyok", channel="facebook", author=Author(id="b", phone="0812-3456-789")
    )

    assert around(life, other)["complaints_before"] == 1


def test_a_merged_complaint_counts_once(life):
    first, second = life.comes("paket pertama hilang"), life.comes("teknisi kedua tidak pernah datang")
    life.assess()
    with life.desk.transaction() as session:
        merge_into(session, life.desk, find(session, second), find(session, first), by=person("cs-nia"), now=life.now())
    third = grumbles(life, "stiker ketiga miring sekali")

    assert around(life, third)["complaints_before"] == 1


def test_what_was_before_is_asked_once_a_batch(life):
    for number in range(3):
        grumbles(life, f"keluhan nomor {number} tentang hal lain", handle=f"orang{number}")
    asked = []
    listened = life.desk.engine

    def statements(number: int) -> int:
        for which in range(number):
            life.comes(f"lagi nih {number} {which} beda", handle=f"orang{which}")
        asked.clear()
        event.listen(listened, "before_cursor_execute", hear)
        life.assess()
        event.remove(listened, "before_cursor_execute", hear)
        return sum("complaint_1.opened_at >=" in one or "incident_member" in one for one in asked)

    def hear(_connection, _cursor, statement, *_rest):
        asked.append(statement)

    assert statements(1) == statements(3) == 2


# Promises


def test_an_answer_that_is_late_is_a_promise_broken(life):
    reference = grumbles(life, addressed=True, metrics=Metrics(views=3_000))
    life.clock.set(life.complaint(reference).answer_by + timedelta(minutes=1))
    again(life, reference, 3_500)

    found = around(life, reference)
    assert (found["answer_late"], found["promise_broken"]) == (True, True)
    assert life.complaint(reference).severity is Severity.S3


def test_an_answer_in_time_breaks_nothing(life):
    reference = grumbles(life, addressed=True, metrics=Metrics(views=3_000))
    again(life, reference, 3_500)

    assert around(life, reference)["promise_broken"] is False
    assert life.complaint(reference).severity is Severity.S4


def test_a_word_after_it_was_solved_says_that_the_promise_was_not_kept(life):
    reference = life.resolved()
    angry = life.assessor.finds("belum beres juga! bohong semua!", anger=2)
    first = life.messages(reference)[0]
    life.record(life.message(angry, in_reply_to=first.external_id))
    life.assess()

    found = around(life, reference)
    assert (found["reopened"], found["promise_broken"]) == (1, True)
    assert life.complaint(reference).reopened == 1
    assert life.complaint(reference).severity is Severity.S2


def test_more_readers_of_what_was_solved_break_no_promise(life):
    reference = life.resolved(metrics=Metrics(views=10))
    again(life, reference, 150_000)

    assert around(life, reference)["promise_broken"] is False


# Who writes


def test_a_tier_comes_in_with_the_record_and_stays(life):
    grumbles(life, "warna pertama jelek", author=Author(id="ig7", tier="Gold"))
    reference = grumbles(life, "kemasan yang kedua penyok", author=Author(id="ig7"))

    assert around(life, reference)["tier"] == "Gold"
    with life.desk.transaction() as session:
        assert session.execute(select(Identity.tier)).scalars().one() == "Gold"
    assert "its author is one of our valuable customers" in assessments(life, reference)[-1].because


@pytest.mark.parametrize(
    ("changes", "press"),
    [
        ({"author": Author(id="1", handle="DetikCom")}, True),
        ({"author": Author(id="1", handle="@detikcom")}, True),
        ({"author": Author(id="1", handle="detikcom_fans")}, False),
        ({"channel": "bluesky", "author": Author(id="1", handle="redaksi.tempo.co")}, True),
        ({"channel": "mastodon", "author": Author(id="1", handle="@rini@tempo.co")}, True),
        ({"channel": "mastodon", "author": Author(id="1", handle="@rini@temporer.co")}, False),
        ({"channel": "email", "author": Author(id="rini@kompas.com", email="rini@kompas.com")}, True),
        ({"channel": "email", "author": Author(id="rini@mykompas.com", email="rini@mykompas.com")}, False),
        ({"channel": "rss", "author": None, "url": "https://www.detik.com/news/1"}, True),
        ({"channel": "rss", "author": None, "url": "https://blog.example/detik.com"}, False),
        ({"channel": "rss", "author": None, "url": "https://[broken"}, False),
    ],
)
def test_a_media_account_is_known_by_its_handle_or_domain(life, changes, press):
    reference = grumbles(life, **changes)

    assert around(life, reference)["media_account"] is press
    assert ("media" in life.complaint(reference).risks) is press


# Incidents


@pytest.mark.parametrize(
    ("state", "left", "severity"),
    [
        (IncidentState.SUSPECTED, False, Severity.S3),
        (IncidentState.DECLARED, False, Severity.S2),
        (IncidentState.DECLARED, True, Severity.S4),
        (IncidentState.DISMISSED, False, Severity.S4),
        (IncidentState.CLOSED, False, Severity.S4),
    ],
)
def test_an_open_incident_weighs_on_its_members(life, state, left, severity):
    reference = grumbles(life, metrics=Metrics(views=10))
    incident = joins(life, reference, state, left=left)
    again(life, reference, 20)

    weighs = severity is not Severity.S4
    assert around(life, reference)["incident_reference"] == (incident if weighs else None) or not weighs
    assert life.complaint(reference).severity is severity


# What is kept


def test_the_facts_and_the_rules_that_held_are_kept_with_the_assessment(life):
    reference = grumbles(life, author=Author(id="9", followers=120_000, verified=True), metrics=Metrics(views=240_000))

    kept = assessments(life, reference)[-1].grading
    assert kept["policy"] == life.desk.policy.version
    assert (kept["reach"]["views"], kept["reach"]["followers"], kept["visibility"]) == (240_000, 120_000, "public")
    assert [(rule["severity"], rule["when"]) for rule in kept["rules"]] == [
        ("S2", {"views_from": 100_000}),
        ("S2", {"followers_from": 100_000}),
        ("S3", {"kind": ["complaint"], "verified": True, "visibility": "public"}),
    ]


def test_other_reasons_for_the_same_severity_are_kept_but_are_no_news(life):
    reference = grumbles(life, metrics=Metrics(views=10), author=Author(id="9", tier="gold"))
    joins(life, reference, IncidentState.SUSPECTED)
    events = life.names(reference)
    again(life, reference, 20)

    first, second = assessments(life, reference)
    assert first.severity is second.severity is Severity.S3
    assert "it belongs to a suspected incident" in second.because
    assert life.names(reference) == events


def test_an_own_window_for_repeats_holds(life):
    severities = life.desk.policy.severities.model_copy(update={"repeat_within": timedelta(minutes=1)})
    life.desk = replace(life.desk, policy=replace(life.desk.policy, severities=severities))
    grumbles(life, "warna pertama jelek")
    life.later(minutes=2)

    assert around(life, grumbles(life, "kemasan yang kedua penyok"))["complaints_before"] == 0
