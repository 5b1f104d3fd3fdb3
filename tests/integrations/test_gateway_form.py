"""The complaint form over HTTP: what it takes, what it says back, and what it catches."""

import io
import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests
from gateway_site import LATE_PARCEL, Visitor, complaint_of, listening, on_the_web, path_of, reference_on, words_on
from sqlalchemy import func, select
from sqlmodel import col

from db.clock import SetClock
from db.complaints import messages_of
from db.tables import Complaint, Identity, Message, Quarantined, RateUse
from db.words import Visibility
from desk.gateway.rules import WebRules
from integrations.intake.reading import read_file
from integrations.record import Incoming
from tasks.desk import Desk


@pytest.fixture
def web(desk: Desk, clock: SetClock) -> Desk:
    return on_the_web(desk, clock)


@pytest.fixture
def url(web: Desk) -> Iterator[str]:
    with listening(web) as url:
        yield url


@pytest.fixture
def visitor(url: str, clock: SetClock) -> Visitor:
    return Visitor(url, clock)


def complaints(desk: Desk) -> list[Complaint]:
    with desk.transaction() as session:
        return list(session.execute(select(Complaint).order_by(col(Complaint.id))).scalars())


def quarantined(desk: Desk) -> list[Quarantined]:
    with desk.transaction() as session:
        return list(session.execute(select(Quarantined)).scalars())


def test_the_form_speaks_the_visitors_language(visitor: Visitor) -> None:
    for query, accepted, language in [
        ("", "", "id"),
        ("", "en-GB,en;q=0.9,id;q=0.4", "en"),
        ("", "fr,ja;q=0.5", "id"),
        ("", "id,en;q=0.9", "id"),
        ("?lang=en", "id", "en"),
        ("?lang=xx", "en", "en"),
        ("", "q=;;,en;q=nonsense", "id"),
    ]:
        visitor.language = accepted

        page = visitor.get("/" + query)

        assert f'<html lang="{language}">' in page.text
        assert ("Apa yang terjadi?" in page.text) == (language == "id")


def test_a_complaint_leads_to_its_private_page_with_its_reference(visitor: Visitor, web: Desk) -> None:
    page = visitor.complain(name="Rani", contact="Rani@Contoh.example", number="INV-20260701-88")

    [complaint] = complaints(web)
    assert page.status_code == 200
    assert path_of(page) == f"/t/{complaint.token}"
    assert complaint.reference in words_on(page)
    assert LATE_PARCEL in words_on(page)


def test_a_complaint_is_recorded_with_who_wrote_it(visitor: Visitor, web: Desk) -> None:
    visitor.complain(name="Rani", contact=" Rani@Contoh.example ", number="INV-20260701-88")

    with web.transaction() as session:
        message = session.execute(select(Message)).scalar_one()
        identity = session.execute(select(Identity)).scalar_one()
    assert (message.channel, message.account, message.visibility) == ("web", "default", Visibility.PRIVATE)
    assert (message.text, message.subject) == (LATE_PARCEL, "Pesanan INV-20260701-88")
    assert (identity.external_id, identity.email, identity.name) == (
        "rani@contoh.example",
        "rani@contoh.example",
        "Rani",
    )


def test_a_phone_number_is_kept_as_other_channels_write_it(visitor: Visitor, web: Desk) -> None:
    visitor.complain(contact="0812-3456 7890")

    with web.transaction() as session:
        identity = session.execute(select(Identity)).scalar_one()
    assert (identity.external_id, identity.phone) == ("6281234567890", "6281234567890")


def test_the_raw_record_is_one_that_an_import_takes(visitor: Visitor, web: Desk, clock: SetClock) -> None:
    visitor.complain("Paket <b>rusak</b>\r\nparah", name="Rani")

    with web.transaction() as session:
        message = session.execute(select(Message)).scalar_one()
    [item] = _read(message.raw or b"", clock)
    assert isinstance(item, Incoming)
    assert (item.channel, item.external_id, item.text) == ("web", message.external_id, "Paket <b>rusak</b>\nparah")


def test_a_public_choice_makes_the_complaint_public(visitor: Visitor, web: Desk) -> None:
    visitor.complain(board="public")

    [complaint] = complaints(web)
    assert (complaint.visibility, complaint.on_board) == (Visibility.PUBLIC, True)


def test_without_the_choice_it_is_private(visitor: Visitor, web: Desk) -> None:
    visitor.complain(board="whatever")

    [complaint] = complaints(web)
    assert (complaint.visibility, complaint.on_board) == (Visibility.PRIVATE, False)


