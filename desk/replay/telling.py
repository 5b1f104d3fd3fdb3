"""Tells a story on a simulated clock, through the same steps that the flows run, without a Prefect server."""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select
from sqlmodel import col

from db import trail
from db.clock import SetClock
from db.complaints import final
from db.duty import register_worker
from db.tables import Complaint, Delivery, Event, Message
from db.wake import Listener
from db.words import Verdict
from desk.replay import story as told
from desk.replay.law import take_to_law
from desk.replay.story import Entry, Story, UnreadableStory
from integrations.channels.registry import Channels
from integrations.channels.sandbox import SandboxChannel
from integrations.classifier.opening import Ground, open_assessor
from integrations.classifier.use import Use
from integrations.intake.fields import Terms, read_record
from integrations.record import Incoming, Metrics
from policy.company import Company
from policy.loading import Policy
from tasks.answer import draft_answers, due_for_answer, take_aim
from tasks.assess import assess, due_for_assessment
from tasks.changes import new_metrics, taken_down
from tasks.decide import Decision, Refused, decide_gate, draft_by_person
from tasks.desk import Desk
from tasks.follow_up import NoSurvey, NotResolvable, answer_survey, due_for_follow_up, resolve, step_on
from tasks.follow_up import next_due as next_follow_up
from tasks.people import Mistake
from tasks.publish import claim, publish
from tasks.publish import next_due as next_delivery
from tasks.record import record
from tasks.watch import due_now, keep, next_moment

MOST_TURNS = 10_000
"""A desk that does not come to rest has a fault; a story must not hang on it."""


@dataclass
class Happened:
    """One event of the trail, with what a story may ask about it."""

    at: datetime
    name: str
    complaint: int
    reference: str
    message: str | None
    by: str
    facts: dict[str, Any]
    text: str | None = None

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        shown = {
            "at": self.at.isoformat(),
            "event": self.name,
            "complaint": self.reference,
            "of": self.message,
            "by": self.by,
        }
        return shown | self.facts | ({"text": self.text} if self.text is not None else {})


@dataclass
class Account:
    """What became of a story."""

    events: list[Happened] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    complaints: dict[str, int] = field(default_factory=dict)
    arrived: dict[str, datetime] = field(default_factory=dict)
    mishaps: list[str] = field(default_factory=list)


