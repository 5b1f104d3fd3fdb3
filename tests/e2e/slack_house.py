"""A desk at work with its reviewers in Slack, all of it seen in a browser: customers at the desk's own pages, reviewers
in the web client of local-slack.

    here.press("pr-sari", here.card(Gate.PR, reference), "Sunting")
    here.fill("text", "Mohon maaf …")
    here.submit("Kirim")
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from house_at_work import AtWork, at_work, eventually, free_port
from slack_proxy import FaultyProxy
from slack_server import CHANNELS, LANGUAGES, OVER_HTTP, SIGNING_SECRET, USERS, SlackServer, needs_local_slack
from sqlalchemy import select
from sqlmodel import col

from db import trail
from db.complaints import find
from db.tables import Draft, Event, SlackCard
from db.words import Gate, State
from desk.logs import tail
from integrations.slack.showing import Language
from integrations.slack.wording import say
from policy.loading import SHIPPED

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: `uv sync` brings it")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

WORKING = re.compile("Sebentar …|One moment …")
"""What an empty modal says until it is filled."""
DONE = re.compile("^(Beres|Done)$")
SECONDS = 60
"""A step may take so long: two cores carry a house, a browser and a Slack server."""


@dataclass
class InSlack:
    """The house, its Slack, and a browser window on Slack's web client."""

    work: AtWork
    server: SlackServer
    proxy: FaultyProxy
    browser: "playwright.Browser"
    page: "playwright.Page"

    # What customers do

    def complains(self, text: str, customer: str) -> "Customer":
        """Somebody fills in the complaint form, to be shown on the public board.

        Each customer has an address of their own, since one address may not send many complaints.
        """
        address = f"198.51.100.{sum(map(ord, customer)) % 256}"
        context = self.browser.new_context(locale="id-ID", extra_http_headers={"X-Forwarded-For": address})
        page = context.new_page()
        page.set_default_timeout(SECONDS * 1000)
        page.goto(self.work.settings.gateway_url)
        page.get_by_label("Apa yang terjadi?").fill(text)
        page.get_by_label("Nama", exact=False).first.fill(customer)
        page.get_by_label("Alamat e-mail atau nomor telepon").fill(f"{customer.lower()}@contoh.example")
        page.get_by_label("Tampilkan di papan publik").check()
        page.wait_for_timeout(2100)  # nobody writes a complaint in less
        page.get_by_role("button", name="Kirim keluhan").click()
        page.wait_for_url("**/t/*")
        return Customer(page, page.locator(".reference").inner_text())

    def board(self, reference: str) -> list[str]:
        """Our answers as anybody reads them on the public board."""
        page = self.browser.new_page(locale="id-ID")
        try:
            page.goto(f"{self.work.settings.gateway_url}/board/{reference}")
            answers = page.locator(".ours").filter(has=page.locator(".who", has_text="Jawaban"))
            return answers.locator(".words").all_inner_texts()
        finally:
            page.close()

    # What reviewers do in Slack's web client

    def sit_down(self, person: str) -> None:
        """Be this person from now on."""
        self.page.get_by_label("Act as").select_option(USERS.get(person, person))

    def look_at(self, gate: Gate) -> None:
        """Open the gate's channel."""
        self.page.locator(".sidebar-item", has_text=re.compile(rf"review-{gate}$")).click()
        self.page.locator(".channel-title", has_text=f"review-{gate}").wait_for()

    def cards(self, gate: Gate, reference: str) -> "playwright.Locator":
        """The complaint's cards in the gate's channel, oldest first."""
        self.look_at(gate)
        head = self.page.locator(".bk-header", has_text=re.compile(rf"{reference}\b"))
        return self.page.locator(".messages > .msg").filter(has=head)

    def card(self, gate: Gate, reference: str) -> "playwright.Locator":
        """The card on which this gate decides now. An earlier round's may still bear its buttons, until it is redrawn."""
        eventually(lambda: self._place(gate, reference), SECONDS)
        self.look_at(gate)
        deciding = self.page.get_by_role("button", name=words_of(gate, "button_edit"), exact=True)
        found = self.page.locator(f'.messages > .msg[data-ts="{self._place(gate, reference)}"]').filter(has=deciding)
        found.wait_for()
        return found

    def _place(self, gate: Gate, reference: str) -> str | None:
        """Slack's name for the card of the gate's newest review, once it is posted."""
        numbers = [review.id for review in self.work.reviews(reference) if review.gate is gate]
        with self.work.desk.transaction() as session:
            card = session.get(SlackCard, max(numbers)) if numbers else None
            return card.ts if card else None

    def press(self, person: str, card: "playwright.Locator", button: str) -> None:
        """Press a button of a card."""
        self.sit_down(person)
        card.get_by_role("button", name=button, exact=True).click()

    def window(self, title: str | re.Pattern[str]) -> "playwright.Locator":
        """The modal that bears this title, once it is filled."""
        modal = self.page.locator(".modal").filter(has=self.page.locator(".modal-title", has_text=title))
        try:
            modal.filter(has_not_text=WORKING).wait_for()
        except playwright.TimeoutError as error:
            raise AssertionError(f"no window says {title!r}: {self.server.modal()}; {self.log()}") from error
        return modal

    def fill(self, words: str) -> None:
        """Write into the field of the modal: local-slack shows a single line, whatever the view asks for."""
        self.page.locator(".modal .bk-plain-input").fill(words)

    def submit(self) -> None:
        """Hand the modal in."""
        self.page.locator(".modal-btn.primary").click()

    def type(self, person: str, gate: Gate, words: str) -> None:
        """Write a message or a command in the gate's channel."""
        self.look_at(gate)
        self.sit_down(person)
        self.page.locator(".main .composer-input").fill(words)
        self.page.locator(".main .composer-send").click()

    def answer(self, card: "playwright.Locator", person: str, words: str) -> None:
        """Write in the thread of a card."""
        self.sit_down(person)
        card.hover()
        card.get_by_title("Reply in thread").click()
        self.page.locator(".thread-pane .composer-input").fill(words)
        self.page.locator(".thread-pane .composer-send").click()
        self.page.locator(".thread-body .msg-text", has_text=words).wait_for()

    def close(self) -> None:
        """Close the modal."""
        self.page.locator(".modal-x").click()
        self.page.locator(".modal").wait_for(state="detached")

    def close_all(self) -> None:
        """Close what a test left open: local-slack has one pile of modals for everybody."""
        while self.server.modal() is not None:
            self.server.close(USERS["pr-sari"])

    def approve(self, person: str, gate: Gate, reference: str) -> None:
        """Approve, typing the reference where the company wants that, and wait until it is done."""
        card = self.card(gate, reference)
        typed = self.work.desk.policy.slack.needs_typed_word(gate, self.work.complaint(reference).severity)
        review = next(one for one in self.work.reviews(reference) if one.gate is gate)
        button = f"button_{'facts' if review.purpose == 'facts' else 'approve'}{'_typed' if typed else ''}"
        self.press(person, card, words_of(gate, button))
        if typed:
            self.page.locator(".modal .bk-plain-input").wait_for()
            self.fill(reference)
            self.submit()
        if typed:
            # Told before it is closed: local-slack shows what comes for a closed modal in the next one.
            self.window(DONE)
            self.close()
        eventually(lambda: person in self.who(reference, "decided"), SECONDS)

    def whisper(self, words: str | re.Pattern[str]) -> "playwright.Locator":
        """What is said to one person alone."""
        private = self.page.locator(".msg").filter(has=self.page.locator(".badge-eph"))
        found = private.filter(has_text=words).last
        found.wait_for()
        return found

    def log(self) -> str:
        """The gateway's last words."""
        return tail(self.work.settings.home / "logs" / "gateway.log", 20)

    # What the desk knows

    def events(self, reference: str, name: str) -> list[Event]:
        """The events of one name on a complaint's timeline."""
        with self.work.desk.transaction() as session:
            return [event for event in trail.history(session, find(session, reference)) if event.name == name]

    def who(self, reference: str, name: str) -> list[str]:
        """Who did something, in order."""
        return [event.by for event in self.events(reference, name)]

    def drafts(self, reference: str) -> list[Draft]:
        """Its drafts, oldest first."""
        with self.work.desk.transaction() as session:
            number = find(session, reference).id
            query = select(Draft).where(col(Draft.complaint_id) == number).order_by(col(Draft.id))
            return list(session.execute(query).scalars())

    def in_state(self, reference: str, state: State) -> None:
        """Wait until a complaint has come so far."""
        eventually(lambda: self.work.complaint(reference).state is state, SECONDS * 2)


