"""Messages, findings and a whole desk that tests lead through a complaint's life."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

from sqlalchemy import Engine, select, text
from sqlmodel import SQLModel, col

from db import trail
from db.clock import SetClock
from db.complaints import find
from db.tables import (
    Complaint,
    Delivery,
    Draft,
    Event,
    FollowUp,
    Message,
    Review,
    ReviewState,
    Round,
)
from db.words import Category, Gate, Kind, Remedy, Risk, State, Verdict, Visibility
from integrations.channels.base import Certainty, Channel, Limited, Outgoing, Page, Reachable, Sent, Target
from integrations.channels.registry import Channels
from integrations.channels.sandbox import SandboxChannel
from integrations.record import Author, Incoming, Metrics, default_visibility
from policy.assessment import Text, TextAssessment
from policy.loading import Policy
from tasks.answer import Answered, draft_answers, due_for_answer, take_aim
from tasks.assess import assess, due_for_assessment
from tasks.decide import Decided, Decision, decide_gate
from tasks.desk import Desk
from tasks.follow_up import due_for_follow_up, resolve, step_on
from tasks.follow_up import next_due as next_follow_up
from tasks.publish import Outcome, claim, publish
from tasks.publish import next_due as next_delivery
from tasks.record import Recorded, record
from tasks.watch import Watched, due_now, keep, next_moment

LATE = "kak, paket saya belum sampai padahal sudah seminggu, tolong dicek ya"
"""What people complain about in these tests, unless a test says otherwise."""
A_WORKER = 1
MOST_TURNS = 100

PEOPLE = {Gate.CS: "cs-nia", Gate.PR: "pr-sari", Gate.LEGAL: "legal-tono", Gate.EXECUTIVE: "exec-hadi"}
"""Somebody for each gate."""

MONDAY_MORNING = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
"""09:00 in Jakarta."""

_numbers = count(1)


def person(name: str, typed_by: str | None = None) -> trail.Author:
    """Somebody of the company."""
    return trail.Author(name, typed_by)


def message(text: str = LATE, *, at: datetime, handle: str | None = "mira.home", **changes: object) -> Incoming:
    """A message as a channel hands it in; every one has an id of its own unless the test gives it one."""
    channel = str(changes.get("channel", "instagram"))
    external_id = str(changes.get("external_id", f"m-{next(_numbers)}"))
    fields: dict[str, object] = {
        "channel": channel,
        "external_id": external_id,
        "text": text,
        "posted_at": at,
        "visibility": default_visibility(channel),
        "raw": f"{external_id} {text}".encode("utf-8", "surrogatepass"),
        "place": f"test:{external_id}",
        "author": Author(id=handle, handle=handle, name=None) if handle else None,
    }
    return Incoming(**(fields | changes))  # type: ignore[arg-type]


def finding(kind: Kind = Kind.COMPLAINT, **changes: object) -> TextAssessment:
    """What a text was found to be: by default a calm complaint about a delivery that speaks to us and asks for a word."""
    complaint = kind is Kind.COMPLAINT
    fields: dict[str, object] = {
        "kind": kind,
        "category": Category.DELIVERY if complaint else None,
        "remedy": Remedy.RESPONSE if complaint else None,
        "risks": (),
        "anger": 0,
        "language": "id",
        "confidence": {"kind": 0.9},
        "evidence": (),
        "addressed": True,
        "about_us": True,
        "opinion": complaint,
        "breach": complaint,
        "asks": kind in (Kind.COMPLAINT, Kind.QUESTION),
        "version": "said by the test",
    }
    return TextAssessment(**(fields | changes))  # type: ignore[arg-type]


class SaidByTheTest:
    """An assessor that finds what the test says of a text, and `finding()` of any other."""

    version = "said by the test"

    def __init__(self) -> None:
        self._said: dict[str, TextAssessment] = {}
        self.batches: list[list[str]] = []

    def finds(self, text: str, kind: Kind = Kind.COMPLAINT, **changes: object) -> str:
        """Say what this text is found to be; returns the text."""
        self._said[text] = finding(kind, **changes)
        return text

    def assess(self, batch: Sequence[Text], *, hurried: bool = False) -> list[TextAssessment]:
        """One finding a text; whether it speaks to us is what the record knows, if it knows."""
        self.batches.append([one.text for one in batch])
        return [self._one(one) for one in batch]

    def _one(self, text: Text) -> TextAssessment:
        found = self._said.get(text.text, finding())
        return found if text.addressed is None else replace(found, addressed=text.addressed)


class Fickle(Limited):
    """A channel that does what the test says at each try, and keeps what arrived.

    `tries` holds, in order, the error of each try (`None`: it arrives). With `arrives_anyway` a try that ends in an error
    has arrived all the same. Beyond the list every try arrives.
    """

    manual = False

    def __init__(
        self,
        name: str = "instagram",
        *,
        certainty: Certainty = Certainty.READ_BACK,
        tries: Iterable[Exception | None] = (),
        arrives_anyway: bool = False,
        look: Callable[[Target, Visibility], Reachable] = lambda _, __: Reachable(ok=True),
        at_sending: Callable[[Outgoing], None] = lambda _: None,
    ) -> None:
        self.name = name
        self.account = "default"
        self.certainty = certainty
        self.arrived: list[Outgoing] = []
        self.tried: list[Outgoing] = []
        self.looked_back = 0
        self.tries = list(tries)
        self.arrives_anyway = arrives_anyway
        self.look = look
        self.at_sending = at_sending

    def waiting(self) -> bool:
        """Never: these tests hand messages in themselves."""
        return False

    def fetch(self, cursor: str | None) -> Iterator[Page]:
        """Nothing."""
        return iter(())

    def reply(self, out: Outgoing) -> Sent:
        """Post it, or fail as the test says."""
        return self._try(out)

    def message_privately(self, out: Outgoing) -> Sent:
        """Send it, or fail as the test says."""
        return self._try(out)

    def can_reply(self, target: Target, visibility: Visibility, now: datetime) -> Reachable:
        """What the test says."""
        return self.look(target, visibility)

    def is_template(self, text: str) -> bool | None:
        """There are none."""
        return None

    def find_own(self, out: Outgoing) -> Sent | None:
        """Where the text of this key stands."""
        self.looked_back += 1
        return self._standing(out)

    def _standing(self, out: Outgoing) -> Sent | None:
        keys = [one.key for one in self.arrived]
        return Sent(f"{self.name}-{keys.index(out.key) + 1}") if out.key in keys else None

    def _try(self, out: Outgoing) -> Sent:
        self.tried.append(out)
        self.at_sending(out)
        error = self.tries.pop(0) if self.tries else None
        if (error is None or self.arrives_anyway) and (
            self.certainty is not Certainty.IDEMPOTENT or self._standing(out) is None
        ):
            self.arrived.append(out)
        if error is not None:
            raise error
        found = self._standing(out)
        assert found is not None
        return found


class Life:
    """A desk in a test's hands: messages in, stages worked, people deciding, and what stands in the database."""

    def __init__(self, desk: Desk, clock: SetClock, *, assessor: SaidByTheTest | None = None) -> None:
        self.assessor = assessor or SaidByTheTest()
        self.desk = replace(desk, assessor=self.assessor)
        self.clock = clock

    # The desk and its time

    def with_policy(self, **parts: object) -> None:
        """Go on under a policy with these parts exchanged."""
        self.desk = replace(self.desk, policy=replace(self.desk.policy, **parts))  # type: ignore[arg-type]

    def with_channel(self, channel: Channel) -> None:
        """Go on with this channel in the place of the one of its name."""
        known = {(one.name, one.account): one for one in self.desk.channels.all()}
        self.desk = replace(self.desk, channels=Channels({**known, (channel.name, channel.account): channel}))

    def now(self) -> datetime:
        """This instant."""
        return self.clock.now()

    def later(self, **length: float) -> datetime:
        """Let time pass; nothing happens meanwhile."""
        self.clock.set(self.clock.now() + timedelta(**length))
        return self.clock.now()

    # What comes in

    def message(self, text: str = LATE, **changes: object) -> Incoming:
        """A message posted this instant."""
        return message(text, **({"at": self.now()} | changes))  # type: ignore[arg-type]

    def record(self, *items: Incoming, source: str = "test") -> Recorded:
        """Store these messages."""
        return record(self.desk, items, source=source)

    def comes(self, text: str = LATE, **changes: object) -> str:
        """A message comes in; returns the reference of its complaint."""
        number = self.record(self.message(text, **changes)).complaints[0]
        return f"TG-{number}"

    # The stages

    def assess(self) -> None:
        """Assess what is due."""
        assess(self.desk, due_for_assessment(self.desk))

    def answer(self) -> Answered:
        """Draft what waits for an answer."""
        return draft_answers(self.desk, take_aim(self.desk, due_for_answer(self.desk)))

    def publish(self, worker: int = A_WORKER) -> list[Outcome]:
        """Send what is due."""
        return publish(self.desk, claim(self.desk, worker))

    def follow_up(self) -> None:
        """Take every follow-up that is due one step on."""
        step_on(self.desk, due_for_follow_up(self.desk))

    def watch(self) -> Watched:
        """What the time alone brings about."""
        return keep(self.desk)

    def work(self) -> None:
        """Work off everything that is due at this instant."""
        for _ in range(MOST_TURNS):
            moved = False
            if due_for_assessment(self.desk):
                self.assess()
                moved = True
            if self.publish():
                moved = True
            if due_for_answer(self.desk):
                self.answer()
                moved = True
            if due_now(self.desk):
                self.watch()
                moved = True
            if due_for_follow_up(self.desk):
                self.follow_up()
                moved = True
            if not moved:
                return
        raise AssertionError("the desk does not come to rest")

    def run_for(self, **length: float) -> None:
        """Let time pass from one due moment to the next, working off what each brings."""
        until = self.now() + timedelta(**length)
        self.work()
        while (coming := self._coming()) is not None and coming <= until:
            self.clock.set(coming)
            self.work()
        self.clock.set(until)
        self.work()

    def _coming(self) -> datetime | None:
        dues = (next_delivery(self.desk), next_follow_up(self.desk), next_moment(self.desk))
        return min((due for due in dues if due is not None and due > self.now()), default=None)

    # People

    def decide(
        self,
        reference: str,
        gate: Gate = Gate.CS,
        verdict: Verdict = Verdict.APPROVE,
        *,
        by: str | None = None,
        note: str | None = None,
        sha256: str | None = None,
        typed_by: str | None = None,
    ) -> Decided:
        """Somebody decides at a gate."""
        reason = note or (None if verdict is Verdict.APPROVE else "kurang pas")
        decision = Decision(person(by or PEOPLE[gate], typed_by), verdict, reason, sha256)
        return decide_gate(self.desk, reference, gate, decision)

    def approve_all(self, reference: str) -> None:
        """Every gate that is open passes the draft."""
        for review in self.open_reviews(reference):
            self.decide(reference, review.gate)

    # Where complaints are led to

    def in_review(self, text: str = LATE, **changes: object) -> str:
        """A complaint whose draft waits for its gates."""
        reference = self.comes(text, **changes)
        self.assess()
        self.publish()
        self.answer()
        assert self.state(reference) is State.IN_REVIEW, self.state(reference)
        return reference

    def drafting(self, reference: str) -> str:
        """A complaint in review that goes back to drafting because its author wrote again."""
        first = self.messages(reference)[0]
        again = self.message("tambahan: ini penting", in_reply_to=first.external_id, channel=first.channel)
        self.record(again)
        assert self.state(reference) is State.DRAFTING, self.state(reference)
        return reference

    def approved(self, text: str = LATE, **changes: object) -> str:
        """A complaint whose answer waits in the outbox."""
        reference = self.in_review(text, **changes)
        self.approve_all(reference)
        assert self.state(reference) is State.APPROVED, self.state(reference)
        return reference

    def responded(self, text: str = LATE, **changes: object) -> str:
        """A complaint that was answered."""
        reference = self.approved(text, **changes)
        self.publish()
        assert self.state(reference) is State.RESPONDED, self.state(reference)
        return reference

    def resolved(self, text: str = LATE, **changes: object) -> str:
        """A complaint that was solved."""
        reference = self.responded(text, **changes)
        resolve(self.desk, reference, person("cs-nia"), "Paket sudah diantar.")
        return reference

    # What stands in the database

    def complaint(self, reference: str) -> Complaint:
        """The complaint as it stands."""
        with self.desk.transaction() as session:
            return find(session, reference)

    def state(self, reference: str) -> State:
        """Where it stands in its life."""
        return self.complaint(reference).state

    def messages(self, reference: str) -> list[Message]:
        """Its messages in the order they were posted."""
        number = self.complaint(reference).id
        with self.desk.transaction() as session:
            query = select(Message).where(col(Message.complaint_id) == number)
            return list(session.execute(query.order_by(col(Message.posted_at), col(Message.id))).scalars())

    def events(self, reference: str, name: str | None = None) -> list[Event]:
        """Its events in order, of one name if given."""
        with self.desk.transaction() as session:
            events = trail.history(session, find(session, reference))
            return [event for event in events if name is None or event.name == name]

    def names(self, reference: str) -> list[str]:
        """The names of its events in order."""
        return [event.name for event in self.events(reference)]

    def drafts(self, reference: str) -> list[Draft]:
        """Its drafts in order."""
        return self._rows(Draft, reference)

    def rounds(self, reference: str) -> list[Round]:
        """Its rounds of review in order."""
        return self._rows(Round, reference)

    def deliveries(self, reference: str) -> list[Delivery]:
        """What was put into the outbox for it, in order."""
        return self._rows(Delivery, reference)

    def delivery(self, reference: str, kind: str = "reply") -> Delivery:
        """The newest delivery of this kind."""
        return [delivery for delivery in self.deliveries(reference) if delivery.kind == kind][-1]

    def follow_ups(self, reference: str) -> list[FollowUp]:
        """Its follow-ups, one a resolution."""
        return self._rows(FollowUp, reference)

    def reviews(self, reference: str) -> list[Review]:
        """The reviews of its newest round."""
        rounds = self.rounds(reference)
        if not rounds:
            return []
        with self.desk.transaction() as session:
            query = select(Review).where(col(Review.round_id) == rounds[-1].id).order_by(col(Review.id))
            return list(session.execute(query).scalars())

    def open_reviews(self, reference: str) -> list[Review]:
        """Those that wait for a decision."""
        return [review for review in self.reviews(reference) if review.state is ReviewState.OPEN]

    def open_gates(self, reference: str) -> set[Gate]:
        """The gates that wait for a decision."""
        return {review.gate for review in self.open_reviews(reference)}

    def _rows(self, table: type, reference: str) -> list:
        number = self.complaint(reference).id
        with self.desk.transaction() as session:
            query = select(table).where(table.complaint_id == number).order_by(table.id)
            return list(session.execute(query).scalars())