class Teller:
    """Holds the desk of a story, and its clock."""

    def __init__(self, story: Story, engine: Engine, policy: Policy, use: Use = Use.FULL) -> None:
        self.story = story
        self.clock = SetClock(story.start)
        if story.company is not None:
            policy = replace(policy, company=Company.model_validate(story.company))
        self.sandboxes = {name: SandboxChannel(name, clock=self.clock) for name in policy.channels.known}
        self.desk = Desk(
            engine=engine,
            policy=policy,
            channels=Channels({(name, "default"): box for name, box in self.sandboxes.items()}),
            assessor=open_assessor(
                Ground(policy.lexicon, policy.company, policy.assessing, any_brand=story.company is None), use
            ),
            clock=self.clock,
        )
        self.account = Account()
        self.channel_of: dict[str, str] = {}

    def tell(self) -> Account:
        """Play the timeline, let the clock run to its end, and read the trail."""
        url = self.desk.engine.url.render_as_string(hide_password=False)
        with Listener(url, "replay") as listener:
            self.worker = register_worker(listener)
            for entry in self.story.timeline:
                self._go_on_to(self.story.start + entry.after)
                self._happen(entry)
                self._come_to_rest()
            last = self.story.timeline[-1].after if self.story.timeline else None
            until = max(filter(None, (self.story.until, last)), default=None)
            if until is not None:
                self._go_on_to(self.story.start + until)
        self._read_trail()
        return self.account

    def _go_on_to(self, at: datetime) -> None:
        for _ in range(MOST_TURNS):
            now = self.clock.now()
            dues = (next_delivery(self.desk), next_follow_up(self.desk), next_moment(self.desk))
            coming = min((due for due in dues if due is not None and due > now), default=None)
            if coming is None or coming > at:
                break
            self.clock.set(coming)
            self._come_to_rest()
        self.clock.set(at)
        self._come_to_rest()

    def _come_to_rest(self) -> None:
        """Do what is due, stage after stage, until nothing is."""
        desk = self.desk
        for _ in range(MOST_TURNS):
            moved = False
            if numbers := due_for_assessment(desk):
                assess(desk, numbers)
                moved = True
            if claimed := claim(desk, self.worker):
                publish(desk, claimed)
                moved = True
            elif marks := due_for_answer(desk):
                draft_answers(desk, take_aim(desk, marks))
                moved = True
            if due_now(desk):
                keep(desk)
                moved = True
            if numbers := due_for_follow_up(desk):
                step_on(desk, numbers)
                moved = True
            if not moved:
                return
        raise RuntimeError("the desk does not come to rest")

    def _happen(self, entry: Entry) -> None:
        what = entry.happens
        try:
            match what:
                case dict():
                    self._message(what)
                case told.Metrics():
                    figures = Metrics(what.views, what.likes, what.replies, what.shares)
                    new_metrics(self.desk, self.channel_of[what.of], "default", what.of, figures)
                case told.Draft():
                    draft_by_person(
                        self.desk, self._reference(what.of), what.text, trail.Author(what.by), what.visibility
                    )
                case told.Decide():
                    note = what.note or (None if what.verdict is Verdict.APPROVE else "-")
                    decide_gate(
                        self.desk,
                        self._reference(what.of),
                        what.gate,
                        Decision(trail.Author(what.by), what.verdict, note),
                    )
                case told.Resolve():
                    resolve(self.desk, self._reference(what.of), trail.Author(what.by), what.summary)
                case told.Survey():
                    answer_survey(self.desk, self._complaint(what.of).id, what.score, what.comment)
                case told.Declare():
                    self.account.mishaps.append(f"{entry.after}: no incident is suspected around {what.of}")
                case told.LegalRoad() | told.Emergency() | told.LegalHold() | told.Breach():
                    take_to_law(self.desk, self._reference(what.of), what)
                case told.Of():
                    self.sandboxes[self.channel_of[what.of]].removed(what.of)
                    taken_down(self.desk, self.channel_of[what.of], "default", what.of)
        except (Refused, Mistake, NotResolvable, NoSurvey) as error:
            self.account.mishaps.append(f"{entry.after}: {error}")

    def _message(self, fields: dict[str, Any]) -> None:
        now = self.clock.now()
        raw = json.dumps({"posted_at": now.isoformat(), **fields}, ensure_ascii=False, default=str).encode()
        terms = Terms(now, None, self.desk.policy.channels.known, self.desk.policy.company.owns_email)
        item = read_record(json.loads(raw), terms, place=f"{self.story.name}:{fields.get('external_id')}", raw=raw)
        if not isinstance(item, Incoming):
            raise UnreadableStory(f"{self.story.name}: a message cannot be taken: {item.reason}")
        self.channel_of[item.external_id] = item.channel
        self.account.arrived.setdefault(item.external_id, now)
        record(self.desk, [item], source=self.story.name)

    def _complaint(self, external_id: str) -> Complaint:
        with self.desk.transaction() as session:
            message = session.execute(
                select(Message).where(
                    col(Message.channel) == self.channel_of[external_id], col(Message.external_id) == external_id
                )
            ).scalar_one()
            return final(session, session.get_one(Complaint, message.complaint_id))

    def _reference(self, external_id: str) -> str:
        return self._complaint(external_id).reference

    def _read_trail(self) -> None:
        with self.desk.transaction() as session:
            texts = {delivery.id: delivery.text for delivery in session.execute(select(Delivery)).scalars()}
            messages = {message.id: message for message in session.execute(select(Message)).scalars()}
            complaints = {complaint.id: complaint for complaint in session.execute(select(Complaint)).scalars()}
            for event in session.execute(select(Event).order_by(col(Event.id))).scalars():
                if event.complaint_id is None:
                    continue
                message = messages.get(event.message_id or 0)
                self.account.events.append(
                    Happened(
                        at=event.at,
                        name=event.name,
                        complaint=event.complaint_id,
                        reference=event.chain,
                        message=message.external_id if message else None,
                        by=event.by,
                        facts={k: v for k, v in event.data.items() if k not in ("digest",)},
                        text=texts.get(event.data.get("delivery", 0)) if event.name == "delivered" else None,
                    )
                )
            for external_id, channel in self.channel_of.items():
                for message in messages.values():
                    if (message.channel, message.external_id) == (channel, external_id):
                        self.account.complaints[external_id] = message.complaint_id
                        self.account.states[external_id] = complaints[message.complaint_id].state.value
