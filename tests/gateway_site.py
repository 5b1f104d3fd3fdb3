"""A gateway that really listens, a visitor with a form in hand, and a desk that works off what comes in."""

import html
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import requests
import uvicorn
from sqlalchemy import select
from sqlmodel import col

from db import trail
from db.clock import Clock, SetClock
from db.complaints import find
from db.tables import Complaint, Review, ReviewState, WebPost
from db.words import Category, DeliveryKind, Kind, Remedy, Verdict
from desk.gateway.app import create_app
from desk.gateway.rules import WebRules
from desk.settings import Settings
from integrations.channels.registry import Channels
from integrations.channels.web import WebChannel
from policy.assessment import Text, TextAssessment
from tasks.answer import draft_answers, due_for_answer, take_aim
from tasks.assess import assess, due_for_assessment
from tasks.decide import Decision, decide
from tasks.desk import Desk
from tasks.follow_up import due_for_follow_up, resolve, step_on
from tasks.publish import claim, publish

LATE_PARCEL = "Paket saya belum datang sudah sepuluh hari. Tolong dicek, kapan sampainya?"


class PlainAssessor:
    """Knows three kinds of text by one word each, so that these tests are about the pages."""

    version = "plain"

    def assess(self, batch: Sequence[Text], *, hurried: bool = False) -> list[TextAssessment]:
        """One finding a text."""
        return [self._one(text) for text in batch]

    def _one(self, text: Text) -> TextAssessment:
        said = text.text.lower()
        kind = Kind.PRAISE if "puas" in said else Kind.SPAM if "kasino" in said else Kind.COMPLAINT
        complaint = kind is Kind.COMPLAINT
        return TextAssessment(
            kind=kind,
            category=Category.DELIVERY if complaint else None,
            remedy=Remedy.RESPONSE if complaint else None,
            risks=(),
            anger=0,
            language="en" if "parcel" in said else "id",
            confidence={},
            evidence=(),
            addressed=True,
            about_us=True,
            opinion=complaint,
            breach=complaint,
            asks=complaint,
            version=self.version,
        )


def on_the_web(desk: Desk, clock: Clock) -> Desk:
    """The desk with the real web channel alone."""
    channels = Channels({("web", "default"): WebChannel(desk.engine, clock=clock)})
    return replace(
        desk, channels=channels, assessor=PlainAssessor(), clock=clock, public_url="https://keluhan.warungsenja.example"
    )


@contextmanager
def listening(
    desk: Desk | None, rules: WebRules | None = None, settings: Settings | None = None, *, port: int = 0
) -> Iterator[str]:
    """A real server, on a free port unless one is named; its address."""
    config = uvicorn.Config(create_app(desk, rules, settings), host="127.0.0.1", port=port, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 60
    while not server.started:
        assert thread.is_alive(), "the gateway did not start"
        assert time.monotonic() < until, "the gateway took too long to start"
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)


@dataclass
class Visitor:
    """Somebody with a browser that speaks one language and comes from one address."""

    url: str
    clock: SetClock
    language: str = "id"
    address: str = "203.0.113.7"
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **options: object) -> requests.Response:
        """Open a page."""
        return self.session.get(self.url + path, headers=self._headers, timeout=20, **options)

    def post(self, path: str, **fields: str) -> requests.Response:
        """Send a form, and follow to where it leads."""
        return self.session.post(self.url + path, data=fields, headers=self._headers, timeout=20)

    def open_form(self, after: timedelta = timedelta(seconds=30)) -> str:
        """Open the complaint form and take some time over it; its stamp."""
        stamp = re.search(r'name="stamp" value="([^"]+)"', self.get("/").text)
        assert stamp
        self.clock.set(self.clock.now() + after)
        return stamp[1]

    def complain(self, text: str = LATE_PARCEL, **fields: str) -> requests.Response:
        """Fill in the form as a person does."""
        given = {"text": text, "board": "private", "situs": "", "stamp": self.open_form()} | fields
        return self.post("/complaints", **given)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Accept-Language": self.language, "X-Forwarded-For": self.address}


def words_on(page: requests.Response) -> str:
    """What a reader sees: the page without its markup, with single spaces."""
    body = re.sub(r"<head>.*?</head>|<script.*?</script>", " ", page.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def path_of(page: requests.Response) -> str:
    """Where the visitor ended up."""
    return re.sub(r"^https?://[^/]+|\?.*$", "", page.url)


def reference_on(page: requests.Response) -> str:
    """The first reference on the page."""
    found = re.search(r"TG-\d+", words_on(page))
    assert found
    return found[0]


def intake(desk: Desk) -> None:
    """Assess what came in."""
    while due := due_for_assessment(desk):
        assess(desk, due)


def send(desk: Desk) -> None:
    """Send what is in the outbox."""
    while claimed := claim(desk, worker=1):
        publish(desk, claimed)


def work(desk: Desk) -> None:
    """Assess, draft, and send what needs no decision."""
    intake(desk)
    draft_answers(desk, take_aim(desk, due_for_answer(desk)))
    send(desk)


def approve(desk: Desk) -> None:
    """Every open gate approves, and the answers leave."""
    with desk.transaction() as session:
        reviews = list(session.execute(select(Review).where(col(Review.state) == ReviewState.OPEN)).scalars())
    for review in reviews:
        decide(desk, review.id, Decision(trail.Author(f"{review.gate.value}-nia"), Verdict.APPROVE))
    send(desk)


def solve(desk: Desk, reference: str, clock: SetClock) -> None:
    """Resolve a complaint that was answered, and send its survey."""
    resolve(desk, reference, trail.Author("cs-nia"), "Paket sudah diterima")
    follow(desk, clock, desk.policy.follow_up.survey.after)


def follow(desk: Desk, clock: SetClock, after: timedelta) -> None:
    """Let time pass, and take the follow-ups one step on."""
    clock.set(clock.now() + after)
    step_on(desk, due_for_follow_up(desk))
    send(desk)


def complaint_of(desk: Desk, reference: str) -> Complaint:
    """The complaint as it stands in the database."""
    with desk.transaction() as session:
        return find(session, reference)


def posted(desk: Desk, reference: str, kind: DeliveryKind | None = None) -> list[WebPost]:
    """What stands on the pages of a complaint."""
    with desk.transaction() as session:
        query = select(WebPost).where(col(WebPost.complaint_reference) == reference).order_by(col(WebPost.id))
        return [post for post in session.execute(query).scalars() if kind is None or post.kind is kind]


def eventually(holds: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether something comes true within some seconds."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