def test_an_error_stands_at_its_field_with_what_was_typed(visitor: Visitor, web: Desk) -> None:
    for field, value, says in [
        ("text", "", "Tuliskan pesan Anda di sini."),
        ("text", " \n\u200b ", "Tuliskan pesan Anda di sini."),
        ("text", "x" * 20_001, "20.001 karakter, sedangkan batasnya 20.000"),
        ("contact", "bukan kontak", "Ini bukan alamat e-mail atau nomor telepon."),
        ("contact", "a@b", "Ini bukan alamat e-mail atau nomor telepon."),
        ("name", "n" * 201, "Terlalu panjang; paling banyak 200 karakter."),
        ("number", "1" * 201, "Terlalu panjang; paling banyak 200 karakter."),
    ]:
        typed = {
            "text": LATE_PARCEL,
            "name": "Rani",
            "contact": "rani@contoh.example",
            "number": "8841",
            "board": "public",
        }

        page = visitor.complain(**(typed | {field: value}))

        assert page.status_code == 422
        assert f'id="{field}-error"' in page.text
        assert says in words_on(page)
        assert 'value="public" checked' in page.text
        for other in typed.keys() - {field, "board"}:
            assert typed[other] in page.text
        assert complaints(web) == []


def test_a_text_of_exactly_the_limit_is_taken(visitor: Visitor, web: Desk) -> None:
    visitor.complain("😡" * 20_000)

    assert len(complaints(web)) == 1


def test_mended_errors_need_no_new_form(visitor: Visitor, web: Desk) -> None:
    stamp = visitor.open_form()
    visitor.post("/complaints", text="", stamp=stamp)

    page = visitor.post("/complaints", text=LATE_PARCEL, stamp=stamp)

    assert path_of(page).startswith("/t/")


def test_sending_twice_makes_one_complaint(visitor: Visitor, web: Desk) -> None:
    stamp = visitor.open_form()

    first = visitor.post("/complaints", text=LATE_PARCEL, stamp=stamp)
    second = visitor.post("/complaints", text=LATE_PARCEL, stamp=stamp)

    assert first.url == second.url
    assert len(complaints(web)) == 1


def test_going_back_to_write_something_else_makes_another_complaint(visitor: Visitor, web: Desk) -> None:
    stamp = visitor.open_form()

    visitor.post("/complaints", text=LATE_PARCEL, stamp=stamp)
    visitor.post("/complaints", text="Tagihan saya dua kali lipat bulan ini, mohon penjelasan", stamp=stamp)

    assert len(complaints(web)) == 2


@pytest.mark.parametrize(
    ("how", "reason"),
    [("filled", "the field that people do not see"), ("stampless", "without a form"), ("forged", "without a form")],
)
def test_a_machine_is_answered_politely_while_its_text_waits_in_quarantine(
    visitor: Visitor, web: Desk, clock: SetClock, how: str, reason: str
) -> None:
    fields = {
        "filled": {"situs": "https://kasino.example"},
        "stampless": {"stamp": ""},
        "forged": {"stamp": "abc.1.ffffffffffffffffffffffffffffffff"},
    }[how]

    page = visitor.complain("Menang besar di kasino kami", **fields)

    assert page.status_code == 200
    assert "kami simpan" in words_on(page)
    assert complaints(web) == []
    [kept] = quarantined(web)
    assert reason in kept.reason
    assert json.loads(kept.raw)["text"] == "Menang besar di kasino kami"


def test_a_form_filled_in_at_once_is_a_machines(visitor: Visitor, web: Desk) -> None:
    stamp = visitor.open_form(after=timedelta(seconds=1))

    visitor.post("/complaints", text="Menang besar", stamp=stamp)

    [kept] = quarantined(web)
    assert "within 2 seconds" in kept.reason


def test_a_person_who_was_trapped_can_be_imported(visitor: Visitor, web: Desk, clock: SetClock) -> None:
    visitor.complain(situs="x", contact="rani@contoh.example")

    [item] = _read(quarantined(web)[0].raw, clock)

    assert isinstance(item, Incoming)
    assert (item.text, item.author.id if item.author else None) == (LATE_PARCEL, "rani@contoh.example")


def test_a_form_left_open_for_days_is_asked_again_with_its_text(visitor: Visitor, web: Desk) -> None:
    stamp = visitor.open_form(after=timedelta(days=2))

    page = visitor.post("/complaints", text=LATE_PARCEL, stamp=stamp)

    assert page.status_code == 422
    assert "terlalu lama terbuka" in words_on(page)
    assert LATE_PARCEL in page.text
    assert complaints(web) == []
    assert quarantined(web) == []


def test_a_form_asked_again_can_be_sent_at_once(visitor: Visitor, web: Desk) -> None:
    stamp = visitor.open_form(after=timedelta(days=2))
    again = visitor.post("/complaints", text=LATE_PARCEL, stamp=stamp)
    renewed = again.text.split('name="stamp" value="')[1].split('"')[0]

    page = visitor.post("/complaints", text=LATE_PARCEL, stamp=renewed)

    assert path_of(page).startswith("/t/")


