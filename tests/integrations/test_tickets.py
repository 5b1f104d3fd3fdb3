"""The company's tickets stay in step: each names its complaint once, and is told once what became of it elsewhere."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from command_line import CommandLine
from factories import LATE, Life, person
from sqlalchemy import select, text
from sqlmodel import col

from db import trail
from db.complaints import lock, move
from db.tables import ChannelState, Ticket, Way
from db.words import Kind, State
from integrations.channels.base import ChannelError, LockedOut, Never, Sent, Target, TryAgain, Unknown
from integrations.channels.sandbox import SandboxChannel
from integrations.record import Author
from tasks.card_facts import card_of
from tasks.follow_up import resolve
from tasks.kill_switch import allow_publishing, stop_publishing
from tasks.people import merge, unmerge
from tasks.tickets import LEASE, keep_in_step, tickets_of

pytest_plugins = ("lives",)

MAIL = "mira@contoh.id"


class Crm(SandboxChannel):
    """A system with tickets, in memory: a message is named `TICKET/NUMBER`."""

    def __init__(self, life: Life) -> None:
        super().__init__("request_tracker", clock=life.clock)
        self.links: list[tuple[str, str, str]] = []
        self.notes: list[tuple[str, str]] = []
        self.calls = 0
        self.errors: list[BaseException | None] = []
        self.errors_afterwards: list[BaseException] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def ticket_of(self, external_id: str) -> str | None:
        return external_id.partition("/")[0]

    def link(self, target: Target, reference: str, url: str) -> Sent:
        self._begin()
        ticket = self.ticket_of(target.external_id or "")
        assert ticket
        if (ticket, reference, url) not in self.links:
            self.links.append((ticket, reference, url))
        return Sent(ticket, f"https://rt.example/{ticket}")

    def note(self, target: Target, text: str) -> Sent:
        self._begin()
        ticket = self.ticket_of(target.external_id or "")
        assert ticket
        if (ticket, text) not in self.notes:
            self.notes.append((ticket, text))
        if self.errors_afterwards:
            raise self.errors_afterwards.pop(0)
        return Sent(f"{ticket}/9")

    def _begin(self) -> None:
        self.calls += 1
        self.meanwhile()
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error


@pytest.fixture
def crm(life: Life) -> Crm:
    crm = Crm(life)
    life.with_channel(crm)
    return crm


def opened(life: Life, ticket: int = 12, text: str = LATE, number: int = 1, **changes: object) -> str:
    """A customer opens a ticket."""
    given = {"channel": "request_tracker", "external_id": f"{ticket}/{number}", "author": Author(id=MAIL, email=MAIL)}
    return life.comes(text, **given | changes)


def mailed(life: Life, text: str = LATE) -> str:
    return life.comes(text, channel="email", author=Author(id=MAIL, email=MAIL))


def in_step(life: Life, crm: Crm) -> int:
    return keep_in_step(life.desk, crm)


def ticket(life: Life, number: int = 12) -> Ticket:
    with life.desk.transaction() as session:
        return session.execute(select(Ticket).where(col(Ticket.number) == str(number))).scalar_one()


def texts(crm: Crm, number: int = 12) -> list[str]:
    return [text.partition(": ")[2] for of, text in crm.notes if of == str(number)]


def answered(life: Life, reference: str) -> None:
    life.work()
    life.approve_all(reference)
    life.work()
    assert life.state(reference) is State.RESPONDED


# Links


def test_a_ticket_that_opens_a_complaint_names_it_and_is_shown_with_it(life: Life, crm: Crm) -> None:
    reference = opened(life)
    token = life.complaint(reference).token

    assert in_step(life, crm) == 1
    assert crm.links == [("12", reference, f"{life.desk.public_url}/t/{token}")]
    with life.desk.transaction() as session:
        (shown,) = tickets_of(session, life.complaint(reference))
    assert (shown.url, shown.linked_at, shown.due_at) == ("https://rt.example/12", life.now(), None)


def test_a_ticket_whose_complaint_moves_just_now_is_served_in_the_same_round(life: Life, crm: Crm) -> None:
    reference = opened(life)
    life.later(minutes=1)
    with ThreadPoolExecutor() as pool:
        with life.desk.transaction() as session:
            complaint = lock(session, life.complaint(reference).id)
            move(session, complaint, State.ASSESSED, event="assessed", by=trail.MACHINE_AUTHOR, at=life.now())
            session.flush()
            served = pool.submit(in_step, life, crm)
            while not (served.done() or waiting_for_a_lock(life)):
                time.sleep(0.01)
        assert served.result() == 1
    assert [link[1] for link in crm.links] == [reference]


def waiting_for_a_lock(life: Life) -> int:
    with life.desk.engine.connect() as connection:
        waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        found: int = connection.execute(text(waits)).scalar_one()
        return found


def test_what_follows_on_a_ticket_links_it_no_second_time(life: Life, crm: Crm) -> None:
    reference = opened(life)
    in_step(life, crm)
    opened(life, number=2, text="Halo, bagaimana?", in_reply_to="12/1")
    in_step(life, crm)

    assert [link[:2] for link in crm.links] == [("12", reference)]
    assert crm.calls == 1


def test_a_ticket_that_joins_a_complaint_names_that_one(life: Life, crm: Crm) -> None:
    reference = opened(life)
    joined = opened(life, ticket=13, text=f"Ini soal {reference} lagi, tolong dibaca.")

    in_step(life, crm)

    assert joined == reference
    assert [link[:2] for link in crm.links] == [("12", reference), ("13", reference)]


def test_what_comes_by_other_channels_has_no_ticket(life: Life, crm: Crm) -> None:
    mailed(life)

    assert (in_step(life, crm), crm.calls) == (0, 0)


def test_an_account_of_a_record_that_the_settings_lack_has_no_ticket(life: Life, crm: Crm) -> None:
    opened(life, account="lain")

    assert (in_step(life, crm), crm.calls) == (0, 0)


def test_an_adapter_that_cannot_tell_the_ticket_loses_no_message(life: Life, crm: Crm) -> None:
    crm.ticket_of = lambda external_id: 1 / 0  # type: ignore[assignment,return-value,method-assign]

    assert life.messages(opened(life))


# Where it is shown


def test_the_command_line_shows_the_ticket_and_why_it_is_not_in_step(
    life: Life, crm: Crm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    reference = opened(life)
    tanggap = CommandLine(monkeypatch, capsys, tmp_path).at(life.desk)
    crm.errors = [Never("its user needs the right ModifyTicket", "not_allowed")]
    in_step(life, crm)
    before = tanggap("complaint", reference).out
    life.later(days=1)
    in_step(life, crm)

    assert "does not name this complaint yet: its user needs the right ModifyTicket" in " ".join(before.split())
    assert "https://rt.example/12 (request_tracker)" in tanggap("complaint", reference).out
    assert "https://rt.example/12" in tanggap("complaint", reference, "--why").out
    (told,) = json.loads(tanggap("complaint", reference, "--json").out)["tickets"]
    assert (told["number"], told["why"]) == ("12", None)


def test_a_reviewer_is_led_to_the_ticket(life: Life, crm: Crm) -> None:
    reference = opened(life, url="https://rt.example/12#txn-1")
    life.work()
    in_step(life, crm)
    (review,) = life.open_reviews(reference)

    with life.desk.transaction() as session:
        card = card_of(session, life.desk, review.id)
    assert (card.original_url, card.ticket_url) == (None, "https://rt.example/12")


# What it is told


def test_an_answer_on_the_ticket_itself_is_no_news_to_it(life: Life, crm: Crm) -> None:
    reference = opened(life)
    answered(life, reference)

    in_step(life, crm)

    assert (len(crm.links), crm.notes) == (1, [])


def test_what_becomes_of_a_merged_complaint_is_told_its_ticket_once(life: Life, crm: Crm) -> None:
    first = mailed(life)
    life.work()
    second = opened(life)
    life.work()
    assert life.state(second) is State.MERGED
    in_step(life, crm)
    answered(life, first)
    for _ in range(3):
        in_step(life, crm)

    assert crm.links[0][:2] == ("12", second)
    assert texts(crm) == [f"kini ditangani sebagai {first}", "dijawab di email, secara pribadi"]
    assert ticket(life).due_at is None


def test_an_answer_on_another_ticket_of_the_same_complaint_is_told(life: Life, crm: Crm) -> None:
    reference = opened(life)
    opened(life, ticket=13, text=f"Ini soal {reference} lagi, tolong dibaca.")
    answered(life, reference)

    in_step(life, crm)

    assert (texts(crm, 12), texts(crm, 13)) == (["dijawab di request_tracker, secara pribadi"], [])


def test_the_solution_is_told_and_that_it_is_closed_later_is_not(life: Life, crm: Crm) -> None:
    reference = opened(life)
    answered(life, reference)
    resolve(life.desk, reference, person("cs-nia"), "Paket sudah diantar.")
    in_step(life, crm)
    life.run_for(days=40)
    in_step(life, crm)

    assert life.state(reference) is State.CLOSED
    assert texts(crm) == ["dinyatakan selesai: Paket sudah diantar."]


def test_that_nobody_answers_spam_is_told(life: Life, crm: Crm) -> None:
    life.assessor.finds("kasino 88", kind=Kind.SPAM)
    opened(life, text="kasino 88")
    life.work()
    in_step(life, crm)

    assert texts(crm) == ["dinilai sebagai spam; tidak dijawab"]


def test_a_complaint_that_is_on_its_own_again_is_followed_again(life: Life, crm: Crm) -> None:
    first = mailed(life, "kursi yang saya terima retak")
    second = opened(life)
    life.work()
    merge(life.desk, second, first, person("cs-nia"))
    in_step(life, crm)
    unmerge(life.desk, second, person("cs-nia"))
    in_step(life, crm)
    answered(life, first)
    in_step(life, crm)

    assert texts(crm) == [f"kini ditangani sebagai {first}"]
    assert ticket(life).handled_as == life.complaint(second).id


def test_customer_service_chooses_the_language(life: Life, crm: Crm) -> None:
    life.with_policy(slack=life.desk.policy.slack.model_copy(update={"language": "en"}))
    life.assessor.finds("kasino 88", kind=Kind.SPAM)
    opened(life, text="kasino 88")
    life.work()
    in_step(life, crm)

    assert texts(crm) == ["taken for spam; nobody answers it"]


def test_what_happens_while_a_ticket_is_served_is_told_afterwards(life: Life, crm: Crm) -> None:
    life.assessor.finds("kasino 88", kind=Kind.SPAM)
    opened(life, text="kasino 88")
    crm.meanwhile = lambda: (setattr(crm, "meanwhile", lambda: None), life.work())

    in_step(life, crm)
    in_step(life, crm)

    assert texts(crm) == ["dinilai sebagai spam; tidak dijawab"]


# What goes wrong


@pytest.mark.parametrize("error", [TryAgain("busy"), Unknown("cut"), ZeroDivisionError()])
def test_what_fails_is_tried_again_later(life: Life, crm: Crm, error: Exception) -> None:
    opened(life)
    crm.errors = [error]

    assert in_step(life, crm) == 0
    assert (crm.links, in_step(life, crm), crm.calls) == ([], 0, 1)
    assert ticket(life).why
    life.later(minutes=1)

    assert in_step(life, crm) == 1
    assert (len(crm.links), ticket(life).why) == (1, None)


def test_each_failure_makes_the_wait_longer(life: Life, crm: Crm) -> None:
    opened(life)
    waits = []
    for _ in range(4):
        crm.errors = [TryAgain("busy", alone=True)]
        in_step(life, crm)
        due = ticket(life).due_at
        assert due
        waits.append((due - life.now()).total_seconds() / 60)
        life.clock.set(due)

    assert waits == [1, 2, 4, 8]


def test_a_note_of_which_nobody_knows_whether_it_arrived_stands_once(life: Life, crm: Crm) -> None:
    life.assessor.finds("kasino 88", kind=Kind.SPAM)
    opened(life, text="kasino 88")
    life.work()
    crm.errors_afterwards = [Unknown("cut")]
    in_step(life, crm)
    assert ticket(life).told == []
    life.later(minutes=1)
    in_step(life, crm)

    assert len(crm.notes) == 1
    assert len(ticket(life).told) == 1


def test_whoever_dies_while_serving_leaves_the_ticket_to_others(life: Life, crm: Crm) -> None:
    opened(life)
    crm.errors = [SystemExit()]
    with pytest.raises(SystemExit):
        in_step(life, crm)

    assert in_step(life, crm) == 0
    life.clock.set(life.now() + LEASE)
    assert in_step(life, crm) == 1
    assert len(crm.links) == 1


def test_two_at_once_do_not_serve_the_same_ticket(life: Life, crm: Crm) -> None:
    opened(life)
    others: list[int] = []
    crm.meanwhile = lambda: others.append(in_step(life, crm))

    assert in_step(life, crm) == 1
    assert (others, crm.calls) == ([0], 1)


def test_a_missing_right_is_told_and_tried_again_a_day_later_and_holds_up_no_news(life: Life, crm: Crm) -> None:
    life.assessor.finds("kasino 88", kind=Kind.SPAM)
    opened(life, text="kasino 88")
    life.work()
    crm.errors = [Never("give its user the right ModifyTicket", "not_allowed")]
    in_step(life, crm)

    assert len(crm.notes) == 1
    assert (ticket(life).linked_at, ticket(life).why) == (None, "give its user the right ModifyTicket")
    life.later(days=1)
    in_step(life, crm)
    assert len(crm.links) == 1


def test_a_ticket_that_is_gone_is_left_alone(life: Life, crm: Crm) -> None:
    opened(life)
    crm.errors = [Never("ticket 12 was deleted in RT", "gone")]
    in_step(life, crm)
    life.later(days=30)
    in_step(life, crm)

    assert (crm.calls, ticket(life).why) == (1, "ticket 12 was deleted in RT")


@pytest.mark.parametrize("error", [LockedOut("our token is not taken"), TryAgain("too many calls", 300.0)])
def test_where_all_that_goes_there_has_to_wait_so_do_tickets(life: Life, crm: Crm, error: ChannelError) -> None:
    for number in (12, 13, 14):
        opened(life, ticket=number, text=f"perkara {number} yang lain sekali")
    crm.errors = [error]

    in_step(life, crm)
    in_step(life, crm)
    assert crm.calls == 1

    with life.desk.transaction() as session:
        state = session.get_one(ChannelState, ("request_tracker", "default", Way.PRIVATE))
    assert state.rests_until
    life.clock.set(state.rests_until + timedelta(seconds=1))
    assert in_step(life, crm) == 3


@pytest.mark.parametrize("scope", ["all", "channel:request_tracker"])
def test_the_kill_switch_holds_it_back(life: Life, crm: Crm, scope: str) -> None:
    opened(life)
    stop_publishing(life.desk, scope, "periksa dulu", person("exec-hadi"))
    assert (in_step(life, crm), crm.calls) == (0, 0)
    allow_publishing(life.desk, scope, "sudah", person("exec-hadi"))

    assert in_step(life, crm) == 1


def test_nothing_more_is_done_once_it_is_not_wanted(life: Life, crm: Crm) -> None:
    opened(life)

    assert (keep_in_step(life.desk, crm, lambda: False), crm.calls) == (0, 0)
