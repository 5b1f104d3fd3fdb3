"""A complaint's private page: what its author reads there, and what they can do."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from gateway_site import (
    LATE_PARCEL,
    Visitor,
    approve,
    complaint_of,
    follow,
    intake,
    listening,
    on_the_web,
    path_of,
    posted,
    reference_on,
    send,
    solve,
    words_on,
    work,
)
from sqlalchemy import select
from sqlmodel import col

from db import trail
from db.clock import SetClock
from db.complaints import lock, messages_of
from db.tables import Complainant, FollowUp, WebPost
from db.words import DeliveryKind, State, Visibility
from desk.gateway.rules import WebRules
from tasks.desk import Desk
from tasks.follow_up import current
from tasks.merge import merge_into

UNHAPPY, HAPPY = "1", "5"


@pytest.fixture
def web(desk: Desk, clock: SetClock) -> Desk:
    return on_the_web(desk, clock)


@pytest.fixture
def visitor(web: Desk, clock: SetClock) -> Iterator[Visitor]:
    with listening(web) as url:
        yield Visitor(url, clock)


@pytest.fixture
def reference(visitor: Visitor, web: Desk) -> str:
    """A private complaint that was acknowledged."""
    made = reference_on(visitor.complain(contact="rani@contoh.example", name="Rani Wulandari"))
    work(web)
    return made


def page_of(desk: Desk, reference: str) -> str:
    return f"/t/{complaint_of(desk, reference).token}"


def names_of(desk: Desk, reference: str) -> list[str]:
    with desk.transaction() as session:
        return [event.name for event in trail.history(session, complaint_of(desk, reference))]


def resolution_of(desk: Desk, reference: str) -> FollowUp:
    with desk.transaction() as session:
        found = current(session, complaint_of(desk, reference).id)
    assert found
    return found


def test_the_acknowledgement_shows_only_once_it_was_delivered(visitor: Visitor, web: Desk) -> None:
    page = visitor.complain()
    reference = reference_on(page)
    intake(web)
    before = words_on(visitor.get(path_of(page)))

    send(web)

    after = words_on(visitor.get(path_of(page)))
    [post] = posted(web, reference, DeliveryKind.ACKNOWLEDGEMENT)
    assert " ".join(post.text.split()) not in before
    assert " ".join(post.text.split()) in after


def test_the_page_refreshes_itself_while_the_acknowledgement_is_awaited(visitor: Visitor, web: Desk) -> None:
    page = visitor.complain()
    assert 'http-equiv="refresh"' in page.text

    work(web)

    assert 'http-equiv="refresh"' not in visitor.get(path_of(page)).text


def test_the_page_stops_refreshing_after_a_minute(visitor: Visitor, web: Desk, clock: SetClock) -> None:
    page = visitor.complain()
    clock.set(clock.now() + timedelta(seconds=61))

    assert 'http-equiv="refresh"' not in visitor.get(path_of(page)).text


def test_a_text_that_gets_no_acknowledgement_is_not_waited_for(visitor: Visitor, web: Desk) -> None:
    page = visitor.complain("Saya puas sekali")
    work(web)

    assert 'http-equiv="refresh"' not in visitor.get(path_of(page)).text


def test_the_page_says_how_it_stands_without_our_inner_words(visitor: Visitor, web: Desk, reference: str) -> None:
    page = words_on(visitor.get(page_of(web, reference)))

    assert complaint_of(web, reference).state is State.IN_REVIEW
    assert "Sedang kami tangani" in page
    for inner in ("in_review", "review", "drafting", "S3", "S4", "gate", "held"):
        assert inner not in page


def test_the_page_promises_an_answer(visitor: Visitor, web: Desk, reference: str) -> None:
    assert "Jawaban kami janjikan paling lambat" in words_on(visitor.get(page_of(web, reference)))


def test_a_broken_promise_is_owned(visitor: Visitor, web: Desk, reference: str, clock: SetClock) -> None:
    clock.set(clock.now() + timedelta(days=30))

    assert "Kami terlambat" in words_on(visitor.get(page_of(web, reference)))


def test_an_answer_stands_on_the_page_once_it_was_approved(visitor: Visitor, web: Desk, reference: str) -> None:
    approve(web)

    [answer] = posted(web, reference, DeliveryKind.REPLY)
    page = words_on(visitor.get(page_of(web, reference)))
    assert " ".join(answer.text.split()) in page
    assert page.index(LATE_PARCEL) < page.index(" ".join(answer.text.split()))
    assert "Sudah kami jawab" in page


def test_a_reply_joins_the_complaint_in_private(visitor: Visitor, web: Desk, reference: str) -> None:
    approve(web)

    page = visitor.post(f"{page_of(web, reference)}/messages", text="Nomor resinya 8841", form="a")

    with web.transaction() as session:
        *_, last = messages_of(session, complaint_of(web, reference).id)
    assert (last.text, last.visibility, last.channel) == ("Nomor resinya 8841", Visibility.PRIVATE, "web")
    assert "Nomor resinya 8841" in words_on(page)
    assert path_of(page) == page_of(web, reference)


def test_a_reply_is_the_same_persons(visitor: Visitor, web: Desk, reference: str) -> None:
    visitor.post(f"{page_of(web, reference)}/messages", text="Nomor resinya 8841", form="a")

    with web.transaction() as session:
        first, last = [m for m in messages_of(session, complaint_of(web, reference).id) if m.direction == "in"]
    assert first.identity_id == last.identity_id


def test_a_reply_sent_twice_is_there_once(visitor: Visitor, web: Desk, reference: str) -> None:
    for _ in range(2):
        page = visitor.post(f"{page_of(web, reference)}/messages", text="Nomor resinya 8841", form="a")

    assert words_on(page).count("Nomor resinya 8841") == 1


def test_the_same_words_said_again_later_are_there_twice(visitor: Visitor, web: Desk, reference: str) -> None:
    for form in ("a", "b"):
        page = visitor.post(f"{page_of(web, reference)}/messages", text="Ada kabar?", form=form)

    assert words_on(page).count("Ada kabar?") == 2


def test_a_reply_that_cannot_be_taken_is_shown_again(visitor: Visitor, web: Desk, reference: str) -> None:
    page = visitor.post(f"{page_of(web, reference)}/messages", text="y" * 20_001, form="a")

    assert page.status_code == 422
    assert 'id="message-error"' in page.text
    assert "y" * 20_001 in page.text


def test_too_many_replies_wait_with_their_text_kept(web: Desk, clock: SetClock) -> None:
    with listening(web, WebRules(messages_per_complaint=1)) as url:
        visitor = Visitor(url, clock)
        reference = reference_on(visitor.complain())
        visitor.post(f"{page_of(web, reference)}/messages", text="Satu", form="a")

        page = visitor.post(f"{page_of(web, reference)}/messages", text="Dua", form="b")

    assert page.status_code == 429
    assert "Dua" in page.text


def test_writing_on_a_solved_complaint_reopens_it(visitor: Visitor, web: Desk, reference: str, clock: SetClock) -> None:
    approve(web)
    solve(web, reference, clock)

    visitor.post(f"{page_of(web, reference)}/messages", text="Paketnya ternyata kosong!", form="a")
    intake(web)

    assert complaint_of(web, reference).reopened == 1
    assert "Dibuka kembali" in words_on(visitor.get(page_of(web, reference)))


def test_no_survey_is_offered_before_one_was_sent(visitor: Visitor, web: Desk, reference: str) -> None:
    approve(web)

    assert 'name="score"' not in visitor.get(page_of(web, reference)).text


def test_a_survey_is_answered_on_the_page(visitor: Visitor, web: Desk, reference: str, clock: SetClock) -> None:
    approve(web)
    solve(web, reference, clock)
    assert 'name="score"' in visitor.get(page_of(web, reference)).text

    page = visitor.post(f"{page_of(web, reference)}/survey", score=HAPPY, comment=" Cepat <b>sekali</b> ")

    found = resolution_of(web, reference)
    assert (found.score, found.comment) == (5, "Cepat <b>sekali</b>")
    assert "penilaian Anda sudah kami terima" in words_on(page)
    assert 'name="score"' not in page.text


def test_an_unhappy_score_reopens(visitor: Visitor, web: Desk, reference: str, clock: SetClock) -> None:
    approve(web)
    solve(web, reference, clock)

    visitor.post(f"{page_of(web, reference)}/survey", score=UNHAPPY, comment="")

    assert complaint_of(web, reference).reopened == 1


def test_a_score_that_is_none_is_asked_again(visitor: Visitor, web: Desk, reference: str, clock: SetClock) -> None:
    approve(web)
    solve(web, reference, clock)

    for score in ("", "6", "٥"):
        page = visitor.post(f"{page_of(web, reference)}/survey", score=score, comment="Catatan saya")

        assert page.status_code == 422
        assert 'id="score-error"' in page.text
        assert "Catatan saya" in page.text


def test_a_survey_that_was_never_sent_cannot_be_answered(visitor: Visitor, web: Desk, reference: str) -> None:
    page = visitor.post(f"{page_of(web, reference)}/survey", score=HAPPY, comment="")

    assert page.status_code == 409
    assert "Survei ini sudah ditutup" in words_on(page)


def test_a_person_can_refuse_all_asking(visitor: Visitor, web: Desk, reference: str, clock: SetClock) -> None:
    approve(web)
    solve(web, reference, clock)

    page = visitor.post(f"{page_of(web, reference)}/no-asks")

    with web.transaction() as session:
        person = session.execute(select(Complainant)).scalar_one()
    assert person.refused_asks
    assert "tidak akan mengirimi Anda survei" in words_on(page)
    assert "asks_refused" in names_of(web, reference)


def test_public_words_can_be_left_after_the_ask_alone(visitor: Visitor, web: Desk, reference: str) -> None:
    approve(web)

    page = visitor.post(f"{page_of(web, reference)}/words", text="Saya puas", form="a")

    assert page.status_code == 400
    assert not complaint_of(web, reference).on_board


def test_public_words_come_in_as_the_same_persons(visitor: Visitor, web: Desk, reference: str, clock: SetClock) -> None:
    ask(visitor, web, reference, clock)
    assert "Ceritakan kepada umum" in words_on(visitor.get(page_of(web, reference)))

    page = visitor.post(f"{page_of(web, reference)}/words", text="Saya puas, terima kasih!", form="a")
    intake(web)

    with web.transaction() as session:
        *_, last = [m for m in messages_of(session, complaint_of(web, reference).id) if m.direction == "in"]
    assert (last.text, last.visibility) == ("Saya puas, terima kasih!", Visibility.PUBLIC)
    assert "post_found" in names_of(web, reference)
    assert complaint_of(web, reference).state is State.CLOSED
    assert "Terima kasih sudah bercerita" in words_on(page)


def test_the_board_is_the_authors_choice(visitor: Visitor, web: Desk, reference: str) -> None:
    visitor.post(f"{page_of(web, reference)}/board", show="yes")
    assert complaint_of(web, reference).on_board
    visitor.post(f"{page_of(web, reference)}/board", show="no")
    assert not complaint_of(web, reference).on_board

    with web.transaction() as session:
        chosen = [e for e in trail.history(session, complaint_of(web, reference)) if e.name == "board_choice"]
    assert [(e.by, e.data["on_board"], e.data["shows"]) for e in chosen] == [
        ("complainant", True, "all"),
        ("complainant", False, "nothing"),
    ]


def test_the_same_choice_again_writes_nothing(visitor: Visitor, web: Desk, reference: str) -> None:
    for _ in range(2):
        visitor.post(f"{page_of(web, reference)}/board", show="yes")

    assert names_of(web, reference).count("board_choice") == 1


def test_the_chains_hold_after_all_this(visitor: Visitor, web: Desk, reference: str, clock: SetClock) -> None:
    ask(visitor, web, reference, clock)
    visitor.post(f"{page_of(web, reference)}/words", text="Saya puas", form="a")
    visitor.post(f"{page_of(web, reference)}/board", show="yes")

    with web.transaction() as session:
        assert list(trail.verify(session)) == []


def test_an_unknown_token_says_nothing_but_that(visitor: Visitor) -> None:
    for token in ["x", "x" * 32, "%00" * 20, "é" * 20, "a" * 5000, "' OR 1=1 --aaaaaaaa"]:
        pages = [visitor.get(f"/t/{token}")]
        pages += [visitor.post(f"/t/{token}/{box}", text="halo") for box in ("messages", "survey", "words", "no-asks")]

        for page in pages:
            assert page.status_code == 404
            assert "Halaman ini tidak ada" in words_on(page)


def test_a_token_of_another_case_is_unknown(visitor: Visitor, web: Desk, reference: str) -> None:
    assert visitor.get(page_of(web, reference).swapcase().replace("/T/", "/t/")).status_code == 404


def test_getting_a_box_changes_nothing(visitor: Visitor, web: Desk, reference: str) -> None:
    before = complaint_of(web, reference).version, len(names_of(web, reference))

    for box in ("messages", "survey", "words", "board", "no-asks"):
        page = visitor.get(f"{page_of(web, reference)}/{box}?text=halo&show=yes&score=1")
        assert path_of(page) == page_of(web, reference)

    assert (complaint_of(web, reference).version, len(names_of(web, reference))) == before


def test_the_page_is_nobody_elses(visitor: Visitor, web: Desk, reference: str) -> None:
    page = visitor.get(page_of(web, reference))

    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert "noindex" in page.headers["X-Robots-Tag"]
    assert "Set-Cookie" not in page.headers


def test_a_complaint_from_elsewhere_shows_its_survey_and_not_its_talk(
    visitor: Visitor, web: Desk, reference: str, clock: SetClock
) -> None:
    approve(web)
    solve(web, reference, clock)
    with web.transaction() as session:
        complaint = complaint_of(web, reference)
        complaint.channel = "x"
        session.add(complaint)

    page = visitor.get(page_of(web, reference))
    answer = visitor.post(f"{page_of(web, reference)}/messages", text="halo", form="a")

    assert 'name="score"' in page.text
    assert LATE_PARCEL not in page.text
    assert 'name="text"' not in page.text
    assert answer.status_code == 400


def test_in_english_everything_keeps_to_english(visitor: Visitor, web: Desk, reference: str) -> None:
    page = visitor.get(f"{page_of(web, reference)}?lang=en")
    action = re.search(r'action="([^"]+/messages[^"]*)"', page.text)
    assert action

    answer = visitor.post(action[1], text="Any news?", form="a")

    assert "We are working on it" in words_on(page)
    assert answer.url.endswith("?lang=en")
    assert "Write back" in words_on(answer)


def test_private_posts_of_others_never_show(visitor: Visitor, web: Desk, reference: str, clock: SetClock) -> None:
    other = reference_on(Visitor(visitor.url, clock, address="198.51.100.1").complain("Tagihan saya salah, tolong cek"))
    work(web)

    page = words_on(visitor.get(page_of(web, reference)))

    assert other not in page
    assert "Tagihan saya salah" not in page


def test_a_merged_complaint_shows_its_own_side_alone(
    visitor: Visitor, web: Desk, reference: str, clock: SetClock
) -> None:
    other = reference_on(Visitor(visitor.url, clock, address="198.51.100.1").complain("Paket saya hilang, resi 8841"))
    work(web)
    with web.transaction() as session:
        first, later = lock(session, complaint_of(web, reference).id), lock(session, complaint_of(web, other).id)
        merge_into(session, web, later, first, by=trail.MACHINE_AUTHOR, now=clock.now())
    send(web)

    page = visitor.post(f"{page_of(web, other)}/messages", text="Masih saya tunggu", form="a")

    assert "Ditangani bersama keluhan Anda yang lebih dahulu" in words_on(page)
    assert "Masih saya tunggu" in words_on(page)
    assert LATE_PARCEL not in words_on(page)


def ask(visitor: Visitor, web: Desk, reference: str, clock: SetClock) -> None:
    """The whole way to the ask."""
    approve(web)
    solve(web, reference, clock)
    visitor.post(f"{page_of(web, reference)}/survey", score=HAPPY, comment="")
    follow(web, clock, timedelta(seconds=1))
    with web.transaction() as session:
        assert session.execute(select(WebPost).where(col(WebPost.kind) == DeliveryKind.ASK)).scalars().all()
