"""Two intakes read the same file while two workers deliver, all at once: nothing comes in twice, nothing is lost.

Four processes on one real database, and a real HTTP platform that posts whatever arrives.
"""

import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from counting_platform import Platform, channels_with, platform
from crowd import Crowd
from sqlalchemy import Engine, func, select, text
from sqlmodel import Session, col

from db import trail
from db.tables import Complaint, Delivery, DeliveryState, Draft, Message, Quarantined, Round
from integrations.channels.base import Certainty

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

UNIQUE = 520
AGAIN = 80
SAID = (
    "Paket ORD-{n} belum sampai sudah {m} hari, tolong dicek.",
    "Barang pesanan ORD-{n} rusak waktu sampai, mohon diganti.",
    "Saldo saya terpotong dua kali untuk ORD-{n}, kapan dikembalikan?",
    "My order ORD-{n} has not arrived after {m} days, please look into it.",
)
NOT_JSON = "bukan JSON"


@dataclass
class Outcome:
    """What the four said, and what stands in the database and on the platform."""

    said: dict[str, list[dict[str, Any]]]
    engine: Engine
    platform: Platform
    ids: list[str]

    def count(self, what: Any, *where: Any) -> int:
        with Session(self.engine) as session:
            return session.execute(select(func.count()).select_from(what).where(*where)).scalar_one()

    def column(self, column: Any, *where: Any) -> list[Any]:
        with Session(self.engine) as session:
            return list(session.execute(select(column).where(*where)).scalars())


@pytest.fixture(scope="module")
def outcome(module_engine: Engine) -> Iterator[Outcome]:
    with platform(Certainty.NEITHER) as there, tempfile.TemporaryDirectory(prefix="tanggap-", dir="/tmp") as directory:
        (Path(directory) / "overlay").mkdir()
        (Path(directory) / "overlay" / "channels.yaml").write_text(channels_with(there.url, Certainty.NEITHER))
        file = Path(directory) / "records.jsonl"
        ids = write_records(file)
        environment = {
            "TANGGAP_HOME": directory,
            "TANGGAP_DATABASE_URL": module_engine.url.render_as_string(hide_password=False),
            "TANGGAP_POLICY_OVERLAY": str(Path(directory) / "overlay"),
            "TANGGAP_WEBHOOK_SECRET": "rahasia",
            "NO_PROXY": "127.0.0.1",
        }
        said = Crowd(file, environment).work()
        yield Outcome(said, module_engine, there, ids)


def write_records(file: Path) -> list[str]:
    """Records of as many people, some of them again further down, and one line that cannot be read."""
    draw = random.Random(7)
    records = [record(number) for number in range(UNIQUE)]
    lines = [*records, *draw.sample(records, AGAIN)]
    draw.shuffle(lines)
    lines.insert(300, NOT_JSON)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [f"r-{number}" for number in range(UNIQUE)]


def record(number: int) -> str:
    said = {
        "channel": "webhook",
        "external_id": f"r-{number}",
        "text": SAID[number % len(SAID)].format(n=70000 + number, m=2 + number % 9),
        "posted_at": datetime(2026, 3, 2, 1, number % 60, tzinfo=UTC).isoformat(),
        "author": {"id": f"u-{number}", "handle": f"u{number}"},
    }
    return json.dumps(said)


def test_all_four_end_without_an_error(outcome: Outcome) -> None:
    errors = [done["error"] for told in outcome.said.values() for done in told if "error" in done]

    assert errors == []


def test_every_record_is_one_message_and_one_complaint(outcome: Outcome) -> None:
    came_in = outcome.column(col(Message.external_id), col(Message.direction) == "in")

    assert sorted(came_in) == sorted(outcome.ids)
    assert outcome.count(Complaint) == UNIQUE


def test_what_one_intake_took_the_other_knew(outcome: Outcome) -> None:
    first, second = outcome.said["intake"]

    assert first["accepted"] + second["accepted"] == UNIQUE
    assert first["known"] + second["known"] == UNIQUE + 2 * AGAIN


def test_the_unreadable_line_lies_in_quarantine_once(outcome: Outcome) -> None:
    kept = outcome.column(col(Quarantined.raw))

    assert [bytes(raw) for raw in kept] == [NOT_JSON.encode()]


def test_every_complaint_is_assessed_once(outcome: Outcome) -> None:
    with outcome.engine.connect() as connection:
        per_message = connection.execute(text("SELECT count(*) FROM assessment GROUP BY message_id")).scalars().all()

    assert list(per_message) == [1] * UNIQUE
    assert outcome.count(Message, col(Message.assess_due)) == 0


def test_every_complaint_has_one_draft_in_one_round(outcome: Outcome) -> None:
    drafts = Counter(outcome.column(col(Draft.complaint_id)))
    rounds = Counter(outcome.column(col(Round.complaint_id)))

    assert drafts == rounds == Counter(outcome.column(col(Complaint.id)))


def test_every_acknowledgement_is_posted_once(outcome: Outcome) -> None:
    queued = outcome.column(col(Delivery.key), col(Delivery.kind) == "acknowledgement")

    assert len(queued) == UNIQUE
    assert outcome.platform.times_posted() == Counter(queued)
    assert sum(done["sent"] for done in outcome.said["deliver"]) == UNIQUE


def test_nothing_is_left_in_the_outbox(outcome: Outcome) -> None:
    states = Counter(outcome.column(col(Delivery.state)))

    assert states == {DeliveryState.SENT: UNIQUE}


def test_the_trail_proves_itself(outcome: Outcome) -> None:
    with Session(outcome.engine) as session:
        assert list(trail.verify(session)) == []
