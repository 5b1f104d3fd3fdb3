"""The public board: what stands on it, and what never does."""

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
    posted,
    reference_on,
    solve,
    words_on,
    work,
)

from db.clock import SetClock
from db.words import DeliveryKind, Visibility
from desk.gateway.rules import WebRules
from tasks.desk import Desk


@pytest.fixture
def web(desk: Desk, clock: SetClock) -> Desk:
    return on_the_web(desk, clock)


@pytest.fixture
def visitor(web: Desk, clock: SetClock) -> Iterator[Visitor]:
    with listening(web, WebRules(board_page=2, complaints_per_address=100, excerpt=60)) as url:
        yield Visitor(url, clock)


@pytest.fixture
def public(visitor: Visitor, web: Desk) -> str:
    """A public complaint that was read and answered."""
    page = visitor.complain(
        f"{LATE_PARCEL} Hubungi saya di 0812-3456-7890 atau rani@contoh.example, NIK 3174012304900001. Salam, Rani Wulandari",
        name="Rani Wulandari",
        contact="0812 3456 7890",
        number="PLG-88412",
        board="public",
    )
    work(web)
    approve(web)
    return reference_on(page)


def private_page(desk: Desk, reference: str) -> str:
    return f"/t/{complaint_of(desk, reference).token}"


def asked(visitor: Visitor, web: Desk, reference: str, clock: SetClock) -> str:
    """Its private page, after the ask."""
    page = private_page(web, reference)
    solve(web, reference, clock)
    visitor.post(f"{page}/survey", score="5", comment="")
    follow(web, clock, timedelta(seconds=1))
    return page


def test_an_empty_board_says_so(visitor: Visitor) -> None:
    assert "Belum ada keluhan di papan ini" in words_on(visitor.get("/board"))


def test_a_public_complaint_stands_on_the_board_with_the_answer(visitor: Visitor, web: Desk, public: str) -> None:
    [answer] = posted(web, public, DeliveryKind.REPLY)

    board, entry = visitor.get("/board"), visitor.get(f"/board/{public}")

    assert answer.visibility is Visibility.PUBLIC
    assert public in words_on(board)
    assert "Paket saya belum datang" in words_on(board)
    assert LATE_PARCEL in words_on(entry)
    assert " ".join(answer.text.split()) in words_on(entry)


def test_the_board_shows_no_person(visitor: Visitor, web: Desk, public: str) -> None:
    complaint = complaint_of(web, public)

    for page in (visitor.get("/board"), visitor.get(f"/board/{public}"), visitor.get(f"/board/{public}?lang=en")):
        for secret in (
            "Rani",
            "7890",
            "3456",
            "contoh.example",
            "3174012304900001",
            "PLG-88412",
            complaint.token,
        ):
            assert secret not in page.text


def test_a_complaint_stands_on_the_board_only_once_it_was_read(visitor: Visitor, web: Desk) -> None:
    reference = reference_on(visitor.complain(board="public"))

    before = visitor.get(f"/board/{reference}")
    intake(web)

    assert before.status_code == 404
    assert visitor.get(f"/board/{reference}").status_code == 200


def test_spam_never_stands_on_the_board(visitor: Visitor, web: Desk) -> None:
    reference = reference_on(visitor.complain("Main kasino di sini", board="public"))
    intake(web)

    assert visitor.get(f"/board/{reference}").status_code == 404
    assert reference not in words_on(visitor.get("/board"))


def test_a_private_complaint_never_stands_on_the_board(visitor: Visitor, web: Desk) -> None:
    reference = reference_on(visitor.complain())
    work(web)
    approve(web)

    assert visitor.get(f"/board/{reference}").status_code == 404
    assert reference not in words_on(visitor.get("/board"))


def test_private_messages_of_a_public_complaint_stay_private(visitor: Visitor, web: Desk, public: str) -> None:
    visitor.post(f"{private_page(web, public)}/messages", text="Rahasia: alamat saya Jalan Melati", form="a")
    work(web)
    approve(web)
    answers = posted(web, public, DeliveryKind.REPLY)

    entry = words_on(visitor.get(f"/board/{public}"))

    assert [answer.visibility for answer in answers] == [Visibility.PUBLIC, Visibility.PRIVATE]
    assert "Rahasia" not in entry
    assert " ".join(answers[1].text.split()) not in entry


