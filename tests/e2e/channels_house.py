"""A whole desk at work on real servers: snac (a fediverse server), dovecot behind a relay, isso (comments of a blog).

    with on_real_servers() as here:
        post = here.toots("Tas saya sobek.")
        eventually(lambda: here.our_words(post))

A server that is not installed is left out; a test that speaks there is skipped with the reason. Beside them stands
another system, which calls our gateway and takes our answers.
"""

import hashlib
import hmac
import json
import smtplib
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.message import Message as AnyMail
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP, default
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from counting_platform import Platform, channels_with, platform
from house_at_work import SECRET, AtWork, at_work, eventually
from isso_server import Isso, isso
from mail_server import CUSTOMER as WRITER
from mail_server import DOVECOT, OURS, PASSWORD, Dovecot, dovecot_house
from mastodon_server import CUSTOMER as SPEAKER
from mastodon_server import OURS as OUR_ACCOUNT
from mastodon_server import SNAC, WHY_NO_SNAC, SnacAccounts, snac_server
from sqlalchemy import select
from sqlmodel import col

from db.complaints import find
from db.tables import Complaint, Delivery, Direction, Event, Message
from db.words import Gate
from integrations.channels.base import Certainty

KEY = "rahasia"
ADMIN = "Admin Toko"
"""Who writes for us below our own blog."""
COMPANY = {
    "names": ["Toko Kita"],
    "handles": ["@toko"],
    "emails": [OURS],
    "domains": ["toko.example"],
    "private_contact": {
        "id": f"lewat pesan langsung ke akun ini atau surel {OURS}",
        "en": f"by direct message to this account or by e-mail to {OURS}",
    },
    "private_contact_elsewhere": {"id": f"lewat surel {OURS}", "en": f"by e-mail to {OURS}"},
}
WHY_NO_DOVECOT = "dovecot is not installed: apt-get install dovecot-imapd dovecot-lmtpd"


@dataclass
class Here:
    """The house, and the places where customers speak; None where the server is not installed."""

    work: AtWork
    blog: Isso
    forum: Platform
    """The other system: what it took from us."""
    fediverse: SnacAccounts | None
    post: Dovecot | None
    tooted: list[dict[str, Any]] = field(default_factory=list)

    # What customers do, and what they see

    def toots(self, text: str, *, in_reply_to: str | None = None) -> dict[str, Any]:
        """The customer mentions us on the fediverse."""
        said = self.snac.post(SPEAKER, f"@{OUR_ACCOUNT} {text}", visibility="public", in_reply_to_id=in_reply_to)
        self.tooted.append(said)
        return said

    def our_posts(self, post: dict[str, Any]) -> list[dict[str, Any]]:
        """What stands of ours below it, oldest first."""
        below = self.snac.call(SPEAKER, "GET", f"statuses/{post['id']}/context")["descendants"]
        return sorted(
            (one for one in below if one["account"]["username"] == OUR_ACCOUNT), key=lambda one: one["created_at"]
        )

    def told(self) -> list[str]:
        """The posts of which the customer was told: somebody who is not is never read."""
        return [one["status"]["id"] for one in self.snac.call(SPEAKER, "GET", "notifications") if one.get("status")]

    def our_words(self, post: dict[str, Any]) -> list[str]:
        """Our public words below it as people read them, without the mention at their head."""
        return self.snac.standing(self.snac.target(post))

    def mails(self, text: str, **fields: str | None) -> EmailMessage:
        """The customer writes to our address, through the mail servers of the world."""
        made = EmailMessage()
        every = {
            "From": f"Budi Santoso <{WRITER}>",
            "To": OURS,
            "Subject": "Pesanan tidak sampai",
            "Date": format_datetime(datetime.now(UTC)),
            "Message-ID": f"<{time.time_ns()}@customer.test>",
            **{name.replace("_", "-"): value for name, value in fields.items()},
        }
        for name, value in every.items():
            if value is not None:
                made[name] = value
        made.set_content(text)
        self.sends(made)
        return made

    def sends(self, mail: AnyMail, sender: str = WRITER) -> None:
        """Hand a mail to the relay, which carries it to our mailbox."""
        with smtplib.SMTP("127.0.0.1", self.mailbox.smtp_port) as relay:
            relay.login(OURS, PASSWORD)
            relay.sendmail(sender, [OURS], mail.as_bytes(policy=SMTP))

    def bounces(self, mail: EmailMessage) -> None:
        """The customer's mail server sends our mail back (RFC 3464)."""
        report = MIMEMultipart("report", report_type="delivery-status")
        report["From"] = "MAILER-DAEMON@mx.customer.test (Mail Delivery System)"
        report["To"] = OURS
        report["Subject"] = "Undelivered Mail Returned to Sender"
        report["Date"] = format_datetime(datetime.now(UTC))
        report["Message-ID"] = f"<{time.time_ns()}@mx.customer.test>"
        report["Auto-Submitted"] = "auto-replied"
        status, what = EmailMessage(), EmailMessage()
        status["Reporting-MTA"] = "dns; mx.customer.test"
        what["Final-Recipient"] = f"rfc822; {WRITER}"
        what["Action"] = "failed"
        what["Status"] = "5.1.1"
        what["Diagnostic-Code"] = "smtp; 550 5.1.1 no such user"
        told = MIMEMultipart("delivery-status")
        told.set_type("message/delivery-status")
        told.set_payload([status, what])
        report.attach(MIMEText(f"<{WRITER}>: 550 5.1.1 no such user\n"))
        report.attach(told)
        report.attach(MIMEMessage(mail))
        self.sends(report, sender="")

    def our_mails(self, mail: EmailMessage) -> list[EmailMessage]:
        """What the customer got from us in the thread of their mail, oldest first."""
        return [one for one in self.their_mailbox() if mail["Message-ID"] in (one["References"] or "")]

    def their_mailbox(self) -> list[EmailMessage]:
        """All that the customer got."""
        with self.mailbox.mailbox(user=WRITER) as box:
            raw = [one.obj.as_bytes() for one in box.fetch(mark_seen=False)]
        return [message_from_bytes(one, policy=default) for one in raw]

    def calls(self, document: dict[str, Any], key: str = KEY) -> requests.Response:
        """The other system calls our gateway, signed."""
        body = json.dumps(document).encode()
        stamp = str(int(time.time()))
        signed = hmac.new(key.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"X-Tanggap-Timestamp": stamp, "X-Tanggap-Signature": f"sha256={signed}"}
        return requests.post(f"{self.work.settings.gateway_url}/in/webhook", data=body, headers=headers, timeout=30)

    # What the desk has

    def complaints(self, channel: str) -> list[Complaint]:
        """Those of a channel, oldest first."""
        with self.work.desk.transaction() as session:
            query = select(Complaint).where(col(Complaint.channel) == channel).order_by(col(Complaint.id))
            return list(session.execute(query).scalars())

    def messages(self, reference: str, direction: Direction = Direction.IN) -> list[Message]:
        """The messages of a complaint, oldest first."""
        with self.work.desk.transaction() as session:
            query = select(Message).where(
                col(Message.complaint_id) == find(session, reference).id, col(Message.direction) == direction
            )
            return list(session.execute(query.order_by(col(Message.id))).scalars())

    def events(self, reference: str, name: str) -> list[Event]:
        """Lines of its audit trail."""
        with self.work.desk.transaction() as session:
            query = select(Event).where(col(Event.complaint_id) == find(session, reference).id, col(Event.name) == name)
            return list(session.execute(query.order_by(col(Event.id))).scalars())

    def complaint_of(self, channel: str, words: str) -> str:
        """The reference of the complaint to which a message with these words belongs, once it has come in."""

        def numbers() -> list[int]:
            with self.work.desk.transaction() as session:
                query = select(Message.complaint_id).where(
                    col(Message.channel) == channel, col(Message.text).contains(words, autoescape=True)
                )
                return list(session.execute(query).scalars())

        (number,) = set(eventually(numbers))
        return f"TG-{number}"

    def until_it_waits(self, reference: str) -> set[Gate]:
        """Until its review run sleeps; whose decision it waits for."""
        eventually(lambda: self.work.is_suspended(self.work.run_of(reference)))
        return {review.gate for review in self.work.reviews(reference)}

    def answer(self, reference: str) -> Delivery:
        """Its newest reply, once it is in the outbox."""
        return eventually(lambda: self.work.deliveries(reference, "reply"))[-1]

    @property
    def snac(self) -> SnacAccounts:
        if self.fediverse is None:
            pytest.skip(WHY_NO_SNAC)
        return self.fediverse

    @property
    def mailbox(self) -> Dovecot:
        if self.post is None:
            pytest.skip(WHY_NO_DOVECOT)
        return self.post