GRAVE = "minuman kalian bikin saya keracunan, pengacara saya akan menghubungi"
"""A text for which a test says `grave()`."""


def grave(assessor: SaidByTheTest, text: str = GRAVE, *risks: Risk) -> str:
    """Let this text be found dangerous: by default a legal threat, which opens `pr` and `legal`."""
    return assessor.finds(text, risks=risks or (Risk.LEGAL_THREAT,))


def reach(views: int) -> Metrics:
    """How far a post reached."""
    return Metrics(views=views)


def fresh_life(engine: Engine, policy: Policy, assessor: SaidByTheTest | None = None) -> Life:
    """Begin anew: an empty database, channels on which nothing was said, Monday morning."""
    sweep(engine)
    clock = SetClock(MONDAY_MORNING)
    channels = Channels({(name, "default"): SandboxChannel(name, clock=clock) for name in policy.channels.known})
    heard = assessor or SaidByTheTest()
    return Life(Desk(engine, policy, channels, heard, clock), clock, assessor=heard)


def sweep(engine: Engine) -> None:
    """Empty every table and count from the beginning again, past the guards of the trail."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in SQLModel.metadata.tables.values():
            connection.execute(table.delete())
        connection.execute(text("SELECT setval(oid, seqstart, false) FROM pg_sequence JOIN pg_class ON oid = seqrelid"))
