"""The flows, each run once in this process, on a real Prefect server and a real database."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests
from factories import Life, grave
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
from prefect.variables import Variable
from slack_proxy import FaultyProxy
from slack_server import CHANNELS, OVER_HTTP, USERS
from sqlalchemy import select, text, update
from sqlmodel import col

from bench.grounds import prefect_server
from db import trail
from db.tables import Complaint, Delivery, DeliveryState, Event, PublishingStop, Round, SlackCard
from db.words import DeliveryKind, State
from desk.opening import open_desk
from desk.postgres import Database
from desk.settings import Settings, read_settings
from desk.up.deploy import apply
from desk.up.deploy_file import deployment_file, read_deployments
from flows.deliver import deliver
from flows.follow_up import follow_up
from flows.intake import intake
from flows.maintain import BrokenTrail, maintain
from flows.report import report
from flows.respond import respond
from flows.review import review
from flows.slack import named, slack
from flows.switch import VARIABLE
from flows.watch import watch
from tasks.desk import Desk
from tasks.escalation import horizon, is_complete
from tasks.slack_sending import LINES, NEW, Job

pytest_plugins = ("slack_fixtures",)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

NAME, HANDLE, WORDS = "Zubaidah Quraisyin", "zubaidah.q77", "gerobak jagungnya ambruk"
"""Of a customer; they stand nowhere else."""


@dataclass
class AtDesk:
    """A desk as the flows open it, and what Prefect's server has of it."""

    desk: Desk
    home: Path
    client: SyncPrefectClient

    def drop(self, *records: dict[str, Any] | str) -> None:
        """Put a file of records into the drop folder, finished a while ago."""
        inbox = self.home / "inbox"
        inbox.mkdir(exist_ok=True)
        file = inbox / f"{time.monotonic_ns()}.jsonl"
        lines = [line if isinstance(line, str) else json.dumps(line) for line in records]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        long_ago = time.time() - 60
        os.utime(file, (long_ago, long_ago))

    def rows(self, table: type, *where: Any) -> list[Any]:
        with self.desk.transaction() as session:
            return list(session.execute(select(table).where(*where).order_by(table.id)).scalars())

    def rows_of(self, table: type) -> list[Any]:
        """All rows of a table, in no order."""
        with self.desk.transaction() as session:
            return list(session.execute(select(table)).scalars())

    def complaints(self) -> list[Complaint]:
        return self.rows(Complaint)

    def answered_up_to_review(self, *records: dict[str, Any]) -> None:
        self.drop(*records)
        intake(shift=0)
        respond(shift=0)

    def ask(self, path: str, **said: Any) -> Any:
        answer = requests.post(f"{self.client.api_url}{path.lstrip('/')}", json=said, timeout=60)
        answer.raise_for_status()
        return answer.json()


def record(number: int, said: str = "Paket saya belum sampai padahal sudah seminggu.", **more: Any) -> dict[str, Any]:
    return {
        "channel": "file",
        "external_id": f"f-{number}",
        "text": f"{said} Nomor pesanan ORD-{60000 + number}, tolong dicek ya.",
        "posted_at": (datetime.now(UTC) - timedelta(minutes=5)).isoformat(),
        "author": {"id": f"u-{number}", "handle": HANDLE, "name": NAME},
        **more,
    }


def eventually(what: Callable[[], Any], seconds: float = 90) -> Any:
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "it did not come to be in time"
        time.sleep(0.3)
    return found


