"""Cards in a real Slack server: posted once, drawn anew when anything changes, scrubbed when their time is over."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from factories import Life, grave, person
from slack_life import actions_of, card_of_review, notices, show, words_of
from slack_server import CHANNELS, USERS

from db import trail
from db.complaints import lock
from db.tables import NoticeState, ReviewState, SlackCard
from db.words import Gate, Severity, State, Verdict
from integrations.record import Author
from integrations.slack.card import draw
from integrations.slack.client import Place
from policy.slack import GateInSlack, Notices, SlackRules
from tasks.card_facts import card_of
from tasks.card_following import follow
from tasks.cards import Drawn, draw_card, try_again_at
from tasks.decide import draft_by_person, edit
from tasks.erase import erase
from tasks.escalation import carried_by
from tasks.follow_up import resolve
from tasks.people import correct, note
from tasks.slack_backlog import backlog
from tasks.slack_sending import DECIDED, next_due, next_jobs, send_due
from tasks.take_over import take_over

pytest_plugins = ("lives", "slack_fixtures")

RUN = "11111111-2222-3333-4444-555555555555"
CLEAN = "Halo Kak, kami mohon maaf atas kejadian ini. Mari kita lanjutkan lewat pesan langsung ke akun ini."


@pytest.fixture
def life(slack_life: Life) -> Life:
    """A company that works in Slack, and wants no digest in these tests."""
    rules = slack_life.desk.policy.slack
    slack_life.with_policy(slack=rules.model_copy(update={"notices": Notices(digest=False)}))
    return slack_life


def the_review(life: Life, reference: str, gate: Gate = Gate.CS):
    return next(review for review in life.reviews(reference) if review.gate is gate)


def the_card(slack_server, gate: str = "cs") -> dict:
    (message,) = slack_server.cards(CHANNELS[gate])
    return message


# Posted once


def test_each_open_gate_gets_one_card_in_its_channel(life, slack, slack_server, faulty):
    reference = life.in_review(grave(life.assessor))

    show(life, slack)
    show(life, slack)

    gates = life.open_gates(reference)
    assert gates == {Gate.PR, Gate.LEGAL}
    for gate in gates:
        message = the_card(slack_server, gate.value)
        assert reference in message["text"]
        assert "approve" in actions_of(message)
    assert faulty.violations == []


def test_without_a_channel_a_review_has_no_card(life, slack):
    life.with_policy(slack=SlackRules())
    life.in_review()

    assert next_jobs(life.desk) == []
    assert next_due(life.desk) is None


def test_two_who_draw_one_card_at_once_post_it_once(life, slack, slack_server):
    reference = life.in_review()
    review = the_review(life, reference)
    barrier = threading.Barrier(6)

    def one(_: int) -> Drawn:
        barrier.wait()
        return draw_card(life.desk, slack, review.id).drawn

    with ThreadPoolExecutor(6) as pool:
        drawn = list(pool.map(one, range(6)))

    assert drawn.count(Drawn.POSTED) == 1
    assert the_card(slack_server)["ts"] == card_of_review(life, review).ts


def test_a_review_that_was_decided_before_its_card_was_posted_gets_none(life, slack, slack_server):
    reference = life.in_review()
    next_jobs(life.desk)
    life.decide(reference)

    show(life, slack)

    assert slack_server.cards(CHANNELS["cs"]) == []
    assert next_jobs(life.desk) == []


def test_the_gravest_is_posted_first_and_one_a_second_a_channel(life, slack, faulty):
    mild = life.in_review(handle="satu")
    severe = life.in_review(handle="dua")
    correct(life.desk, mild, {"severity": "S4"}, person("cs-nia"))

    jobs = [job for job in next_jobs(life.desk) if job.place == CHANNELS["cs"]]
    sent = send_due(life.desk, slack, jobs)

    assert [job.number for job in jobs[:2]] == [the_review(life, severe).id, the_review(life, mild).id]
    assert (sent.posted, sent.waiting) == (1, 1)
    life.later(seconds=1)
    assert send_due(life.desk, slack).posted >= 1
    assert card_of_review(life, the_review(life, mild)).ts is not None


def test_the_address_of_a_card_is_kept(life, slack, slack_server):
    reference = life.in_review()
    show(life, slack)

    assert card_of_review(life, the_review(life, reference)).url.startswith("http")


# Drawn anew


def test_what_did_not_change_is_not_drawn_again(life, slack, faulty):
    reference = life.in_review()
    show(life, slack)
    faulty.forget()

    outcome = draw_card(life.desk, slack, the_review(life, reference).id)

    assert outcome.drawn is Drawn.SAME
    assert faulty.counts()["chat.update"] == 0


def test_a_decision_takes_the_buttons_away_and_names_who(life, slack, slack_server):
    reference = life.in_review()
    show(life, slack)
    life.decide(reference, by="cs-nia")

    show(life, slack)

    message = the_card(slack_server)
    assert "approve" not in actions_of(message)
    assert "cs-nia" in words_of(message) or USERS["cs-nia"] in words_of(message)
    assert not card_of_review(life, the_review(life, reference)).live


def test_a_decision_comes_before_new_cards(life, slack):
    decided = life.in_review(handle="satu")
    show(life, slack)
    life.in_review(handle="dua")
    life.decide(decided)

    assert next_jobs(life.desk)[0].lane == DECIDED


def test_what_was_published_stands_on_the_card_with_its_link(life, slack, slack_server):
    reference = life.in_review()
    show(life, slack)
    life.decide(reference)
    life.publish()

    show(life, slack)

    with life.desk.transaction() as session:
        facts = card_of(session, life.desk, the_review(life, reference).id)
    assert facts.published_at == life.delivery(reference).sent_at
    assert facts.complaint_state == "responded"


def test_an_edit_voids_the_card_and_leads_to_the_new_one(life, slack, slack_server):
    reference = life.in_review()
    show(life, slack)
    old = the_review(life, reference)
    edit(life.desk, old.id, CLEAN, person("cs-nia"))

    show(life, slack)

    new = the_review(life, reference)
    first, second = slack_server.cards(CHANNELS["cs"])
    assert CLEAN[:40] in words_of(second)
    assert "approve" not in actions_of(first)
    assert card_of_review(life, new).url in words_of(first)


def test_a_gate_that_decided_is_shown_on_the_cards_of_the_others(life, slack, slack_server):
    reference = life.in_review(grave(life.assessor))
    show(life, slack)
    before = the_card(slack_server, "legal")
    life.decide(reference, Gate.PR)

    show(life, slack)

    after = the_card(slack_server, "legal")
    assert "approve" in actions_of(after)
    assert words_of(after) != words_of(before)


def test_whoever_took_it_over_is_named(life, slack):
    reference = life.in_review()
    show(life, slack)
    review = the_review(life, reference)
    take_over(life.desk, review.id, person("cs-nia"))

    show(life, slack)

    with life.desk.transaction() as session:
        facts = card_of(session, life.desk, review.id)
    assert (facts.void_why, facts.taken_by, facts.state) == ("taken_over", USERS["cs-nia"], "void")


def test_the_run_that_carries_a_round_is_linked_once_it_is_known(life, slack, slack_server):
    life.desk = replace(life.desk, prefect_url="http://127.0.0.1:4200")
    reference = life.in_review(grave(life.assessor))
    show(life, slack)
    (round_,) = life.rounds(reference)
    carried_by(life.desk, round_.id, RUN, 1)

    show(life, slack)

    shown = words_of(the_card(slack_server, "pr"))
    assert f"http://127.0.0.1:4200/runs/flow-run/{RUN}" in shown
    assert f"http://127.0.0.1:4200/artifacts/key/{reference.lower()}" in shown


def test_a_draw_that_was_overtaken_is_repeated(life, slack, slack_server, faulty):
    reference = life.in_review()
    show(life, slack)
    review = the_review(life, reference)
    note(life.desk, reference, "sudah ditelepon", person("cs-nia"))
    faulty.hang("chat.update", 0.5, arrives=True)
    correct(life.desk, reference, {"category": "billing"}, person("cs-nia"))
    drawing = threading.Thread(target=draw_card, args=(life.desk, slack, review.id))
    drawing.start()
    life.decide(reference)
    drawing.join()

    life.later(minutes=1)
    show(life, slack)

    assert "approve" not in actions_of(the_card(slack_server))


def test_an_event_that_is_committed_late_is_followed_all_the_same(life, slack):
    reference, other = life.in_review(handle="satu"), life.in_review(handle="dua")
    show(life, slack)
    with life.desk.transaction() as slow:
        complaint = lock(slow, life.complaint(reference).id)
        trail.append(slow, complaint, "noted_by_person", by=person("cs-nia"), at=life.now())
        slow.flush()
        life.decide(other)
        show(life, slack)
        show(life, slack)

    assert follow(life.desk) == 1
    assert [job.number for job in next_jobs(life.desk)] == [the_review(life, reference).id]


# What the card shows


def test_personal_data_is_covered_unless_it_is_revealed(life, slack, slack_server):
    words = "saya Zubaidah Quraisyin, telepon 0812-3456-7890, paket belum sampai"
    author = Author(id="zubaidah.q77", handle="zubaidah.q77", name="Zubaidah Quraisyin")
    reference = life.in_review(words, author=author)
    show(life, slack)

    shown = words_of(the_card(slack_server))
    assert not [secret for secret in ("Zubaidah", "zubaidah.q77", "3456") if secret in shown]
    assert "@zu•••" in shown
    with life.desk.transaction() as session:
        number = the_review(life, reference).id
        covered, revealed = card_of(session, life.desk, number), card_of(session, life.desk, number, reveal=True)
    assert (covered.covered, revealed.covered) == (True, False)
    assert revealed.complaint == words
    assert "Zubaidah Quraisyin" in revealed.author.name


def test_the_history_with_us_is_told(life):
    life.responded(handle="mira.home", text="kurirnya kasar sekali")
    life.later(days=20)
    reference = life.in_review("tagihan saya salah lagi", handle="mira.home")

    with life.desk.transaction() as session:
        author = card_of(session, life.desk, the_review(life, reference).id).author
    assert (author.complaints_before, author.answered_before, author.unhappy_before) == (1, 1, 0)


def test_why_it_is_so_grave_is_told_by_the_rule_or_by_the_person(life):
    reference = life.in_review(grave(life.assessor))
    number = the_review(life, reference, Gate.PR).id
    with life.desk.transaction() as session:
        by_rule = card_of(session, life.desk, number)
    correct(life.desk, reference, {"severity": "S1"}, person("cs-nia"), why="anaknya dirawat")
    with life.desk.transaction() as session:
        by_person = card_of(session, life.desk, number)

    assert by_rule.severity_because
    assert by_rule.risks == ("legal_threat",)
    assert by_person.severity_because == ("cs-nia: anaknya dirawat",)
    assert by_person.severity == Severity.S1


def test_what_they_wrote_since_the_last_answer_is_shown(life):
    reference = life.responded("kurirnya kasar")
    life.later(hours=1)
    first = life.messages(reference)[0]
    life.record(life.message("sekarang paketnya rusak", in_reply_to=first.external_id, channel=first.channel))
    life.assess()
    life.answer()

    with life.desk.transaction() as session:
        card = card_of(session, life.desk, the_review(life, reference).id)
    assert card.complaint == "sekarang paketnya rusak"
    assert card.messages == 2


# Slack does not do it


def test_a_try_whose_answer_was_lost_is_found_and_not_doubled(life, slack, slack_server, faulty):
    reference = life.in_review()
    faulty.lose("chat.postMessage")

    show(life, slack)
    life.later(minutes=2)
    show(life, slack)

    message = the_card(slack_server)
    assert card_of_review(life, the_review(life, reference)).ts == message["ts"]


def test_whoever_died_while_posting_leaves_no_second_card(life, slack, slack_server, faulty):
    reference = life.in_review()
    show(life, slack)
    review, (message,) = the_review(life, reference), slack_server.cards(CHANNELS["cs"])
    with life.desk.transaction() as session:
        card = session.get_one(SlackCard, review.id)
        card.ts, card.drawn, card.tried_at, card.due_at = None, None, life.now(), life.now()
        card.not_before = life.now() + timedelta(seconds=30)

    assert next_jobs(life.desk) == []
    life.later(seconds=31)
    show(life, slack)

    assert the_card(slack_server)["ts"] == message["ts"]
    assert card_of_review(life, review).ts == message["ts"]


def test_when_slack_asks_to_wait_it_is_left_alone_as_long(life, slack, slack_server, faulty):
    life.in_review()
    faulty.limit("chat.postMessage", seconds=17)

    send_due(life.desk, slack)
    faulty.forget()
    life.later(seconds=16)
    send_due(life.desk, slack)
    before = faulty.counts()["chat.postMessage"]
    life.later(seconds=2)
    show(life, slack)

    assert before == 0
    assert the_card(slack_server)


def test_while_slack_is_away_it_is_asked_less_and_less(life, slack, slack_server, faulty):
    for handle in ("satu", "dua", "tiga", "empat", "lima"):
        life.in_review(grave(life.assessor), handle=handle)
    faulty.fail("*", 503, times=None)

    for _ in range(60):
        send_due(life.desk, slack)
        life.later(seconds=1)

    assert faulty.counts().total() < 15
    assert life.now() < next_due(life.desk) <= life.now() + timedelta(minutes=1)
    with life.desk.transaction() as session:
        assert backlog(session, life.desk).cards == 10
    faulty.mend()
    life.later(minutes=1)
    show(life, slack)
    assert len(slack_server.cards(CHANNELS["pr"])) == len(slack_server.cards(CHANNELS["legal"])) == 5


def test_a_card_that_somebody_deleted_is_posted_again_and_that_is_an_event(life, slack, slack_server):
    reference = life.in_review()
    show(life, slack)
    review = the_review(life, reference)
    slack.remove(place_of(card_of_review(life, review)))
    correct(life.desk, reference, {"category": "billing"}, person("cs-nia"))

    show(life, slack)

    assert card_of_review(life, review).lost == 1
    assert "approve" in actions_of(the_card(slack_server))
    assert [event.data["review"] for event in life.events(reference, "card_posted_again")] == [review.id]


def place_of(card: SlackCard) -> Place:
    return Place(card.channel, card.ts)


def test_blocks_that_slack_refuses_become_plain_words_that_can_be_decided(life, slack, slack_server, faulty):
    reference = life.in_review()
    faulty.refuse("chat.postMessage", "invalid_blocks")

    show(life, slack)

    message = the_card(slack_server)
    assert card_of_review(life, the_review(life, reference)).plain
    assert "approve" in actions_of(message)


def test_where_no_blocks_are_taken_at_all_a_line_stands_there(life, slack, slack_server, faulty):
    reference = life.in_review()
    faulty.refuse("chat.postMessage", "invalid_blocks", times=None, with_blocks=True)

    show(life, slack)

    assert reference in the_card(slack_server)["text"]


def test_an_archived_channel_keeps_the_review_open_and_somebody_is_told_once(life, slack, slack_server, faulty):
    reference = life.in_review()
    faulty.refuse("chat.postMessage", "is_archived", times=None, channel=CHANNELS["cs"])

    for _ in range(20):
        show(life, slack)
        life.later(minutes=2)

    card = card_of_review(life, the_review(life, reference))
    assert (card.ts, card.why) == (None, "is_archived")
    assert the_review(life, reference).state is ReviewState.OPEN
    (told,) = [one for one in notices(life) if one.data.get("what") == "unposted"]
    assert (told.person, told.state) == ("cs-lead", NoticeState.DELIVERED)
    (message,) = [one for one in slack_server.direct(USERS["cs-lead"]) if "tanggap inbox" in words_of(one)]
    assert reference in words_of(message)


def test_a_channel_that_was_mended_is_used_at_once(life, slack, slack_server, faulty):
    life.in_review()
    faulty.refuse("chat.postMessage", "not_in_channel", times=None, channel=CHANNELS["cs"])
    for _ in range(4):
        show(life, slack)
        life.later(minutes=2)
    faulty.mend()

    try_again_at(life.desk, CHANNELS["cs"])
    show(life, slack)

    assert the_card(slack_server)


def test_the_open_cards_of_a_gate_follow_it_out_of_a_channel_that_cannot_be_used(life, slack, slack_server, faulty):
    reference = life.in_review()
    show(life, slack)
    faulty.refuse("chat.update", "is_archived", times=None, channel=CHANNELS["cs"])
    correct(life.desk, reference, {"category": "billing"}, person("cs-nia"))
    show(life, slack)
    rules = life.desk.policy.slack
    gates = {**rules.gates, Gate.CS: GateInSlack(channel=CHANNELS["executive"])}
    life.with_policy(slack=rules.model_copy(update={"gates": gates}))

    life.later(minutes=10)
    show(life, slack)

    assert "approve" in actions_of(the_card(slack_server, "executive"))


def test_a_revoked_token_is_not_tried_for_each_card(life, slack, slack_server, faulty):
    for handle in ("satu", "dua", "tiga"):
        life.in_review(grave(life.assessor), handle=handle)
    faulty.refuse("*", "token_revoked", times=None)

    send_due(life.desk, slack)
    send_due(life.desk, slack)

    assert faulty.counts()["chat.postMessage"] <= 2
    faulty.mend()
    life.later(minutes=2)
    show(life, slack)
    assert len(slack_server.cards(CHANNELS["pr"])) == 3


def test_a_mistake_of_ours_about_one_card_keeps_no_other_from_being_shown(life, slack, slack_server, monkeypatch):
    broken = life.in_review(handle="satu")
    fine = life.in_review(handle="dua")
    number = the_review(life, broken).id
    monkeypatch.setattr("tasks.cards.draw", breaks_at(number))

    show(life, slack)

    assert fine in the_card(slack_server)["text"]
    assert card_of_review(life, the_review(life, broken)).why == "ValueError"


def breaks_at(number: int):
    def drawing(card):
        if card.review == number:
            raise ValueError("a mistake")
        return draw(card)

    return drawing


# The thread


def test_the_story_of_a_review_stands_in_its_thread(life, slack, slack_server):
    reference = life.in_review(grave(life.assessor))
    show(life, slack)
    life.decide(reference, Gate.PR, by="pr-sari")
    life.decide(reference, Gate.LEGAL, by="legal-tono")
    life.publish()

    show(life, slack)

    for gate in ("pr", "legal"):
        message = the_card(slack_server, gate)
        lines = "\n".join(words_of(one) for one in slack_server.thread(CHANNELS[gate], message["ts"]))
        assert USERS["pr-sari"] in lines or "pr-sari" in lines
        assert USERS["legal-tono"] in lines or "legal-tono" in lines
    told = [one.data["event"] for one in notices(life, thread_of=the_review(life, reference, Gate.PR).id)]
    assert told == ["review_opened", "decided", "decided", "approved", "delivered"]


def test_a_line_whose_answer_was_lost_is_not_said_twice(life, slack, slack_server, faulty):
    life.in_review()
    review_card = draw_card(life.desk, slack, next_jobs(life.desk)[0].number)
    assert review_card.drawn is Drawn.POSTED
    life.later(seconds=2)
    faulty.lose("chat.postMessage")
    show(life, slack)
    life.later(minutes=2)
    show(life, slack)

    assert len(slack_server.thread(CHANNELS["cs"], the_card(slack_server)["ts"])) == 1


def test_no_line_carries_a_customers_words(life, slack, slack_server):
    reference = life.in_review("gerobak jagungnya ambruk", handle="zubaidah.q77")
    show(life, slack)
    life.decide(reference, verdict=Verdict.CHANGES, note="sebut nomor pesanan")
    show(life, slack)

    lines = slack_server.thread(CHANNELS["cs"], slack_server.cards(CHANNELS["cs"])[0]["ts"])
    assert lines
    assert not [one for one in lines if "gerobak" in words_of(one) or "zubaidah" in words_of(one)]


# Scrubbed


def closed(life: Life, slack) -> str:
    reference = life.in_review("gerobak jagungnya ambruk")
    show(life, slack)
    life.approve_all(reference)
    life.publish()
    show(life, slack)
    resolve(life.desk, reference, person("cs-nia"), "Sudah diganti.")
    for _ in range(60):
        if life.state(reference) is State.CLOSED:
            show(life, slack)
            return reference
        life.later(days=1)
        life.work()
    raise AssertionError("it was never closed")


def test_some_time_after_closing_nothing_but_reference_and_outcome_stands_there(life, slack, slack_server):
    reference = closed(life, slack)
    kept = life.desk.policy.slack.words_kept_for
    assert "gerobak" in words_of(slack_server.cards(CHANNELS["cs"])[0])

    life.later(seconds=kept.total_seconds() - 3600)
    show(life, slack)
    assert "gerobak" in words_of(slack_server.cards(CHANNELS["cs"])[0])
    life.later(hours=2)
    show(life, slack)

    message = slack_server.cards(CHANNELS["cs"])[0]
    assert "gerobak" not in words_of(message)
    assert reference in words_of(message)
    assert actions_of(message) == set()
    lines = slack_server.thread(CHANNELS["cs"], message["ts"])
    assert lines
    assert {words_of(line) for line in lines} == {words_of(lines[0])}
    assert "cs-nia" not in words_of(lines[0])
    assert {str(one.data) for one in notices(life)} == {"{}"}
    assert card_of_review(life, the_review(life, reference)).scrubbed_at is not None
    assert next_jobs(life.desk) == []


def test_when_a_person_is_forgotten_their_cards_are_scrubbed_at_once(life, slack, slack_server):
    reference = life.in_review("gerobak jagungnya ambruk")
    show(life, slack)

    erase(life.desk, reference, person("legal-tono"))
    show(life, slack)

    message = the_card(slack_server)
    assert "gerobak" not in words_of(message)
    assert reference in words_of(message)
    assert card_of_review(life, the_review(life, reference)).scrubbed_at is not None


def test_a_complaint_that_is_opened_again_keeps_its_words(life, slack, slack_server):
    reference = closed(life, slack)
    draft_by_person(life.desk, reference, CLEAN, person("cs-nia"))
    show(life, slack)

    life.later(days=40)
    show(life, slack)

    assert "gerobak" in words_of(slack_server.cards(CHANNELS["cs"])[0])