def test_a_visitors_sixth_complaint_in_ten_minutes_waits_with_its_text_kept(visitor: Visitor, web: Desk) -> None:
    for number in range(5):
        visitor.complain(f"Keluhan nomor {number} tentang hal yang lain sama sekali {number * 'x'}")

    page = visitor.complain("Keluhan keenam")

    assert page.status_code == 429
    assert int(page.headers["Retry-After"]) > 0
    assert "Keluhan keenam" in page.text
    assert len(complaints(web)) == 5


def test_another_visitor_is_not_held_up(visitor: Visitor, url: str, web: Desk, clock: SetClock) -> None:
    for number in range(5):
        visitor.complain(f"Keluhan {number}")

    page = Visitor(url, clock, address="203.0.113.8").complain("Keluhan orang lain")

    assert path_of(page).startswith("/t/")


def test_after_the_window_the_visitor_may_write_again(visitor: Visitor, web: Desk, clock: SetClock) -> None:
    for number in range(6):
        visitor.complain(f"Keluhan {number}")
    clock.set(clock.now() + timedelta(minutes=11))

    page = visitor.complain("Keluhan ketujuh")

    assert path_of(page).startswith("/t/")


def test_one_ipv6_household_is_one_visitor(visitor: Visitor, web: Desk) -> None:
    for number in range(6):
        visitor.address = f"2001:db8:1:2::{number:x}"
        page = visitor.complain(f"Keluhan {number}")

    assert page.status_code == 429


def test_the_ledger_keeps_no_address(visitor: Visitor, web: Desk) -> None:
    visitor.complain()

    with web.transaction() as session:
        buckets = list(session.execute(select(RateUse.bucket)).scalars())
    assert buckets
    assert not any("203.0.113" in bucket for bucket in buckets)


def test_whoever_types_anothers_words_and_address_is_not_led_to_their_page(
    visitor: Visitor, url: str, web: Desk, clock: SetClock
) -> None:
    visitor.complain(contact="rani@contoh.example")
    [complaint] = complaints(web)

    page = Visitor(url, clock, address="198.51.100.9").complain(contact="rani@contoh.example")

    assert complaint.token not in page.text
    assert complaint.token not in page.url
    assert "kami tambahkan" in words_on(page)


def test_a_body_over_the_limit_is_refused_without_being_read(visitor: Visitor, web: Desk) -> None:
    page = visitor.post("/complaints", text="x" * 600_000)

    assert page.status_code == 413
    assert "terlalu besar" in words_on(page)


def test_a_body_in_chunks_is_counted_too(url: str, web: Desk) -> None:
    def endless() -> Iterator[bytes]:
        yield b"text="
        for _ in range(100):
            yield b"x" * 10_000

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    page = requests.post(f"{url}/complaints", data=endless(), headers=headers, timeout=20)

    assert page.status_code == 413


def test_a_broken_body_gets_a_friendly_page(url: str) -> None:
    for content, body in [
        ("multipart/form-data", b"nonsense"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        ("application/x-www-form-urlencoded", b"text=%ff%fe%00&stamp=%00"),
        ("application/json", b"{"),
        ("text/plain", b"\x00\xff"),
    ]:
        page = requests.post(f"{url}/complaints", data=body, headers={"Content-Type": content}, timeout=20)

        assert page.status_code in (200, 400, 422)
        assert "</html>" in page.text


def test_a_file_where_a_text_belongs_gets_a_friendly_page(url: str) -> None:
    page = requests.post(f"{url}/complaints", files={"text": ("a.txt", b"x")}, timeout=20)

    assert page.status_code == 400
    assert "tidak dapat kami baca" in words_on(page)


def test_markup_stays_text(visitor: Visitor, web: Desk) -> None:
    page = visitor.complain("<script>alert(1)</script> {{ 7*7 }} https://jahat.example/klik")

    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    assert "{{ 7*7 }}" in page.text
    assert 'href="https://jahat' not in page.text


def test_control_characters_are_taken_out(visitor: Visitor, web: Desk) -> None:
    page = visitor.complain("Paket\x00 saya\x07 hilang")

    with web.transaction() as session:
        [message] = messages_of(session, complaint_of(web, reference_on(page)).id)
    assert message.text == "Paket saya hilang"


def test_getting_the_forms_address_leads_back_and_records_nothing(visitor: Visitor, web: Desk) -> None:
    page = visitor.get("/complaints?text=halo&stamp=x")

    assert path_of(page) == "/"
    with web.transaction() as session:
        assert session.execute(select(func.count()).select_from(Message)).scalar_one() == 0


def test_the_limits_are_the_sites_own(web: Desk, clock: SetClock) -> None:
    with listening(web, WebRules(text=10, complaints_per_address=1)) as url:
        page = Visitor(url, clock).complain("x" * 11)

    assert "11 karakter, sedangkan batasnya 10" in words_on(page)


def _read(raw: bytes, clock: SetClock) -> list[object]:
    found = read_file(
        io.BytesIO(raw),
        name="kept.jsonl",
        channel=None,
        now=clock.now(),
        known_channels=frozenset({"web"}),
        own_addresses=lambda address: False,
    )
    return list(found)
