"""Who acts in the demo: one small script a sample, stepped through as the desk goes on.

Every act goes through the doors that people use: the decision function behind `tanggap decide`, the gateway's pages
over HTTP, the drop folder. A script is a generator: each `yield` waits for the desk.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select
from sqlmodel import col

from db import trail
from db.tables import Complaint, Delivery, DeliveryState, Event, FollowUp, Message, Review, ReviewState
from db.words import DeliveryKind, Gate, State, Verdict
from desk.demo.customers import Page, WebCustomer, drop, now
from desk.demo.samples import Sample
from tasks.decide import Decision, Refused, decide, draft_by_person, edit
from tasks.desk import Desk
from tasks.follow_up import resolve
from tasks.people import posted
from tasks.rounds import open_round_of, reviews_of

REVIEWERS = {Gate.CS: "cs-nia", Gate.PR: "pr-sari", Gate.LEGAL: "legal-dewi", Gate.EXECUTIVE: "exec-hadi"}
SECOND = {Gate.CS: "cs-tia", Gate.PR: "pr-lina", Gate.LEGAL: "legal-tono", Gate.EXECUTIVE: "exec-maya"}
CUSTOMER_SERVICE = trail.Author("cs-nia", "demo")


class Actor:
    """Plays everybody around one sample; `complaint` is how it stands, None until it is recorded."""

    def __init__(self, sample: Sample, desk: Desk, gateway: str, inbox: Path, run: str) -> None:
        self.sample = sample
        self.desk = desk
        self.gateway = gateway
        self.inbox = inbox
        self.external_id = f"{run}-{sample.id}"
        self.token: str | None = None
        self.customer: WebCustomer | None = None
        self.complaint: Complaint | None = None
        self.trouble: str | None = None
        self._refused = False
        self._script = self._play()

    def open_form(self) -> None:
        """A customer opens the form; a person needs a moment before sending it."""
        self.customer = WebCustomer(self.gateway, self.sample)

    def step(self) -> None:
        """Go one step on in the script, if there is something to do."""
        self.complaint = self._look()
        with suppress(StopIteration):
            next(self._script)

    @property
    def ended(self) -> bool:
        """Whether it stands where it must end, and everything that must have happened did."""
        return self.complaint is not None and self.complaint.state is self.sample.ends and not self.missing()

    def missing(self) -> list[str]:
        """What must stand on the timeline and does not."""
        wanted = list(self.sample.passes)
        if self.sample.answered:
            wanted += ["drafted", "decided", "responded", "resolved"]
            wanted += [] if self.sample.unacknowledged else ["acknowledged"]
        return [name for name in wanted if name not in self._events()]

    # What is on the desk

    def _look(self) -> Complaint | None:
        with self.desk.transaction() as session:
            if self.token is not None:
                return session.execute(select(Complaint).where(col(Complaint.token) == self.token)).scalar_one_or_none()
            return session.execute(
                select(Complaint)
                .join(Message, col(Message.complaint_id) == col(Complaint.id))
                .where(col(Message.channel) == self.sample.channel, col(Message.external_id) == self.external_id)
            ).scalar_one_or_none()

    def _events(self) -> set[str]:
        if self.complaint is None:
            return set()
        with self.desk.transaction() as session:
            found = session.execute(select(Event.name).where(col(Event.complaint_id) == self.complaint.id))  # type: ignore[call-overload]
            return set(found.scalars())

    def _reviews(self) -> list[Review]:
        assert self.complaint is not None
        with self.desk.transaction() as session:
            round_ = open_round_of(session, self.complaint)
            return [r for r in reviews_of(session, round_.id) if r.state is ReviewState.OPEN] if round_ else []

    def _state(self) -> State | None:
        return self.complaint.state if self.complaint else None

    @property
    def reference(self) -> str:
        """What people call it."""
        assert self.complaint is not None
        return self.complaint.reference

    # The script

    def _play(self) -> Iterator[None]:
        sample = self.sample
        yield from self._complain()
        if not sample.answered:
            return
        if sample.threat is not None:
            yield from self._until(State.IN_REVIEW)
            draft_by_person(self.desk, self.reference, sample.threat.text, trail.Author(sample.threat.by, "demo"))
        if sample.interrupts is not None:
            yield from self._until(State.IN_REVIEW)
            self._write(sample.interrupts)
            while "voided" not in self._events():
                yield
        yield from self._answer()
        if sample.again is not None:
            self._write(sample.again)
            while self._state() is State.RESPONDED:
                yield
            yield from self._answer()
        yield from self._solve(sample.survey)
        if sample.again_resolved:
            while "reopened" not in self._events():
                yield
            yield from self._answer()
            yield from self._solve(4)
        if sample.words is not None:
            while not self._asked():
                yield
            self._page().publish(sample.words)

    def _complain(self) -> Iterator[None]:
        if self.customer is not None:
            self.token = self.customer.complain()
        while self.complaint is None:
            yield

    def _answer(self) -> Iterator[None]:
        """Reviewers do their work until the answer has left."""
        sample = self.sample
        while self._state() in (State.NEW, State.ASSESSED, State.DRAFTING, State.IN_REVIEW, State.APPROVED, State.HELD):
            if self._state() is State.HELD and sample.draft is not None:
                draft_by_person(self.desk, self.reference, sample.draft.text, trail.Author(sample.draft.by, "demo"))
            for review in self._reviews() if self._state() is State.IN_REVIEW else ():
                self._decide(review)
            if sample.posted is not None and self._state() is State.APPROVED and self._by_hand():
                posted(self.desk, self.reference, sample.posted, CUSTOMER_SERVICE)
            yield

    def _decide(self, review: Review) -> None:
        sample = self.sample
        person = REVIEWERS[review.gate] if review.author != REVIEWERS[review.gate] else SECOND[review.gate]
        by = trail.Author(person, "demo")
        refusal = sample.changes or sample.reject
        try:
            if refusal is not None and refusal.gate is review.gate and not self._refused:
                self._refused = True
                verdict = Verdict.CHANGES if sample.changes else Verdict.REJECT
                decide(self.desk, review.id, Decision(by, verdict, refusal.note, review.sha256))
            elif sample.edit is not None and sample.edit.gate is review.gate and not self._refused:
                self._refused = True
                edit(self.desk, review.id, sample.edit.text, trail.Author(sample.edit.by, "demo"), review.sha256)
            else:
                decide(self.desk, review.id, Decision(by, Verdict.APPROVE, None, review.sha256))
        except Refused as refused:
            if refused.why not in ("not_open", "stale"):
                self.trouble = str(refused)

    def _solve(self, score: int) -> Iterator[None]:
        """The private talk solves it, and the customer answers the survey on their page."""
        resolve(self.desk, self.reference, CUSTOMER_SERVICE, "Solved in a private talk (demo).")
        while not self._surveyed():
            yield
        self._page().answer_survey(score)

    def _write(self, text: str) -> None:
        if self.token is not None:
            self._page().write(text)
        else:
            line = self.sample.as_record(f"{self.external_id}-2", text, now(), in_reply_to=self.external_id)
            drop(self.inbox, f"{self.external_id}-2.jsonl", [line])

    def _page(self) -> Page:
        assert self.complaint is not None
        return Page(self.gateway, self.complaint.token)

    def _surveyed(self) -> bool:
        """Whether the survey of the last resolution has arrived."""
        return self._delivered(DeliveryKind.SURVEY)

    def _asked(self) -> bool:
        return self._delivered(DeliveryKind.ASK)

    def _delivered(self, kind: DeliveryKind) -> bool:
        assert self.complaint is not None
        with self.desk.transaction() as session:
            last = session.execute(
                select(FollowUp)
                .where(col(FollowUp.complaint_id) == self.complaint.id)
                .order_by(col(FollowUp.id).desc())
                .limit(1)
            ).scalar_one_or_none()
            if last is None:
                return False
            key = f"{self.complaint.reference}:{kind.value}:{last.resolution}"
            sent = select(Delivery).where(col(Delivery.key) == key, col(Delivery.state) == DeliveryState.SENT)
            return session.execute(sent).scalar_one_or_none() is not None

    def _by_hand(self) -> bool:
        assert self.complaint is not None
        with self.desk.transaction() as session:
            waiting = select(Delivery).where(
                col(Delivery.complaint_id) == self.complaint.id, col(Delivery.state) == DeliveryState.MANUAL
            )
            return session.execute(waiting).first() is not None

    def _until(self, state: State) -> Iterator[None]:
        while self._state() is not state:
            yield
