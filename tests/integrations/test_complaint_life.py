"""A complaint's life as a state machine: whatever happens, in whatever order, the rules that never bend hold."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from factories import GRAVE, LATE, Fickle, Life, SaidByTheTest, fresh_life, person, reach
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine, select
from sqlmodel import Session, col

from db import trail
from db.complaints import find, lock, move
from db.states import MOVES, IllegalMove
from db.tables import (
    Complaint,
    Delivery,
    DeliveryState,
    Draft,
    Event,
    FollowUp,
    FollowUpState,
    Review,
    ReviewState,
    Round,
    RoundState,
)
from db.words import DeliveryKind, Kind, Risk, State, Verdict, Visibility
from integrations.channels.base import Certainty, Never, Outgoing, Reachable, Target, TryAgain, Unknown
from integrations.record import Incoming
from policy.loading import Policy
from tasks.changes import new_metrics, taken_down
from tasks.decide import Decision, Refused, decide, draft_by_person, edit
from tasks.follow_up import NoSurvey, NotResolvable, answer_survey, resolve
from tasks.kill_switch import allow_publishing, stop_publishing
from tasks.people import (
    Mistake,
    close_held,
    correct,
    merge,
    posted,
    redraft,
    send_again,
    throw_out,
    unmerge,
)
from tasks.publish import claim, recover

pytest_plugins = ("lives",)

BRIEF = settings(
    max_examples=10,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

GRUMBLE, THANKS, JUNK, QUESTION = "logonya kok gitu", "makasih ya kak", "promo pinjol cair cepat", "jam buka berapa?"
TEXTS = (LATE, GRAVE, GRUMBLE, THANKS, JUNK, QUESTION)
CLEAN = "Halo Kak, kami mohon maaf atas kejadian ini. Mari kita lanjutkan lewat pesan langsung ke akun ini."
BLOCKED = "Kami akan menuntut Anda sesuai UU ITE bila unggahan ini tidak segera dihapus."
SOMEBODY = st.sampled_from(
    ["cs-nia", "cs-budi", "pr-sari", "pr-lina", "legal-tono", "legal-dewi", "exec-hadi", "exec-rina", "nobody"]
)
NOT_DONE = (Refused, Mistake, NotResolvable, NoSurvey, IllegalMove)
LIVE = (
    DeliveryState.QUEUED,
    DeliveryState.CLAIMED,
    DeliveryState.SENDING,
    DeliveryState.UNKNOWN,
    DeliveryState.MANUAL,
)


def listener() -> SaidByTheTest:
    assessor = SaidByTheTest()
    assessor.finds(GRAVE, risks=(Risk.LEGAL_THREAT,))
    assessor.finds(GRUMBLE, Kind.OTHER, addressed=False, opinion=True)
    assessor.finds(THANKS, Kind.PRAISE)
    assessor.finds(JUNK, Kind.SPAM)
    assessor.finds(QUESTION, Kind.QUESTION)
    return assessor


NOBODYS_NUMBER = 2_000_000_000
"""A worker that does not live."""


class Killed(BaseException):
    """What SIGKILL looks like from inside: nothing catches it, nothing is recorded."""


class Lives(RuleBasedStateMachine):
    """Customers write, people decide, stages work and time passes, in any order."""

    complaints: Bundle[tuple[str, Incoming]] = Bundle("complaints")

    def __init__(self, begin: Callable[[], Life]) -> None:
        super().__init__()
        self.life = begin()
        self.customers = 0
        self.removed: set[str] = set()

    # Customers

    @initialize(target=complaints, text=st.sampled_from(TEXTS), certainty=st.sampled_from(Certainty))
    def first(self, text: str, certainty: Certainty) -> tuple[str, Incoming]:
        self.channel = Fickle(certainty=certainty, look=self.can_be_answered)
        self.life.with_channel(self.channel)
        return self.writes(text)

    def can_be_answered(self, target: Target, visibility: Visibility) -> Reachable:
        gone = visibility is Visibility.PUBLIC and target.external_id in self.removed
        return Reachable(ok=not gone, why="the post was removed by its author")

    @rule(target=complaints, text=st.sampled_from(TEXTS))
    def somebody_writes(self, text: str) -> object:
        return self.writes(text) if self.customers < 4 else multiple()

    def writes(self, text: str) -> tuple[str, Incoming]:
        self.customers += 1
        item = self.life.message(text, handle=f"pelanggan-{self.customers}")
        return f"TG-{self.life.record(item).complaints[0]}", item

    @rule(of=complaints, text=st.sampled_from(TEXTS), visibility=st.sampled_from(Visibility))
    def they_write_again(self, of: tuple[str, Incoming], text: str, visibility: Visibility) -> None:
        item = of[1]
        self.life.record(
            self.life.message(
                text, author=item.author, in_reply_to=item.external_id, visibility=visibility, account=item.account
            )
        )

    @rule(of=complaints, text=st.sampled_from(TEXTS))
    def they_edit(self, of: tuple[str, Incoming], text: str) -> None:
        self.life.record(self.life.message(text, author=of[1].author, external_id=of[1].external_id))

    @rule(of=complaints, views=st.sampled_from([10, 3_000, 150_000, 1_500_000]))
    def it_spreads(self, of: tuple[str, Incoming], views: int) -> None:
        new_metrics(self.life.desk, of[1].channel, of[1].account, of[1].external_id, reach(views))

    @rule(of=complaints)
    def they_take_it_down(self, of: tuple[str, Incoming]) -> None:
        self.removed.add(of[1].external_id)
        taken_down(self.life.desk, of[1].channel, of[1].account, of[1].external_id)

    @rule(of=complaints, score=st.integers(1, 5))
    def they_answer_the_survey(self, of: tuple[str, Incoming], score: int) -> None:
        with suppress(*NOT_DONE):
            answer_survey(self.life.desk, self.life.complaint(of[0]).id, score, None)

    # Stages and time

    @rule()
    def assess(self) -> None:
        self.life.assess()

    @rule()
    def answer(self) -> None:
        self.life.answer()

    @rule()
    def publish(self) -> None:
        self.life.publish()

    @rule(
        error=st.sampled_from([None, TryAgain("busy"), Never("no"), Unknown("the line broke")]), arrives=st.booleans()
    )
    def publish_through_trouble(self, error: Exception | None, arrives: bool) -> None:
        self.channel.tries = [error]
        self.channel.arrives_anyway = arrives and isinstance(error, Unknown)
        self.life.publish()
        self.channel.tries, self.channel.arrives_anyway = [], False

    @rule(arrives=st.booleans())
    def a_worker_dies_while_sending(self, arrives: bool) -> None:
        def kill(out: Outgoing) -> None:
            if arrives and out.key not in [one.key for one in self.channel.arrived]:
                self.channel.arrived.append(out)
            raise Killed

        self.channel.at_sending = kill
        with suppress(Killed):
            self.life.publish(worker=NOBODYS_NUMBER)
        self.channel.at_sending = lambda _: None
        recover(self.life.desk)

    @rule()
    def a_worker_dies_before_it_sends(self) -> None:
        claim(self.life.desk, NOBODYS_NUMBER)
        recover(self.life.desk)

    @rule()
    def work(self) -> None:
        self.life.work()

    @rule(minutes=st.sampled_from([1, 20, 90, 60 * 13, 60 * 24 * 4]))
    def time_passes(self, minutes: int) -> None:
        self.life.later(minutes=minutes)
        self.life.watch()
        self.life.follow_up()

    # People

    @rule(of=complaints, by=SOMEBODY, verdict=st.sampled_from(Verdict), nth=st.integers(0, 3))
    def somebody_decides(self, of: tuple[str, Incoming], by: str, verdict: Verdict, nth: int) -> None:
        reviews = self.life.reviews(of[0])
        assume(reviews)
        decision = Decision(person(by), verdict, "begini" if verdict is not Verdict.APPROVE else None)
        with suppress(*NOT_DONE):
            decide(self.life.desk, reviews[nth % len(reviews)].id, decision)

    @rule(of=complaints)
    def everybody_approves(self, of: tuple[str, Incoming]) -> None:
        with suppress(*NOT_DONE):
            self.life.approve_all(of[0])

    @rule(of=complaints, by=SOMEBODY, text=st.sampled_from([CLEAN, BLOCKED]), nth=st.integers(0, 3))
    def a_reviewer_edits(self, of: tuple[str, Incoming], by: str, text: str, nth: int) -> None:
        reviews = self.life.reviews(of[0])
        assume(reviews)
        with suppress(*NOT_DONE):
            edit(self.life.desk, reviews[nth % len(reviews)].id, text, person(by))

    @rule(
        of=complaints,
        by=SOMEBODY,
        text=st.sampled_from([CLEAN, BLOCKED]),
        visibility=st.sampled_from([*Visibility, None]),
    )
    def a_person_writes(self, of: tuple[str, Incoming], by: str, text: str, visibility: Visibility | None) -> None:
        with suppress(*NOT_DONE):
            draft_by_person(self.life.desk, of[0], text, person(by), visibility)

    @rule(of=complaints)
    def somebody_resolves(self, of: tuple[str, Incoming]) -> None:
        with suppress(*NOT_DONE):
            resolve(self.life.desk, of[0], person("cs-nia"), "Sudah beres.")

    @rule(of=complaints, severity=st.sampled_from(["S1", "S2", "S4"]))
    def somebody_corrects(self, of: tuple[str, Incoming], severity: str) -> None:
        correct(self.life.desk, of[0], {"severity": severity}, person("cs-nia"))

    @rule(of=complaints, kind=st.sampled_from(["complaint", "praise"]))
    def somebody_says_what_it_is(self, of: tuple[str, Incoming], kind: str) -> None:
        correct(self.life.desk, of[0], {"kind": kind}, person("cs-nia"))

    @rule(of=complaints)
    def somebody_throws_it_out(self, of: tuple[str, Incoming]) -> None:
        with suppress(*NOT_DONE):
            throw_out(self.life.desk, of[0], person("cs-nia"))

    @rule(one=complaints, other=complaints)
    def somebody_merges(self, one: tuple[str, Incoming], other: tuple[str, Incoming]) -> None:
        with suppress(*NOT_DONE):
            merge(self.life.desk, one[0], other[0], person("cs-nia"))

    @rule(of=complaints)
    def somebody_undoes_a_merge(self, of: tuple[str, Incoming]) -> None:
        with suppress(*NOT_DONE):
            unmerge(self.life.desk, of[0], person("cs-nia"))

    @rule(of=complaints, closes=st.booleans())
    def somebody_lets_go_of_what_is_held(self, of: tuple[str, Incoming], closes: bool) -> None:
        with suppress(*NOT_DONE):
            if closes:
                close_held(self.life.desk, of[0], "sudah selesai di toko", person("cs-nia"))
            else:
                redraft(self.life.desk, of[0], person("cs-nia"))

    @rule(stop=st.booleans(), scope=st.sampled_from(["all", "channel:instagram"]))
    def somebody_turns_the_switch(self, stop: bool, scope: str) -> None:
        (stop_publishing if stop else allow_publishing)(self.life.desk, scope, "uji", person("pr-sari"))

    @rule(of=complaints)
    def somebody_looks_whether_it_arrived(self, of: tuple[str, Incoming]) -> None:
        waits = [one for one in self.life.deliveries(of[0]) if one.needs_person]
        assume(waits)
        with suppress(*NOT_DONE):
            if waits[0].key in [one.key for one in self.channel.arrived]:
                posted(self.life.desk, of[0], f"https://ig.example/{waits[0].id}", person("cs-nia"))
            else:
                send_again(self.life.desk, of[0], person("cs-nia"))

    @rule(of=consumes(complaints))
    def nobody_looks_at_it_any_more(self, of: tuple[str, Incoming]) -> None:
        pass

    @rule(of=complaints, to=st.sampled_from(State))
    def somebody_tries_a_move_that_is_none(self, of: tuple[str, Incoming], to: State) -> None:
        before = self.life.complaint(of[0])
        assume(to not in MOVES[before.state])
        with self.life.desk.transaction() as session:
            complaint = lock(session, before.id)
            with pytest.raises(IllegalMove):
                move(session, complaint, to, event="moved", by=person("cs-nia"), at=self.life.now())
        after = self.life.complaint(of[0])
        assert (after.state, after.version, after.events) == (before.state, before.version, before.events)

    # What always holds

    @invariant()
    def the_rules_hold(self) -> None:
        with Session(self.life.desk.engine) as session:
            assert list(trail.verify(session)) == []
            rounds = session.execute(select(Round)).scalars().all()
            reviews = session.execute(select(Review)).scalars().all()
            for complaint in session.execute(select(Complaint)).scalars().all():
                its_rounds = [one for one in rounds if one.complaint_id == complaint.id]
                its_reviews = [one for one in reviews if one.round_id in {round_.id for round_ in its_rounds}]
                version_counts_moves(session, complaint)
                reviews_stand_only_in_review(complaint, its_rounds, its_reviews)
                the_outbox_fits_the_state(session, complaint)
                nobody_is_asked_about_an_open_complaint(session, complaint)
            for review in reviews:
                nobody_approved_their_own_words(session, review)
            nobody_decided_two_gates(reviews)
            for delivery in session.execute(select(Delivery).where(col(Delivery.draft_id).is_not(None))).scalars():
                what_goes_out_was_approved(session, delivery)
            what_arrived_is_what_was_sent(self.channel, session)


def version_counts_moves(session: Session, complaint: Complaint) -> None:
    events = session.execute(select(Event).where(col(Event.complaint_id) == complaint.id).order_by(col(Event.number)))
    moves = [
        (event.data["from"], event.data["to"])
        for event in events.scalars()
        if "to" in event.data and "from" in event.data
    ]
    assert complaint.version == len(moves)
    assert complaint.state == (moves[-1][1] if moves else State.NEW)
    at = State.NEW.value
    for came_from, to in moves:
        assert came_from == at
        assert State(to) in MOVES[State(came_from)]
        at = to


def reviews_stand_only_in_review(complaint: Complaint, rounds: list[Round], reviews: list[Review]) -> None:
    open_rounds = [one for one in rounds if one.state is RoundState.OPEN]
    open_reviews = [one for one in reviews if one.state is ReviewState.OPEN]
    assert len(open_rounds) == (complaint.state is State.IN_REVIEW)
    assert bool(open_reviews) == (complaint.state is State.IN_REVIEW)
    for review in open_reviews:
        assert review.round_id == open_rounds[0].id
        assert review.deadline > review.opened_at


def the_outbox_fits_the_state(session: Session, complaint: Complaint) -> None:
    replies = session.execute(
        select(Delivery).where(col(Delivery.complaint_id) == complaint.id, col(Delivery.draft_id).is_not(None))
    ).scalars()
    states = [reply.state for reply in sorted(replies, key=lambda reply: reply.id)]
    on_their_way = [state for state in states if state in LIVE]
    failed = complaint.state is State.APPROVED and states[-1] is DeliveryState.FAILED
    assert len(on_their_way) == (complaint.state is State.APPROVED and not failed), states


def nobody_is_asked_about_an_open_complaint(session: Session, complaint: Complaint) -> None:
    solved = complaint.state in (State.RESOLVED, State.CLOSED)
    asks = session.execute(
        select(Delivery.state).where(
            col(Delivery.complaint_id) == complaint.id,
            col(Delivery.kind).in_([DeliveryKind.SURVEY, DeliveryKind.ASK]),
        )
    ).scalars()
    assert solved or not set(asks) & set(LIVE)
    followed = session.execute(select(FollowUp.state).where(col(FollowUp.complaint_id) == complaint.id)).scalars()
    assert solved or set(followed) <= {FollowUpState.ENDED}


def nobody_approved_their_own_words(session: Session, review: Review) -> None:
    draft = session.get_one(Draft, review.draft_id)
    assert (review.sha256, review.author) == (draft.sha256, draft.author)
    assert review.decided_by != draft.author
    assert not draft.blocked


def nobody_decided_two_gates(reviews: list[Review]) -> None:
    decided = [(review.round_id, review.decided_by) for review in reviews if review.decided_by is not None]
    assert len(decided) == len(set(decided))


def what_goes_out_was_approved(session: Session, delivery: Delivery) -> None:
    draft, round_ = session.get_one(Draft, delivery.draft_id), session.get_one(Round, delivery.round_id)
    assert delivery.text == draft.text
    assert delivery.sha256 == draft.sha256 == round_.sha256
    assert round_.state is RoundState.PASSED
    reviews = session.execute(select(Review).where(col(Review.round_id) == round_.id)).scalars()
    looked = [review for review in reviews if review.state is not ReviewState.WITHDRAWN]
    assert looked
    assert {review.verdict for review in looked} == {Verdict.APPROVE}


def what_arrived_is_what_was_sent(channel: Fickle, session: Session) -> None:
    rows = {delivery.key: delivery for delivery in session.execute(select(Delivery)).scalars()}
    keys = [out.key for out in channel.arrived]
    assert len(keys) == len(set(keys))
    for out in channel.arrived:
        assert out.text == rows[out.key].text
        assert rows[out.key].state in (DeliveryState.SENT, DeliveryState.UNKNOWN)
    assert {key for key, row in rows.items() if row.state is DeliveryState.SENT} <= set(keys)


class Moves(RuleBasedStateMachine):
    """One complaint, moved at random: what the table has is done and counted, what it has not is an error."""

    def __init__(self, begin: Callable[[], Life]) -> None:
        super().__init__()
        self.life = begin()
        self.reference = self.life.comes()
        self.state = State.NEW
        self.moves = 0

    @rule(to=st.sampled_from(State))
    def try_to_move(self, to: State) -> None:
        with self.life.desk.transaction() as session:
            complaint = find(session, self.reference)
            if to not in MOVES[self.state]:
                with pytest.raises(IllegalMove):
                    move(session, complaint, to, event="moved", by=person("cs-nia"), at=self.life.now())
                return
            complaint.merged_into = self.another() if to is State.MERGED else None
            complaint.held_why, complaint.held_until = "uji", self.life.now()
            move(session, complaint, to, event="moved", by=person("cs-nia"), at=self.life.now())
        self.state, self.moves = to, self.moves + 1

    def another(self) -> int:
        return self.life.record(self.life.message("lain sekali", handle="orang.lain")).complaints[0]

    @rule()
    def go_on(self) -> None:
        """Towards an answer, so that the later states are reached too."""
        order = [State.ASSESSED, State.DRAFTING, State.IN_REVIEW, State.APPROVED, State.RESPONDED, State.RESOLVED]
        nearest = [to for to in order if to in MOVES[self.state]]
        self.try_to_move(nearest[-1])

    @invariant()
    def the_version_counts_the_moves(self) -> None:
        complaint = self.life.complaint(self.reference)
        assert (complaint.state, complaint.version) == (self.state, self.moves)
        assert (complaint.held_why is None) == (self.state is not State.HELD)
        assert len(self.life.events(self.reference, "moved")) == self.moves
        with self.life.desk.transaction() as session:
            assert list(trail.verify(session)) == []


def test_a_complaint_moves_along_the_table_and_counts_its_moves(swept_engine: Engine, policy: Policy):
    run_state_machine_as_test(
        lambda: Moves(lambda: fresh_life(swept_engine, policy)), settings=settings(BRIEF, stateful_step_count=20)
    )


def test_the_rules_hold_whatever_happens(swept_engine: Engine, policy: Policy):
    run_state_machine_as_test(
        lambda: Lives(lambda: fresh_life(swept_engine, policy, listener())),
        settings=BRIEF,
    )