def test_taking_it_off_hides_all_of_it(visitor: Visitor, web: Desk, public: str) -> None:
    visitor.post(f"{private_page(web, public)}/board", show="no")

    assert visitor.get(f"/board/{public}").status_code == 404
    assert public not in words_on(visitor.get("/board"))


def test_a_private_complaint_that_is_put_on_shows_its_text_and_no_private_answer(visitor: Visitor, web: Desk) -> None:
    reference = reference_on(visitor.complain())
    work(web)
    approve(web)
    [answer] = posted(web, reference, DeliveryKind.REPLY)

    visitor.post(f"{private_page(web, reference)}/board", show="yes")

    entry = words_on(visitor.get(f"/board/{reference}"))
    assert LATE_PARCEL in entry
    assert " ".join(answer.text.split()) not in entry


def test_the_authors_later_words_stand_with_their_complaint(
    visitor: Visitor, web: Desk, public: str, clock: SetClock
) -> None:
    page = asked(visitor, web, public, clock)

    visitor.post(f"{page}/words", text="Saya puas, paketnya sampai. WA 0812-3456-7890", form="a")
    unread = words_on(visitor.get(f"/board/{public}"))
    intake(web)

    entry = words_on(visitor.get(f"/board/{public}"))
    assert "Saya puas" not in unread
    assert "Kata pelanggan setelah selesai" in entry
    assert "Saya puas, paketnya sampai. WA •••••" in entry


def test_words_of_a_private_complaint_stand_without_it(visitor: Visitor, web: Desk, clock: SetClock) -> None:
    reference = reference_on(visitor.complain())
    work(web)
    approve(web)
    page = asked(visitor, web, reference, clock)

    visitor.post(f"{page}/words", text="Saya puas dengan penanganannya", form="a")
    intake(web)

    for shown in (words_on(visitor.get("/board")), words_on(visitor.get(f"/board/{reference}"))):
        assert "Saya puas dengan penanganannya" in shown
        assert LATE_PARCEL not in shown


def test_unhappy_words_stand_there_just_the_same(visitor: Visitor, web: Desk, public: str, clock: SetClock) -> None:
    page = asked(visitor, web, public, clock)

    visitor.post(f"{page}/words", text="Mengecewakan sekali, jangan percaya", form="a")
    intake(web)

    assert "Mengecewakan sekali, jangan percaya" in words_on(visitor.get(f"/board/{public}"))


def test_surveys_and_asks_never_stand_on_the_board(visitor: Visitor, web: Desk, public: str, clock: SetClock) -> None:
    asked(visitor, web, public, clock)
    personal = posted(web, public, DeliveryKind.SURVEY) + posted(web, public, DeliveryKind.ASK)

    entry = words_on(visitor.get(f"/board/{public}"))

    assert len(personal) == 2
    assert not any(" ".join(post.text.split()) in entry for post in personal)


def test_older_complaints_are_on_further_pages(visitor: Visitor, web: Desk) -> None:
    references = []
    for number in range(5):
        page = visitor.complain(f"Keluhan {number} tentang paket yang hilang {'z' * number}", board="public")
        references.append(reference_on(page))
    intake(web)

    seen: list[str] = []
    path = "/board"
    for _ in range(3):
        page = visitor.get(path)
        seen += [reference for reference in reversed(references) if f'id="{reference}"' in page.text]
        path = page.text.split('rel="next" href="')[1].split('"')[0] if 'rel="next"' in page.text else ""

    assert seen == list(reversed(references))
    assert path == ""


def test_a_strange_page_is_a_page(visitor: Visitor, public: str) -> None:
    for before in ("x", "-1", "999999999999999999", "9" * 30, "%00", "²"):
        assert visitor.get(f"/board?before={before}").status_code == 200


def test_an_unknown_reference_is_not_there(visitor: Visitor, public: str) -> None:
    for reference in ("TG-1", "TG-", "x", "%00", "TG-99999999999999999999", "é", "TG-²"):
        page = visitor.get(f"/board/{reference}")

        assert page.status_code == 404
        assert "Halaman ini tidak ada" in words_on(page)


def test_markup_on_the_board_stays_text(visitor: Visitor, web: Desk) -> None:
    reference = reference_on(visitor.complain("<img src=x onerror=alert(1)> rusak", board="public"))
    intake(web)

    page = visitor.get(f"/board/{reference}")

    assert "<img src=x" not in page.text
    assert "&lt;img src=x" in page.text
