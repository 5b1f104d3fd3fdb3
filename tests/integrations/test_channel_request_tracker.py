"""Request Tracker 5: the real one, and what it says when something is wrong."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from factories import Life
from http_receiver import Handler, receiving, says
from pydantic import SecretStr, ValidationError
from rt_server import QUEUES, RequestTracker, request_tracker, why_not

from db.clock import SetClock
from db.words import DeliveryKind, Kind, Visibility
from integrations.channels.base import Channel, LockedOut, Never, Outgoing, Sent, Target, TryAgain, Unknown
from integrations.channels.conformance import Conformance, Counterpart
from integrations.channels.request_tracker import RequestTrackerChannel, RequestTrackerSettings
from integrations.channels.world import World
from integrations.http import Patience
from integrations.record import Author, Incoming, LeftOut, Unreadable
from tasks.collect import pages, store
from tasks.export import read_case
from tasks.tickets import keep_in_step

pytest_plugins = ("lives",)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class RequestTrackerCounterpart(Counterpart):
    private_intake = True
    seconds_to_show = 30.0

    def __init__(self, server: RequestTracker) -> None:
        self.server = server
        self.url = server.url

    def channel(self, url: str, world: World) -> Channel:
        return made(url, self.server.tokens["tanggap"], world, queues=(self.server.queue,))

    def locked_out(self, url: str, world: World) -> Channel | None:
        name, _, _ = self.server.tokens["tanggap"].rpartition("-")
        return made(url, f"{name}-0123456789abcdef", world)

    def customer_writes(self, text: str, *, private: bool = False, in_reply_to: str | None = None) -> Target:
        if in_reply_to is None:
            ticket = self.server.ticket(text)
            (transaction,) = [int(one["id"]) for one in self.server.history(ticket) if one["Type"] == "Create"]
        else:
            ticket = int(in_reply_to.partition("/")[0])
            transaction = self.server.write(ticket, text)
        return Target(external_id=f"{ticket}/{transaction}", author_id="budi", thread=str(ticket))

    def we_write(self, text: str) -> bool:
        self.server.ticket(text, who="tanggap")
        return True

    def gone(self) -> Target | None:
        return Target(external_id="987654/987654")

    def standing(self, target: Target, *, private: bool = False) -> list[str]:
        return self.server.said(int((target.external_id or "").partition("/")[0]))


@pytest.fixture(scope="module")
def server() -> Iterator[RequestTracker]:
    why = why_not()
    if why is not None:
        pytest.skip(why)
    with request_tracker() as server:
        yield server


numbers = count()


@pytest.fixture
def rt(server: RequestTracker) -> RequestTracker:
    return replace(server, queue=f"Keluhan {next(numbers) % QUEUES + 1}")


def made(url: str, token: str, world: World, **settings) -> RequestTrackerChannel:
    given = {"queues": ("Keluhan",), "reference_field": "Tanggap", **settings}
    return RequestTrackerChannel(
        "request_tracker", "default", RequestTrackerSettings(url=url, token=SecretStr(token), **given), world
    )


def real(server: RequestTracker, **settings) -> RequestTrackerChannel:
    world = World(SetClock(datetime.now(UTC)), Path("/nonexistent"), patience=Patience(read=60))
    return made(server.url, server.tokens["tanggap"], world, **{"queues": (server.queue,), **settings})


def everything(channel: Channel, cursor: str | None = None) -> tuple[list[object], str | None]:
    items: list[object] = []
    for page in channel.fetch(cursor):
        items += page.items
        cursor = page.cursor
    return items, cursor


def messages(items: list[object]) -> list[Incoming]:
    return [one for one in items if isinstance(one, Incoming)]


def out(target: Target, text: str = "Kami periksa.", **changes) -> Outgoing:
    given = Outgoing(
        key="TG-7:reply:1",
        text=text,
        visibility=Visibility.PRIVATE,
        kind=DeliveryKind.REPLY,
        channel="request_tracker",
        account="default",
        reference="TG-7",
        target=target,
    )
    return replace(given, **changes)


@pytest.mark.slow
class TestRequestTracker(Conformance):
    @pytest.fixture
    def other(self, rt: RequestTracker) -> Counterpart:
        return RequestTrackerCounterpart(rt)


@pytest.mark.slow
class TestTickets:
    def test_a_ticket_has_all_that_rt_tells(self, rt: RequestTracker) -> None:
        _, cursor = everything(real(rt))
        ticket = rt.ticket("Paket saya hilang\n\nTolong dicek & dibalas <segera>", subject="Resi 123")

        (one,) = messages(everything(real(rt), cursor)[0])

        assert one.text == "Paket saya hilang\n\nTolong dicek & dibalas <segera>"
        assert (one.subject, one.visibility, one.addressed) == ("Resi 123", Visibility.PRIVATE, True)
        assert one.author is not None
        assert (one.author.id, one.author.name, one.author.email) == ("budi", "Budi Santoso", "budi@pos.example")
        assert one.url == f"{rt.url}/Ticket/Display.html?id={ticket}#txn-{one.external_id.partition('/')[2]}"
        assert abs(one.posted_at - datetime.now(UTC)) < timedelta(minutes=5)
        assert one.in_reply_to is None

    def test_what_agents_write_is_left_out_and_a_comment_is_not_seen(self, rt: RequestTracker) -> None:
        ticket = rt.ticket("Halo")
        (first,) = messages(everything(real(rt))[0])[-1:]
        _, cursor = everything(real(rt))
        rt.write(ticket, "rahasia: pelanggan sulit", who="agen", kind="comment")
        rt.write(ticket, "Kami cek dulu", who="agen")
        rt.write(ticket, "Baik, terima kasih")

        items, _ = everything(real(rt), cursor)

        left, one = items
        assert isinstance(left, LeftOut)
        assert "an answer that agen wrote" in left.reason
        assert isinstance(one, Incoming)
        assert (one.text, one.in_reply_to) == ("Baik, terima kasih", first.external_id)
        assert "sulit" not in str(items)

    def test_what_happened_to_a_user_or_a_queue_of_the_same_number_is_no_message(self, rt: RequestTracker) -> None:
        _, cursor = everything(real(rt))
        ticket = rt.ticket("Halo")
        asked = {"query": f"TicketId = {ticket} AND Type = 'Create'"}
        others = rt.ask("tanggap", "GET", "/transactions", params=asked).json()["items"]

        if len(others) == 1:
            pytest.skip("nothing else has this ticket's number")
        assert len(messages(everything(real(rt), cursor)[0])) == 1
        assert len(messages(everything(real(rt))[0])) == 1

    def test_a_ticket_that_an_agent_opened_is_its_requestors(self, rt: RequestTracker) -> None:
        _, cursor = everything(real(rt))
        rt.ticket("Menelepon: barang rusak", who="agen")

        (one,) = messages(everything(real(rt), cursor)[0])

        assert one.author is not None
        assert one.author.id == "budi"
        assert "opened by agen" in one.warnings[0]

    def test_other_queues_are_not_read_until_a_ticket_is_moved_here(self, rt: RequestTracker) -> None:
        _, cursor = everything(real(rt))
        ticket = rt.ticket("Stok salah", queue="Gudang")
        rt.write(ticket, "Masih salah")
        assert messages(everything(real(rt), cursor)[0]) == []

        rt.change(ticket, Queue=rt.queue)
        found = messages(everything(real(rt), cursor)[0])

        assert {one.text for one in found} == {"Stok salah", "Masih salah"}

    def test_all_of_a_long_ticket_comes_once_it_is_moved_here(
        self, rt: RequestTracker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("integrations.channels.request_tracker.PAGE", 2)
        ticket = rt.ticket("0", queue="Gudang")
        for number in range(1, 5):
            rt.write(ticket, str(number))
        _, cursor = everything(real(rt))
        rt.change(ticket, Queue=rt.queue)

        assert {one.text for one in messages(everything(real(rt), cursor)[0])} == set("01234")

    def test_on_a_ticket_that_was_merged_an_answer_is_named_and_found_where_it_stands(self, rt: RequestTracker) -> None:
        old, new = rt.ticket("Paket saya mana?"), rt.ticket("Paket saya masih belum ada")
        one = next(one for one in messages(everything(real(rt))[0]) if one.external_id.startswith(f"{old}/"))
        answer = out(Target(external_id=one.external_id, thread=str(old)))
        rt.change(old, MergeInto=new)
        assert real(rt).find_own(answer) is None

        sent = real(rt).reply(answer)

        found = real(rt).find_own(answer)
        assert found is not None
        assert found.platform_id == sent.platform_id
        assert sent.platform_id.startswith(f"{new}/")
        _, cursor = everything(real(rt))
        rt.write(old, "Terima kasih")
        assert [one.in_reply_to for one in messages(everything(real(rt), cursor)[0])] == [sent.platform_id]

    def test_a_ticket_that_is_resolved_is_noted(self, rt: RequestTracker) -> None:
        ticket = rt.ticket("Halo")
        _, cursor = everything(real(rt))
        rt.change(ticket, Status="resolved")

        (one,) = everything(real(rt), cursor)[0]

        assert isinstance(one, LeftOut)
        assert one.reason == "the ticket was resolved in RT by agen"

    def test_html_becomes_text_and_what_hangs_on_it_is_noted(self, rt: RequestTracker) -> None:
        ticket = rt.ticket("Halo")
        _, cursor = everything(real(rt))
        attached = {"FileName": "resi.pdf", "FileType": "application/pdf", "FileContent": b64encode(b"%PDF").decode()}
        message = {"Content": "<p>Rusak &amp; basah</p>", "ContentType": "text/html", "Attachments": [attached]}
        rt.ask("budi", "POST", f"/ticket/{ticket}/correspond", json=message)

        (one,) = messages(everything(real(rt), cursor)[0])

        assert one.text == "Rusak & basah"
        assert [(hung.name, hung.type) for hung in one.attachments] == [("resi.pdf", "application/pdf")]

    def test_a_ticket_without_words_has_its_subject(self, rt: RequestTracker) -> None:
        _, cursor = everything(real(rt))
        rt.ticket("", subject="Paket saya mana?")

        assert [one.text for one in messages(everything(real(rt), cursor)[0])] == ["Paket saya mana?"]

    def test_many_come_over_several_pages(self, rt: RequestTracker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("integrations.channels.request_tracker.PAGE", 3)
        _, cursor = everything(real(rt))
        tickets = [rt.ticket(f"Halo {number}") for number in range(5)]

        pages = list(real(rt).fetch(cursor))

        found = [one for page in pages for one in messages(list(page.items))]
        assert [one.text for one in found] == [f"Halo {number}" for number in range(5)]
        assert [one.external_id.partition("/")[0] for one in found] == list(map(str, tickets))
        assert len(pages) > 1
        # What follows a page comes again where only that page was stored.
        assert {one.text for one in messages(everything(real(rt), pages[0].cursor)[0])} < {one.text for one in found}

    def test_complaint_and_ticket_name_each_other(self, rt: RequestTracker) -> None:
        ticket = rt.ticket("Halo")
        target = Target(external_id=f"{ticket}/1")

        found = [real(rt).link(target, "TG-1042", "https://desk.example/t/abc") for _ in range(2)][-1]

        assert (found.platform_id, found.url) == (str(ticket), f"{rt.url}/Ticket/Display.html?id={ticket}")
        there = rt.ask("agen", "GET", f"/ticket/{ticket}").json()
        links = [one["_url"] for one in there["_hyperlinks"] if one["ref"] == "refers-to"]
        assert links == ["https://desk.example/t/abc"]
        assert [one["values"] for one in there["CustomFields"] if one["name"] == "Tanggap"] == [["TG-1042"]]

    def test_a_link_that_rt_does_not_take_is_said_so(self, rt: RequestTracker) -> None:
        ticket = rt.ticket("Halo")
        world = World(SetClock(datetime.now(UTC)), Path("/nonexistent"))
        blind = made(rt.url, rt.tokens["buta"], world)

        with pytest.raises(Never, match="ModifyTicket") as raised:
            blind.link(Target(external_id=f"{ticket}/1"), "TG-1", "https://desk.example/t/abc")
        assert raised.value.kind == "not_allowed"

    def test_a_note_is_for_agents_only(self, rt: RequestTracker) -> None:
        ticket = rt.ticket("Halo")

        sent = real(rt).note(Target(external_id=f"{ticket}/1"), "Dijawab di X: TG-7")

        assert rt.said(ticket, kind="Comment") == ["Dijawab di X: TG-7"]
        assert rt.said(ticket) == []
        assert sent.platform_id.startswith(f"{ticket}/")

    def test_a_note_that_stands_there_is_not_written_again(self, rt: RequestTracker) -> None:
        target = Target(external_id=f"{rt.ticket('Halo')}/1")
        channel = real(rt)

        first, again = (channel.note(target, "TG-7: ditutup.\nSelesai.") for _ in range(2))
        other = channel.note(target, "TG-7: ditutup lagi.")

        assert first.platform_id == again.platform_id != other.platform_id
        (ticket,) = {int(one.platform_id.partition("/")[0]) for one in (first, again, other)}
        assert rt.said(ticket, kind="Comment") == ["TG-7: ditutup.\nSelesai.", "TG-7: ditutup lagi."]

    def test_a_missing_right_is_told_apart(self, rt: RequestTracker) -> None:
        ticket = rt.ticket("Halo")
        blind = made(rt.url, rt.tokens["buta"], World(SetClock(datetime.now(UTC)), Path("/nonexistent")))

        with pytest.raises(Never) as raised:
            blind.note(Target(thread=str(ticket)), "Halo")
        assert raised.value.kind == "not_allowed"

    def test_a_deleted_ticket_is_gone(self, rt: RequestTracker) -> None:
        ticket = rt.ticket("Halo")
        rt.change(ticket, Status="deleted")

        with pytest.raises(Never) as raised:
            real(rt).reply(out(Target(thread=str(ticket))))
        assert raised.value.kind == "gone"

    def test_the_check_names_a_queue_that_cannot_be_seen(self, rt: RequestTracker) -> None:
        found = real(rt, queues=(rt.queue, "Tidak Ada")).check()

        assert not found.ok
        assert "tanggap cannot see the queue Tidak Ada" in found.said
        assert real(rt).check().said.startswith("tanggap at 127.0.0.1")


@pytest.mark.slow
class TestInStep:
    """The desk and the company's RT name each other, and RT is told what became of a complaint elsewhere."""

    def test_a_ticket_names_its_complaint_and_the_complaint_its_ticket(self, rt: RequestTracker, life: Life) -> None:
        crm = at(life, rt)
        ticket = rt.ticket("Paket saya hilang di gudang, tolong dicari")

        taken_in(life, crm)
        assert [keep_in_step(life.desk, crm) for _ in range(2)] == [1, 0]

        complaint = life.complaint("TG-1001")
        there = rt.ask("agen", "GET", f"/ticket/{ticket}").json()
        links = [one["_url"] for one in there["_hyperlinks"] if one["ref"] == "refers-to"]
        assert links == [life.desk.tracking_url(complaint.token)]
        assert [one["values"] for one in there["CustomFields"] if one["name"] == "Tanggap"] == [["TG-1001"]]
        assert read_case(life.desk, "TG-1001").tickets[0].url == f"{rt.url}/Ticket/Display.html?id={ticket}"

    def test_a_ticket_is_told_once_what_became_of_its_complaint_by_mail(self, rt: RequestTracker, life: Life) -> None:
        crm = at(life, rt)
        words = "Paket saya hilang di gudang, tolong dicari"
        by_mail = life.comes(words, channel="email", author=Author(id="budi@pos.example", email="budi@pos.example"))
        life.work()
        ticket = rt.ticket(words)
        taken_in(life, crm)
        life.work()
        keep_in_step(life.desk, crm)
        life.approve_all(by_mail)
        life.work()

        assert [keep_in_step(life.desk, crm) for _ in range(2)] == [1, 0]

        told = [one.partition(": ")[2] for one in rt.said(ticket, kind="Comment")]
        assert told == [f"kini ditangani sebagai {by_mail}", "dijawab di email, secara pribadi"]
        assert taken_in(life, crm) == 0  # what is told there does not come back

    def test_a_note_that_arrived_unheard_stands_there_once(
        self, rt: RequestTracker, life: Life, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        crm = at(life, rt)
        ticket = rt.ticket("kasino 88")
        life.assessor.finds("kasino 88", kind=Kind.SPAM)
        taken_in(life, crm)
        life.work()

        with monkeypatch.context() as cut:
            cut.setattr(RequestTrackerChannel, "_write", cut_off_after(RequestTrackerChannel._write))
            assert keep_in_step(life.desk, crm) == 0
        life.later(minutes=1)

        assert keep_in_step(life.desk, crm) == 1
        assert len(rt.said(ticket, kind="Comment")) == 1


def at(life: Life, rt: RequestTracker) -> RequestTrackerChannel:
    """The desk, now, with the real RT as its CRM."""
    life.clock.set(datetime.now(UTC))
    crm = real(rt)
    life.with_channel(crm)
    return crm


def taken_in(life: Life, crm: RequestTrackerChannel) -> int:
    """What came to the queue is stored; tells how many messages were new."""
    return sum(store(life.desk, crm, page).accepted for page in pages(life.desk, crm))


def cut_off_after(write: Callable[..., Sent]) -> Callable[..., Sent]:
    def write_unheard(*given: object) -> Sent:
        write(*given)
        raise Unknown("the line was cut")

    return write_unheard


# What RT says when something is wrong: answers of its documented shape, some of them spoiled


def user(name: str) -> dict:
    return {"type": "user", "id": name, "_url": f"http://rt.example/REST/2.0/user/{name}"}


def happened(id: object = 5, **changes) -> dict:
    made = {"id": str(id), "type": "transaction", "Type": "Create", "Field": "", "OldValue": "", "NewValue": "",
            "Creator": user("budi"), "Created": "2026-03-02T11:00:00Z", "ObjectId": "1"}  # fmt: skip
    return {**made, **changes}


def playing(records: list[dict], **spoiled):
    """An RT that has these transactions, all of the one ticket; `spoiled` answers in place of a resource's own."""

    def answer(handler: Handler) -> None:
        path = urlsplit(handler.path).path.removeprefix("/REST/2.0/")
        kind = path.partition("/")[0]
        above = int(handler.path.partition("id+%3E+")[2].partition("+")[0].partition("&")[0] or 0)
        listed = [one for one in records if not str(one["id"]).isdigit() or int(one["id"]) > above]
        own = {
            "transactions": {"items": listed},
            "ticket": {"id": 1, "Subject": "S", "Status": "open", "Requestor": [user("budi")]},
            "user": {"Name": "tanggap" if path == "user/9" else "budi"},
            "transaction": {"items": [{"id": "3", "ContentType": "text/plain", "Filename": ""}]},
            "attachment": {"Content": b64encode(b"Halo").decode(), "ContentType": "text/plain"},
            "rt": {"Version": "5.0.3"},
        }[kind]
        told = spoiled.get(kind, own)
        if callable(told):
            told(handler)
        else:
            says(200, json.dumps(told).encode())(handler)

    return receiving(answer)


def against(url: str, **settings) -> RequestTrackerChannel:
    patience = Patience(connect=1, read=2, tries=1, sleep=lambda seconds: None)
    return made(url, "1-9-abcdef", World(SetClock(NOW), Path("/nonexistent"), patience=patience), **settings)


@pytest.mark.parametrize(
    "changes",
    [{"Created": "kemarin"}, {"Created": None}, {"Creator": None}, {"ObjectId": "x"}, {"Type": 7}, {"Creator": {}}],
)
def test_a_transaction_that_is_none_is_put_aside_and_the_others_come(changes: dict) -> None:
    with playing([happened(5, **changes), happened(6)]) as server:
        odd, one = everything(against(server.url))[0]

    assert isinstance(odd, Unreadable)
    assert isinstance(one, Incoming)
    assert json.loads(odd.raw)["id"] == "5"


@pytest.mark.parametrize(
    "spoiled",
    [
        {"attachment": {"Content": "A"}},
        {"attachment": says(500)},
        {"attachment": says(403)},
        {"attachment": []},
        {"transaction": says(200, b"<html>")},
        {"ticket": says(404)},
        {"attachment": {"Content": b64encode(b" ").decode()}, "ticket": {"Requestor": [user("budi")], "Subject": ""}},
        {"attachment": says(200, b'{"Content": "' + b"A" * 2_000_000 + b'"}')},
    ],
)
def test_a_transaction_that_rt_stumbles_over_is_put_aside(spoiled: dict) -> None:
    with playing([happened(5)], **spoiled) as server:
        (odd,), cursor = everything(against(server.url))
        assert everything(against(server.url), cursor)[0] == []

    assert isinstance(odd, Unreadable)


def test_an_rt_that_is_away_as_a_whole_loses_nothing() -> None:
    with playing([happened(5)], attachment=says(502), rt=says(502)) as server, pytest.raises(TryAgain):
        everything(against(server.url))


def test_an_rt_that_asks_us_to_wait_loses_nothing() -> None:
    with playing([happened(5)], attachment=says(429, Retry_After="30")) as server, pytest.raises(TryAgain) as raised:
        everything(against(server.url))

    assert raised.value.after == 30


def test_a_transaction_that_shows_late_comes_although_a_later_one_came_before() -> None:
    with playing([happened(7)]) as server:
        first, cursor = everything(against(server.url))
    with playing([happened(6), happened(7)]) as server:
        late, cursor = everything(against(server.url), cursor)
        assert everything(against(server.url), cursor)[0] == []

    assert [one.external_id for one in messages(first)] == ["1/7"]
    assert [one.external_id for one in messages(late)] == ["1/6"]


def test_what_is_older_than_a_week_does_not_come_when_an_rt_is_first_read() -> None:
    with playing([happened(5, Created="2026-02-22T11:00:00Z"), happened(6)]) as server:
        items, _ = everything(against(server.url))
        asked = server.received[1].path

    assert [one.external_id for one in messages(items)] == ["1/6"]
    assert "2026-02-22" in asked


@pytest.mark.parametrize("cursor", ["", "[]", "[1]", "{}", '["a", []]', "[5, 6]", "[" * 100_000, "[-1, []]"])
def test_a_cursor_that_is_none_begins_anew(cursor: str) -> None:
    with playing([happened(5)]) as server:
        assert len(messages(everything(against(server.url), cursor)[0])) == 1


def test_wrong_credentials_are_told_apart() -> None:
    with playing([], user=says(401, b'{"message":"Unauthorized"}')) as server, pytest.raises(LockedOut):
        everything(against(server.url))


@pytest.mark.parametrize(
    "target", [Target(), Target(external_id="x-1"), Target(thread="TG-7"), Target(thread="9" * 30)]
)
def test_what_belongs_to_no_ticket_is_not_sent(target: Target) -> None:
    with pytest.raises(Never, match="which ticket"):
        against("http://127.0.0.1:1").reply(out(target))


def test_a_text_whose_place_is_not_told_may_have_arrived() -> None:
    with playing([]) as server, pytest.raises(Unknown, match="look at ticket 1"):
        against(server.url).reply(out(Target(external_id="1/5")))


def test_a_token_that_does_not_tell_its_user_needs_the_name() -> None:
    channel = against("http://127.0.0.1:1")
    odd = RequestTrackerChannel(
        "request_tracker", "default", channel.settings.model_copy(update={"token": SecretStr("abc")}), channel.world
    )

    assert "`user` in channels.yaml" in odd.check().said


@pytest.mark.parametrize(
    "changes", [{"url": "rt.example"}, {"url": "ftp://rt.example"}, {"queues": ()}, {"queues": ("a' OR 1=1",)}]
)
def test_settings_that_cannot_be_are_refused(changes: dict) -> None:
    with pytest.raises(ValidationError):
        RequestTrackerSettings(**{"url": "https://rt.example", "token": SecretStr("t"), "queues": ("A",), **changes})


def test_the_address_may_be_written_with_its_interface() -> None:
    settings = RequestTrackerSettings(url="https://rt.example/rt/REST/2.0/", token=SecretStr("t"), queues=("A",))

    assert settings.url == "https://rt.example/rt"
