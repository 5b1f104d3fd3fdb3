"""What waits and for whom, a case in short, how the desk stands: as Slack's pages and answers are told it."""

from datetime import timedelta

import pytest
from factories import Life, grave, person
from slack_life import show
from slack_server import CHANNELS, USERS

from db.words import Gate, Verdict
from integrations.record import Author
from integrations.slack.showing import Filters
from tasks.absences import go_away
from tasks.card_facts import case_of, desk_state, home_of, messages_of_case, timeline_of, waiting_of
from tasks.decide import edit
from tasks.kill_switch import stop_publishing
from tasks.people import note

pytest_plugins = ("lives", "slack_fixtures")

CLEAN = "Halo Kak, kami mohon maaf atas kejadian ini. Mari kita lanjutkan lewat pesan langsung ke akun ini."


@pytest.fixture
def life(slack_life: Life) -> Life:
    return slack_life


def home(life: Life, name: str, filters: Filters | None = None):
    with life.desk.transaction() as session:
        return home_of(session, life.desk, USERS.get(name, "U0X"), name, filters or Filters(), "id")


def waiting(life: Life, **which):
    with life.desk.transaction() as session:
        return waiting_of(session, life.desk, **which)


def test_what_waits_for_somebody_is_of_their_gates_alone(life):
    mild, severe = life.in_review(handle="satu"), life.in_review(grave(life.assessor), handle="dua")

    assert [one.reference for one in home(life, "cs-nia").waiting] == [mild]
    assert [(one.reference, one.gate) for one in home(life, "pr-sari").waiting] == [(severe, "pr")]
    assert home(life, "pr-sari").gates == ("pr",)


def test_the_most_urgent_comes_first(life):
    first = life.in_review(handle="satu")
    life.later(hours=1)
    second = life.in_review(handle="dua")

    assert [one.reference for one in waiting(life, gate=Gate.CS)] == [first, second]
    assert [one.reference for one in waiting(life, gate=Gate.CS, limit=1)] == [first]


def test_ones_own_words_wait_for_others(life):
    reference = life.in_review()
    (review,) = life.open_reviews(reference)
    edit(life.desk, review.id, CLEAN, person("cs-nia"))

    assert home(life, "cs-nia").waiting == ()
    assert [one.reference for one in home(life, "cs-raka").waiting] == [reference]


def test_filters_are_applied(life):
    life.in_review(grave(life.assessor))

    assert home(life, "pr-sari", Filters(gate="legal")).waiting == ()
    assert home(life, "pr-sari", Filters(severity="S4")).waiting == ()
    assert home(life, "pr-sari", Filters(late_only=True)).waiting == ()
    life.later(days=2)
    (late,) = home(life, "pr-sari", Filters(late_only=True)).waiting
    assert late.late


def test_what_was_decided_lately_is_listed(life):
    reference = life.in_review()
    life.decide(reference, verdict=Verdict.REJECT, by="cs-nia")

    (line,) = home(life, "cs-nia").decided
    assert (line.reference, line.verdict, line.state) == (reference, "reject", "held")


def test_somebody_whom_nobody_named_is_told_so_and_sees_nothing_else(life):
    life.in_review()

    found = home(life, "orang")

    assert (found.known, found.waiting, found.decided, found.gates) == (False, (), (), ())
    assert found.desk.open_reviews == 1


def test_who_is_away_and_who_covers_stands_on_their_pages(life):
    until = life.now() + timedelta(days=2)
    go_away(life.desk, person("pr-lead"), until, cover="pr-sari")

    assert (home(life, "pr-lead").away_until, home(life, "pr-lead").cover) == (until, "pr-sari")
    assert home(life, "pr-sari").covers_for == ("pr-lead",)


def test_the_way_to_a_card_is_given_once_it_stands_there(life, slack):
    life.in_review()
    before = waiting(life)
    show(life, slack)

    assert before[0].card_url is None
    assert waiting(life)[0].card_url.startswith("http")


def test_the_desk_in_numbers(life):
    life.in_review()
    stop_publishing(life.desk, "channel:x", "salah templat", person("pr-lead"))
    life.later(days=3)

    with life.desk.transaction() as session:
        found = desk_state(session, life.desk)
    assert (found.open_reviews, found.late_reviews, found.late_complaints) == (1, 1, 1)
    assert found.stopped == ("channel:x",)
    assert found.backlog == 1


def test_a_case_in_short_covers_who_complains(life, slack):
    author = Author(id="zubaidah.q77", handle="zubaidah.q77", name="Zubaidah Quraisyin")
    reference = life.in_review("saya Zubaidah Quraisyin, hubungi 0812-3456-7890", author=author)
    show(life, slack)

    with life.desk.transaction() as session:
        case = case_of(session, life.desk, reference)
    assert "Zubaidah" not in case.excerpt
    assert "3456" not in case.excerpt
    assert [one.gate for one in case.gates] == ["cs"]
    assert len(case.cards) == 1
    assert CHANNELS["cs"] in case.cards[0]


def test_the_whole_talk_is_covered_unless_it_is_revealed(life):
    reference = life.responded("telepon saya 0812-3456-7890", handle="mira.home")

    with life.desk.transaction() as session:
        covered = messages_of_case(session, life.desk, reference)
        revealed = messages_of_case(session, life.desk, reference, reveal=True)
    assert [one.inbound for one in covered] == [True, False, False]
    assert "3456" not in covered[0].text
    assert "3456" in revealed[0].text
    assert (covered[0].author, covered[1].author) == ("@mi•••", "")


def test_the_timeline_has_the_words_of_notes(life):
    reference = life.in_review()
    note(life.desk, reference, "sudah ditelepon", person("cs-nia"))

    with life.desk.transaction() as session:
        lines = timeline_of(session, life.desk, reference)
    (written,) = [line for line in lines if line.note]
    assert (written.name, written.by, written.note) == ("noted_by_person", USERS["cs-nia"], "sudah ditelepon")