@pytest.fixture(scope="module")
def api(postgres: Database) -> Iterator[str]:
    """A Prefect server of this module's own, and the settings that lead there."""
    with tempfile.TemporaryDirectory(prefix="tanggap-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        home = Path(directory)
        with (
            prefect_server(postgres, home) as url,
            temporary_settings({PREFECT_API_URL: url, PREFECT_HOME: home / "prefect"}),
        ):
            yield url


@pytest.fixture
def at_desk(api: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[AtDesk]:
    with tempfile.TemporaryDirectory(prefix="tanggap-", dir="/tmp") as directory:
        for name in [name for name in os.environ if name.startswith("TANGGAP_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("TANGGAP_HOME", directory)
        monkeypatch.setenv("TANGGAP_DATABASE_URL", database_url)
        monkeypatch.chdir(directory)
        with open_desk(read_settings()) as desk, get_client(sync_client=True) as client:
            yield AtDesk(desk, Path(directory), client)


@pytest.fixture
def review_deployment(at_desk: AtDesk) -> None:
    """The deployment that carries escalated rounds; no worker takes its runs up."""
    try:
        at_desk.client.read_work_pool("tanggap")
    except Exception:
        at_desk.ask("/work_pools/", name="tanggap", type="process")
    one = next(one for one in read_deployments(deployment_file()) if one["name"] == "review")
    apply(at_desk.client, one, review, Settings(_env_file=None))


# intake


def test_intake_records_assesses_and_queues_acknowledgements(at_desk: AtDesk) -> None:
    at_desk.drop(record(1), record(2), "bukan JSON")

    done = intake(shift=0)

    assert (done["accepted"], done["quarantined"], done["assessed"]) == (2, 1, 2)
    assert {complaint.state for complaint in at_desk.complaints()} == {State.ASSESSED}
    queued = at_desk.rows(Delivery)
    assert {(one.kind, one.state) for one in queued} == {(DeliveryKind.ACKNOWLEDGEMENT, DeliveryState.QUEUED)}


def test_intake_started_again_takes_nothing_twice(at_desk: AtDesk) -> None:
    at_desk.drop(record(1))
    intake(shift=0)
    at_desk.drop(record(1))

    done = intake(shift=0)

    assert done == {"known": 1}
    assert len(at_desk.complaints()) == 1


def test_a_channel_that_fails_does_not_stop_what_waits(at_desk: AtDesk) -> None:
    at_desk.drop(record(1))
    intake(shift=0)
    with at_desk.desk.transaction() as session:
        session.execute(text("UPDATE message SET assess_due = true"))
    (at_desk.home / "inbox").rename(at_desk.home / "elsewhere")
    (at_desk.home / "inbox").write_text("a file where the folder should be")

    done = intake(shift=0)

    assert done == {"assessed": 1}


# respond


def test_respond_drafts_and_opens_reviews(at_desk: AtDesk) -> None:
    at_desk.drop(record(1), record(2))
    intake(shift=0)

    done = respond(shift=0)

    assert done["drafted"] == 2
    assert {complaint.state for complaint in at_desk.complaints()} == {State.IN_REVIEW}


def test_respond_starts_one_run_for_an_escalated_round(at_desk: AtDesk, review_deployment: None) -> None:
    at_desk.drop(record(1), record(2, metrics={"views": 200_000}))
    intake(shift=0)

    first = respond(shift=0)
    second = respond(shift=0)

    escalated = at_desk.rows(Round, col(Round.escalated))
    assert (first["reviews_started"], second, len(escalated)) == (1, {}, 1)
    run = at_desk.client.read_flow_run(UUID(escalated[0].run_id))
    reference = f"TG-{escalated[0].complaint_id}"
    assert run.name.startswith(f"{reference} · S2 · ")
    assert {reference, "S2", "pr"} <= set(run.tags)


# deliver


def test_deliver_publishes_once(at_desk: AtDesk) -> None:
    at_desk.drop(record(1), record(2))
    intake(shift=0)

    first, second = deliver(shift=0), deliver(shift=0)

    assert (first, second) == ({"sent": 2}, {})
    assert len(list((at_desk.home / "outbox").glob("*.json"))) == 2
    assert all(complaint.acknowledged_at for complaint in at_desk.complaints())


def test_deliver_takes_back_what_a_dead_worker_held(at_desk: AtDesk) -> None:
    at_desk.drop(record(1))
    intake(shift=0)
    with at_desk.desk.transaction() as session:
        session.execute(update(Delivery).values(state=DeliveryState.CLAIMED, claimed_by=2_000_000_000))

    assert deliver(shift=0) == {"queued": 1, "sent": 1}


# watch


def test_watch_mirrors_the_kill_switch_both_ways(at_desk: AtDesk) -> None:
    Variable.unset(VARIABLE)
    at_desk.drop(record(1))
    intake(shift=0)
    watch(shift=0)
    shown_at_first = Variable.get(VARIABLE)

    Variable.set(VARIABLE, "off", overwrite=True)
    watch(shift=0)
    while_off = deliver(shift=0)
    Variable.set(VARIABLE, "on", overwrite=True)
    watch(shift=0)

    assert shown_at_first == "on"
    assert while_off == {}
    assert [stop.lifted_at is not None for stop in at_desk.rows(PublishingStop)] == [True]
    assert deliver(shift=0) == {"sent": 1}


def test_watch_lets_a_lost_run_be_made_anew(at_desk: AtDesk, review_deployment: None) -> None:
    at_desk.answered_up_to_review(record(1, metrics={"views": 200_000}))
    (before,) = at_desk.rows(Round, col(Round.escalated))
    at_desk.client.delete_flow_run(UUID(before.run_id))

    mended = watch(shift=0)["mended"]
    respond(shift=0)

    (after,) = at_desk.rows(Round, col(Round.escalated))
    assert mended == 1
    assert after.run_id not in (None, before.run_id)


def test_watch_tells_prefect_what_happened_once(at_desk: AtDesk) -> None:
    began = datetime.now(UTC).isoformat()  # the server knows other tests' complaints by the same references
    at_desk.answered_up_to_review(record(1, metrics={"views": 200_000}))
    deliver(shift=0)
    (complaint,) = at_desk.complaints()
    resource = f"tanggap.complaint.{complaint.reference}"

    def told() -> list[str]:
        wanted = {"resource": {"id": [resource]}, "event": {"prefix": ["tanggap."]}, "occurred": {"since": began}}
        found = at_desk.ask("/events/filter", filter=wanted, limit=50)["events"]
        return sorted(event["event"].rpartition(".")[2] for event in found)

    first = eventually(lambda: watch(shift=0).get("told"))
    second = watch(shift=0).get("told")

    assert (first, second) == (3, None)
    assert eventually(lambda: len(told()) >= 3 and told()) == ["delivered", "escalated", "received"]


def test_the_trail_is_told_only_as_far_as_nothing_is_still_to_come(at_desk: AtDesk) -> None:
    at_desk.drop(record(1))
    intake(shift=0)
    with at_desk.desk.transaction() as slow:
        slow.execute(text("UPDATE complaint SET version = version"))
        seen = horizon(at_desk.desk)
        while_writing = is_complete(at_desk.desk, seen)

    assert not while_writing
    assert seen.number == at_desk.rows(Event)[-1].id
    assert eventually(lambda: is_complete(at_desk.desk, seen))


# slack


@pytest.fixture
def in_slack(at_desk: AtDesk, faulty: FaultyProxy, monkeypatch: pytest.MonkeyPatch) -> FaultyProxy:
    """The flows' desk works in the test's Slack, in which each gate has a channel."""
    overlay = at_desk.home / "overlay"
    overlay.mkdir()
    gates = {gate: {"channel": channel} for gate, channel in CHANNELS.items()}
    (overlay / "slack.yaml").write_text(json.dumps({"gates": gates, "people": USERS, "notices": {"digest": False}}))
    monkeypatch.setenv("TANGGAP_POLICY_OVERLAY", str(overlay))
    monkeypatch.setenv("TANGGAP_SLACK_BOT_TOKEN", OVER_HTTP.bot_token)
    monkeypatch.setenv("TANGGAP_SLACK_API_URL", faulty.api_url)
    return faulty


def test_slack_shows_what_waits_once(at_desk: AtDesk, in_slack: FaultyProxy) -> None:
    at_desk.answered_up_to_review(record(1))

    first = slack(shift=0)
    time.sleep(1.2)
    slack(shift=0)
    again = slack(shift=0)

    (complaint,) = at_desk.complaints()
    (card,) = in_slack.server.cards(CHANNELS["cs"])
    assert complaint.reference in card["text"]
    assert first["posted"] == 1
    assert again == {}


def test_a_batch_is_named_by_what_it_does() -> None:
    jobs = [Job(NEW, 1), Job(NEW, 2), Job(LINES, 7)]

    assert named(jobs) == "draw 2 cards, say 1 notice"
    assert named(jobs[2:]) == "say 1 notice"


def test_without_a_token_slack_ends_at_once(at_desk: AtDesk) -> None:
    at_desk.answered_up_to_review(record(1))

    assert slack(shift=0) == {}


def test_while_slack_is_away_a_pass_ends_soon(at_desk: AtDesk, in_slack: FaultyProxy) -> None:
    at_desk.answered_up_to_review(*(record(number) for number in range(1, 8)))
    in_slack.fail("*", 503, times=None)
    began = time.monotonic()

    done = slack(shift=0)

    assert "posted" not in done
    assert time.monotonic() - began < 30
    assert in_slack.counts().total() <= 6


def test_watch_posts_a_lost_card_again_and_says_so(at_desk: AtDesk, in_slack: FaultyProxy) -> None:
    at_desk.answered_up_to_review(record(1))
    slack(shift=0)
    (card,) = at_desk.rows_of(SlackCard)
    in_slack.server.reset()

    mended = watch(shift=0)["cards_mended"]
    slack(shift=0)

    assert mended == 1
    assert in_slack.server.cards(CHANNELS["cs"])[-1]["ts"] != card.ts
    found = at_desk.ask("/artifacts/filter", artifacts={"key": {"any_": ["slack-cards-mended"]}})
    assert "posted again" in json.dumps(found)


# review


def test_the_run_of_a_settled_round_ends_with_what_came_of_it(at_desk: AtDesk, life_here: Life) -> None:
    reference = life_here.in_review(grave(life_here.assessor))
    life_here.approve_all(reference)
    (round_,) = life_here.rounds(reference)

    state = review(reference, round_.id, return_state=True)

    assert state.is_completed()
    assert state.message is not None
    assert state.message.startswith(f"{reference}: passed; ")


# follow-up, report, maintain


@pytest.fixture
def life_here(at_desk: AtDesk, desk: Desk, clock: Any) -> Life:
    """A desk on the same database whose clock stands in the past, for what lies behind."""
    return Life(desk, clock)


def test_follow_up_sends_the_survey_whose_time_has_come(at_desk: AtDesk, life_here: Life) -> None:
    life_here.resolved(channel="web", handle="mira")

    assert follow_up() == {"surveyed": 1}
    assert follow_up() == {}


def test_report_writes_a_file_without_a_customers_words(at_desk: AtDesk) -> None:
    at_desk.drop(record(1, said=WORDS))
    intake(shift=0)

    written = Path(report())

    said = written.read_text(encoding="utf-8")
    assert written.parent == at_desk.home / "reports"
    assert not any(theirs in said for theirs in (NAME, HANDLE, WORDS))


def test_maintain_anchors_a_trail_that_proves_itself(at_desk: AtDesk) -> None:
    at_desk.drop(record(1))
    intake(shift=0)

    done = maintain()

    assert (done["chains"], done["broken"]) == (1, 0)


def test_maintain_fails_where_the_trail_was_changed(at_desk: AtDesk) -> None:
    at_desk.drop(record(1))
    intake(shift=0)
    with at_desk.desk.transaction() as session:
        session.execute(text("UPDATE complaint SET events = events + 1"))

    with pytest.raises(BrokenTrail):
        maintain()


# What Prefect is told


def test_runs_and_tasks_are_named_by_what_they_do(at_desk: AtDesk) -> None:
    at_desk.drop(record(1), record(2))

    state = intake(shift=0, return_state=True)

    run = at_desk.client.read_flow_run(state.state_details.flow_run_id)
    wanted = {"id": {"any_": [str(run.id)]}}

    def tasks() -> set[str]:
        return {one["name"] for one in at_desk.ask("/task_runs/filter", flow_runs=wanted)}

    assert run.name.startswith("intake ")
    assert eventually(lambda: {"record 2 from file", "assess 2 messages"} <= tasks())


def test_prefect_never_hears_a_customers_name_or_words(at_desk: AtDesk, review_deployment: None) -> None:
    began = datetime.now(UTC).isoformat()
    at_desk.answered_up_to_review(record(1, said=WORDS, metrics={"views": 200_000}), record(2, said=WORDS))
    deliver(shift=0)
    watch(shift=0)
    report()
    time.sleep(3)

    heard = {
        "flow runs": at_desk.ask("/flow_runs/filter", limit=200),
        "task runs": at_desk.ask("/task_runs/filter", limit=200),
        "artifacts": at_desk.ask("/artifacts/filter", limit=200),
        "logs": at_desk.ask("/logs/filter", limit=200),
        "events": at_desk.ask("/events/filter", filter={"occurred": {"since": began}}, limit=50),
    }

    assert all(heard.values())
    for what, said in heard.items():
        assert not [theirs for theirs in (NAME, HANDLE, WORDS) if theirs in json.dumps(said, ensure_ascii=False)], what


def test_an_escalated_complaints_timeline_is_an_artifact_under_its_reference(at_desk: AtDesk, life_here: Life) -> None:
    reference = life_here.in_review(grave(life_here.assessor))
    life_here.approve_all(reference)
    (round_,) = life_here.rounds(reference)

    review(reference, round_.id)

    found = at_desk.ask("/artifacts/filter", artifacts={"key": {"any_": [reference.lower()]}})
    assert found
    assert f"# {reference}" in found[0]["data"]
    assert trail.MACHINE_AUTHOR.name in found[0]["data"]