@dataclass
class Customer:
    """Somebody who complained, with their private page open."""

    page: "playwright.Page"
    reference: str

    def writes_again(self, text: str) -> None:
        """A further message, from their page."""
        self.page.reload()
        self.page.get_by_label("Pesan Anda").fill(text)
        self.page.get_by_role("button", name="Kirim pesan").click()
        self.page.get_by_text(text).wait_for()


def words_of(gate: Gate, key: str) -> str:
    """What a button says in this gate's channel."""
    language: Language = LANGUAGES.get(gate.value, "id")
    return say(language, key)


def slack_yaml() -> str:
    """The shipped slack.yaml, with this workspace in it."""
    rules: dict[str, Any] = yaml.safe_load((SHIPPED / "slack.yaml").read_text(encoding="utf-8"))
    rules["gates"] = {
        gate: {"channel": channel, "language": LANGUAGES.get(gate, "id")} for gate, channel in CHANNELS.items()
    }
    rules["people"] = USERS
    return yaml.safe_dump(rules)


@contextmanager
def house_in_slack(home: Path) -> Iterator[InSlack]:
    """Bring house, Slack server and browser up, and all of it down again."""
    needs_local_slack()
    port = free_port(8700)
    server = SlackServer(home, request_url=f"http://127.0.0.1:{port}/slack/events", apps=(OVER_HTTP,)).start()
    proxy = FaultyProxy(server, validating=True).start()
    given = {
        "gateway_port": port,
        "slack_bot_token": OVER_HTTP.bot_token,
        "slack_signing_secret": SIGNING_SECRET,
        "slack_api_url": proxy.api_url,
    }
    try:
        with (
            at_work(rules={"slack.yaml": slack_yaml()}, **given) as work,
            playwright.sync_playwright() as started,
        ):
            browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 1000})
            page.set_default_timeout(SECONDS * 1000)
            page.goto(server.url)
            yield InSlack(work, server, proxy, browser, page)
            browser.close()
    finally:
        proxy.stop()
        server.stop()