def on_the_fediverse(server: SnacAccounts) -> dict[str, Any]:
    """What channels.yaml says of it, as docs/channels/mastodon.md has it."""
    return {
        "adapter": "mastodon",
        "accounts": {"default": {"url": server.url}},
        "poll": "1s",
        "hard_limit": 460,
        "comfortable_limit": 400,
    }


def at_the_mailbox(server: Dovecot) -> dict[str, Any]:
    """The same of docs/channels/email.md."""
    account = {
        "address": OURS,
        "name": "Toko Kita",
        "imap_host": "127.0.0.1",
        "imap_port": server.imap_port,
        "imap_security": "none",
        "smtp_host": "127.0.0.1",
        "smtp_port": server.smtp_port,
        "smtp_security": "none",
        "sent_folder": "Sent",
    }
    return {"adapter": "email", "accounts": {"default": account}, "poll": "1s"}


def of_the_blog(server: Isso) -> dict[str, Any]:
    """The same of docs/channels/rss.md: the comments on our own blog, which stands in our own network."""
    feed = {
        "name": "blog",
        "url": f"{server.url}{server.feed}",
        "ours": True,
        "comments": True,
        "inside": True,
        "own_authors": [ADMIN],
    }
    return {"adapter": "rss", "accounts": {"default": {"feeds": [feed]}}, "poll": "1s"}


@contextmanager
def on_real_servers() -> Iterator[Here]:
    """Bring the servers up, then the house, with its channels set as operations would."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="isso-")))
        blog = stack.enter_context(isso(folder))
        rules: dict[str, Any] = {"rss": of_the_blog(blog)}
        fediverse = post = None
        if SNAC is not None:
            fediverse = stack.enter_context(snac_server())
            patch.setenv("TANGGAP_MASTODON_TOKEN", fediverse.tokens[OUR_ACCOUNT])
            rules["mastodon"] = on_the_fediverse(fediverse)
        if DOVECOT is not None:
            post = stack.enter_context(dovecot_house())
            patch.setenv("TANGGAP_EMAIL_PASSWORD", PASSWORD)
            rules["email"] = at_the_mailbox(post)
        patch.setenv(SECRET, KEY)
        forum = stack.enter_context(platform(Certainty.IDEMPOTENT))
        written = yaml.safe_load(channels_with(forum.url, Certainty.IDEMPOTENT))
        for name, changes in rules.items():
            written["channels"][name] |= changes
        overlay = {"channels.yaml": yaml.safe_dump(written), "company.yaml": yaml.safe_dump(COMPANY)}
        work = stack.enter_context(at_work(rules=overlay, worker_query_seconds=1))
        yield Here(work, blog, forum, fediverse, post)
