"""What the migrations build is what the models say, and the database itself holds the rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from factories import Life, SaidByTheTest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from db import migrate, trail
from db.clock import SetClock
from db.migrate import MigrationBehind
from db.session import make_engine
from desk.postgres import Database, scratch_database
from integrations.channels.registry import Channels
from integrations.channels.sandbox import SandboxChannel
from policy.loading import Policy
from tasks.desk import Desk

CATALOGS = {
    "columns": """
        SELECT c.relname || '.' || a.attname, row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum),
               format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    """,
    "constraints": """
        SELECT conrelid::regclass || '.' || conname, contype, convalidated, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
    """,
    "indexes": """
        SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisunique, indisvalid
        FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE c.relnamespace = 'public'::regnamespace
    """,
    "triggers": """
        SELECT tgrelid::regclass || '.' || tgname, pg_get_triggerdef(oid), tgenabled
        FROM pg_trigger WHERE NOT tgisinternal
    """,
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    """,
    "sequences": """
        SELECT sequencename::text, data_type::text, start_value, min_value, max_value, increment_by, cycle
        FROM pg_sequences WHERE schemaname = 'public'
    """,
}
MIGRATIONS_OWN = "alembic_version"
MONDAY = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


def catalog(engine: Engine, query: str) -> dict[str, tuple]:
    with engine.connect() as connection:
        rows = connection.execute(text(query)).all()
    return {row[0]: tuple(row[1:]) for row in rows if MIGRATIONS_OWN not in row[0]}


@pytest.fixture(scope="module")
def of_the_models(postgres: Database) -> Iterator[Engine]:
    """A database that the models made, without a migration."""
    with scratch_database(postgres) as url:
        engine = make_engine(url)
        SQLModel.metadata.create_all(engine)
        yield engine
        engine.dispose()


@pytest.mark.parametrize("part", CATALOGS)
def test_models_and_migrations_agree(part, engine, of_the_models):
    migrated, modelled = catalog(engine, CATALOGS[part]), catalog(of_the_models, CATALOGS[part])
    assert modelled
    assert migrated == modelled


def test_every_table_of_the_models_is_migrated(engine):
    columns = catalog(engine, CATALOGS["columns"])
    assert {name.partition(".")[0] for name in columns} == set(SQLModel.metadata.tables)


def test_migrating_again_changes_nothing(engine, database_url):
    before = catalog(engine, CATALOGS["columns"])
    migrate.upgrade(database_url)
    assert migrate.is_current(engine)
    assert catalog(engine, CATALOGS["columns"]) == before


def test_an_empty_database_is_told_from_a_migrated_one(postgres):
    with scratch_database(postgres) as url:
        engine = make_engine(url)
        try:
            with pytest.raises(MigrationBehind, match=r"at migration none.*tanggap db upgrade"):
                migrate.check(engine)
        finally:
            engine.dispose()


def test_a_database_of_a_newer_version_is_left_alone(engine):
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(MigrationBehind, match="Install the newer version"):
        migrate.check(engine)


# What the database refuses by itself


@dataclass(frozen=True)
class Standing:
    """A database in which one complaint is in review, another is answered, a third is solved."""

    engine: Engine
    numbers: dict[str, int]

    def refusal_of(self, statement: str) -> str:
        """What the database says against it; nothing of it stays, whether it is refused or not."""
        with self.engine.connect() as connection, pytest.raises(DBAPIError) as refused:
            connection.execute(text(statement.format(**self.numbers)))
        return str(refused.value.orig)

    def take(self, statement: str) -> int:
        """How many rows it changes; taken back afterwards."""
        with self.engine.connect() as connection:
            return connection.execute(text(statement.format(**self.numbers))).rowcount


@pytest.fixture(scope="module")
def standing(postgres: Database, template: str, policy: Policy) -> Iterator[Standing]:
    with scratch_database(postgres, template=template) as url:
        engine = make_engine(url)
        clock = SetClock(MONDAY)
        channels = Channels({("instagram", "default"): SandboxChannel("instagram", clock=clock)})
        life = Life(Desk(engine, policy, channels, SaidByTheTest(), clock), clock)
        reviewed = life.in_review(handle="satu")
        answered = life.responded(handle="dua")
        solved = life.resolved(handle="tiga")
        with life.desk.transaction() as session:
            trail.anchor(session, MONDAY.date(), MONDAY)
        numbers = {
            "reviewed": life.complaint(reviewed).id,
            "answered": life.complaint(answered).id,
            "solved": life.complaint(solved).id,
            "round": life.rounds(reviewed)[0].id,
            "draft": life.drafts(reviewed)[0].id,
            "review": life.reviews(reviewed)[0].id,
            "other_draft": life.drafts(answered)[0].id,
            "other_round": life.rounds(answered)[0].id,
            "passed": life.rounds(answered)[0].id,
            "delivery": life.delivery(answered).id,
            "acknowledgement": life.delivery(answered, "acknowledgement").id,
            "message": life.messages(answered)[0].id,
            "follow_up": life.follow_ups(solved)[0].id,
        }
        yield Standing(engine, numbers)
        engine.dispose()


APPEND_ONLY = "append-only"
WORDS_STAY = "never change"
COPY_OF_A_DELIVERY = """
    INSERT INTO delivery (key, complaint_id, {columns}, kind, channel, account, target, visibility, text, attachments,
                          invites_private, state, queued_at, due_at, tries, needs_person)
    SELECT key || '-again', complaint_id, {values}, kind, channel, account, target, visibility, text, attachments,
           invites_private, 'queued', queued_at, due_at, 0, false
    FROM delivery WHERE id = {{delivery}}
"""


def delivery_with(columns: str, values: str) -> str:
    return COPY_OF_A_DELIVERY.format(columns=columns, values=values)


COPY_OF_A_REVIEW = """
    INSERT INTO review (round_id, draft_id, sha256, author, gate, purpose, because, state, opened_at, deadline,
                        deadline_steps, reminded, escalated)
    SELECT {round}, {draft}, {sha256}, {author}, {gate}, purpose, because, 'open', opened_at, deadline,
           deadline_steps, 0, 0
    FROM review WHERE id = {{review}}
"""


def review_with(
    round_: str = "round_id",
    draft: str = "draft_id",
    sha256: str = "sha256",
    author: str = "author",
    gate: str = "'legal'",
) -> str:
    return COPY_OF_A_REVIEW.format(round=round_, draft=draft, sha256=sha256, author=author, gate=gate)


def article_with(published_by: str = "'cs-lead'", valid_until: str = "NULL") -> str:
    return f"""
        INSERT INTO article (slug, language, version, state, origin, title, category, products, topics, asks, answer,
                             text, owner, public, valid_from, valid_until, author, written_at, published_by, words,
                             search, indexed_by)
        VALUES ('s', 'id', '1', 'published', 'person', 't', 'delivery', '{{{{}}}}', '{{{{}}}}', '{{{{}}}}', 'a', 'x', 'cs-dewi',
                true, '2026-01-01', {valid_until}, 'cs-nia', now(), {published_by}, '', '', '')
    """


DECIDED = "state = 'decided', decided_at = now()"

REFUSED = {
    # The trail
    "an event is not changed": ("UPDATE event SET by = 'nobody' WHERE number = 1", APPEND_ONLY),
    "an event is not deleted": ("DELETE FROM event WHERE number = 1", APPEND_ONLY),
    "the trail is not emptied": ("TRUNCATE event", APPEND_ONLY),
    "the trail is not emptied along with complaints": ("TRUNCATE complaint CASCADE", APPEND_ONLY),
    "an anchor is not changed": ("UPDATE anchor SET digest = ''", APPEND_ONLY),
    "an anchor is not deleted": ("DELETE FROM anchor", APPEND_ONLY),
    "the anchors are not emptied": ("TRUNCATE anchor", APPEND_ONLY),
    "an event's number is taken once": (
        "INSERT INTO event (chain, number, complaint_id, at, name, by, data, before, hash) "
        "SELECT chain, number, complaint_id, at, name, by, data, before, hash FROM event LIMIT 1",
        "uq_event_chain_number",
    ),
    # Words and approvals
    "a draft's words stay": ("UPDATE draft SET text = 'lain' WHERE id = {draft}", WORDS_STAY),
    "a draft's hash stays": ("UPDATE draft SET sha256 = 'lain' WHERE id = {other_draft}", WORDS_STAY),
    "a delivery's words stay": ("UPDATE delivery SET text = 'lain' WHERE id = {delivery}", WORDS_STAY),
    "a delivery's hash stays": ("UPDATE delivery SET sha256 = 'lain' WHERE id = {acknowledgement}", WORDS_STAY),
    "nobody approves their own words": (
        f"UPDATE review SET {DECIDED}, verdict = 'approve', decided_by = author WHERE id = {{review}}",
        "nobody_approves_their_own_words",
    ),
    "a review is by the draft's author": (review_with(author="'somebody-else'"), "fk_review_draft_id_sha256_author"),
    "a review is about the draft's own words": (review_with(sha256="'0'"), "fk_review_draft_id_sha256_author"),
    "a review is about its round's draft": (review_with(round_="{other_round}"), "fk_review_round_id_draft_id"),
    "a gate looks at a round once": (review_with(gate="gate"), "uq_review_round_id_gate"),
    "a decision has a person": (f"UPDATE review SET {DECIDED}, verdict = 'approve' WHERE id = {{review}}", "decided_by_a_person"),
    "a decision has a verdict": (f"UPDATE review SET {DECIDED}, decided_by = 'cs-nia' WHERE id = {{review}}", "decided_by_a_person"),
    "an open review has no decision": (
        "UPDATE review SET decided_by = 'cs-nia', decided_at = now(), verdict = 'approve' WHERE id = {review}",
        "decided_by_a_person",
    ),
    "a refusal says why": (
        f"UPDATE review SET {DECIDED}, verdict = 'reject', decided_by = 'cs-nia' WHERE id = {{review}}",
        "refusals_say_why",
    ),
    "a complaint has one open round": (
        "INSERT INTO round (complaint_id, draft_id, sha256, state, opened_at, escalated, runs, wake_due, barred) "
        "SELECT complaint_id, draft_id, sha256, 'open', opened_at, false, 0, false, '[]' FROM round WHERE id = {round}",
        "uq_round_open_complaint",
    ),
    "a round is about the draft's own words": (
        "INSERT INTO round (complaint_id, draft_id, sha256, state, opened_at, settled_at, escalated, runs, wake_due, barred) "
        "SELECT complaint_id, draft_id, '0', 'void', opened_at, opened_at, false, 0, false, '[]' FROM round WHERE id = {round}",
        "fk_round_draft_id_sha256",
    ),
    "a settled round has a time": ("UPDATE round SET state = 'void' WHERE id = {round}", "settled_has_a_time"),
    # The outbox
    "a delivery carries the draft's own words": (
        delivery_with("draft_id, round_id, sha256", "draft_id, round_id, '0'"),
        "fk_delivery_draft_id_sha256",
    ),
    "a draft goes out through a round of its own": (
        delivery_with("draft_id, round_id, sha256", "draft_id, {round}, sha256"),
        "fk_delivery_round_id_draft_id",
    ),
    "a draft goes out through a round": (delivery_with("draft_id, sha256", "draft_id, sha256"), "a_draft_passed_a_round"),
    "nothing goes out that nobody approved": (delivery_with("sha256", "sha256"), "approved_by_somebody"),
    "nothing goes out twice under one key": (
        "UPDATE delivery SET key = (SELECT key FROM delivery WHERE id = {acknowledgement}) WHERE id = {delivery}",
        "uq_delivery_key",
    ),
    "what was sent has a time": ("UPDATE delivery SET sent_at = NULL WHERE id = {delivery}", "sent_has_a_time"),
    "what failed says why": ("UPDATE delivery SET state = 'failed', sent_at = NULL, why = NULL WHERE id = {delivery}", "says_why"),
    "what is claimed has a worker": (
        "UPDATE delivery SET state = 'claimed', sent_at = NULL WHERE id = {delivery}",
        "claimed_by_a_worker",
    ),
    "a kill switch is thrown once": (
        "INSERT INTO publishing_stop (scope, thrown_at, thrown_by, reason) VALUES ('all', now(), 'pr-sari', 'x'), "
        "('all', now(), 'pr-sari', 'x')",
        "uq_publishing_stop_in_force",
    ),
    "a kill switch is lifted by a person": (
        "INSERT INTO publishing_stop (scope, thrown_at, thrown_by, reason, lifted_at) "
        "VALUES ('all', now(), 'pr-sari', 'x', now())",
        "lifted_by_a_person",
    ),
    # What came in
    "a message comes in once": (
        "INSERT INTO message (complaint_id, direction, channel, account, external_id, visibility, text, revision, "
        "list_mail, attachments, views, likes, replies, shares, views_seen, assess_due, posted_at, received_at, raw) "
        "SELECT complaint_id, direction, channel, account, external_id, visibility, text, revision, list_mail, "
        "attachments, 0, 0, 0, 0, views_seen, false, posted_at, received_at, raw FROM message WHERE id = {message}",
        "uq_message_channel_account_external_id",
    ),
    "what came in keeps what came": ("UPDATE message SET raw = NULL WHERE id = {message}", "inbound_keeps_raw"),
    "revisions count from one": ("UPDATE message SET revision = 0 WHERE id = {message}", "revision_from_one"),
    "an identity stands once": (
        "INSERT INTO identity (complainant_id, channel, account, external_id, followers, verified) "
        "SELECT complainant_id, channel, account, external_id, 0, false FROM identity LIMIT 1",
        "uq_identity_channel_account_external_id",
    ),
    # Complaints
    "a held complaint says why": ("UPDATE complaint SET state = 'held', held_until = now() WHERE id = {reviewed}", "held_says_why"),
    "a held complaint has a deadline": (
        "UPDATE complaint SET state = 'held', held_why = 'rejected' WHERE id = {reviewed}",
        "held_says_why",
    ),
    "a merged complaint has a target": ("UPDATE complaint SET state = 'merged' WHERE id = {reviewed}", "merged_has_a_target"),
    "only a merged complaint has a target": (
        "UPDATE complaint SET merged_into = {answered} WHERE id = {reviewed}",
        "merged_has_a_target",
    ),
    "nothing is merged into itself": (
        "UPDATE complaint SET state = 'merged', merged_into = id WHERE id = {reviewed}",
        "not_merged_into_itself",
    ),
    "anger is told from 0 to 3": ("UPDATE complaint SET anger = 4 WHERE id = {reviewed}", "ck_complaint_anger"),
    "a counter never goes below nothing": ("UPDATE complaint SET reopened = -1 WHERE id = {reviewed}", "ck_complaint_counters"),
    "an unknown state is no state": ("UPDATE complaint SET state = 'lost' WHERE id = {reviewed}", "ck_complaint_state"),
    "an unknown severity is none": ("UPDATE complaint SET severity = 'S5' WHERE id = {reviewed}", "ck_complaint_severity"),
    "only complaints have a category": (
        "UPDATE assessment SET kind = 'praise' WHERE complaint_id = {reviewed}",
        "only_complaints_have_a_category",
    ),
    "a complaint with a trail stays": ("DELETE FROM complaint WHERE id = {reviewed}", "violates foreign key"),
    "what was masked has no words": (
        "UPDATE message SET removed_at = now(), masked_at = now() WHERE complaint_id = {reviewed}",
        "masked_has_no_words",
    ),
    # After the answer
    "a score is told from 1 to 5": ("UPDATE follow_up SET score = 6 WHERE id = {follow_up}", "ck_follow_up_score"),
    "a withheld ask says why": ("UPDATE follow_up SET state = 'withheld' WHERE id = {follow_up}", "withheld_says_why"),
    "a resolution is followed up once": (
        "INSERT INTO follow_up (complaint_id, resolution, state, due_at) "
        "SELECT complaint_id, resolution, 'waiting', due_at FROM follow_up WHERE id = {follow_up}",
        "uq_follow_up_complaint_id_resolution",
    ),
    # The law
    "a legal road cools off for three days": (
        "INSERT INTO legal_road (complaint_id, state, opened_at, opened_by, reason, cooling_until, lapses_at, look_at, cooled) "
        "VALUES ({reviewed}, 'open', now(), 'pr-sari', 'x', now() + interval '71 hours', now() + interval '9 days', now(), false)",
        "cools_off_for_three_days",
    ),
    "a complaint has one open legal road": (
        "INSERT INTO legal_road (complaint_id, state, opened_at, opened_by, reason, cooling_until, lapses_at, look_at, cooled) "
        "SELECT {reviewed}, 'open', now(), 'pr-sari', 'x', now() + interval '4 days', now() + interval '9 days', now(), false "
        "FROM generate_series(1, 2)",
        "uq_legal_road_open",
    ),
    "a court has a date": (
        "INSERT INTO emergency (complaint_id, kind, referred_at, referred_by, what) "
        "VALUES ({reviewed}, 'court_date', now(), 'cs-nia', 'x')",
        "a_court_has_a_date",
    ),
    "one person acknowledges an emergency for one gate": (
        "WITH made AS (INSERT INTO emergency (complaint_id, kind, referred_at, referred_by, what) "
        "VALUES ({reviewed}, 'extortion', now(), 'cs-nia', 'x') RETURNING id) "
        "INSERT INTO emergency_call (emergency_id, gate, deadline, look_at, escalated, acknowledged_at, acknowledged_by) "
        "SELECT id, gate, now(), now(), 0, now(), 'exec-duty' FROM made, (VALUES ('legal'), ('executive')) AS two (gate)",
        "uq_emergency_call_person",
    ),
    "a legal hold is taken off with a reason": (
        "INSERT INTO legal_hold (complaint_id, on_at, on_by, reason, off_at, off_by) "
        "VALUES ({reviewed}, now(), 'legal-tono', 'x', now(), 'legal-tono')",
        "taken_off_by_a_person",
    ),
    "a breach is dismissed with a reason": (
        "INSERT INTO breach (complaint_id, state, known_at, due_at, look_at, reminded, escalated, notified, ended_at, ended_by) "
        "VALUES ({reviewed}, 'dismissed', now(), now() + interval '3 days', now(), 0, 0, '[]', now(), 'legal-tono')",
        "dismissed_says_why",
    ),
    # Pages and articles
    "a post on our page says something": (
        "INSERT INTO web_post (key, complaint_reference, visibility, kind, text, posted_at) "
        "VALUES ('k', 'TG-1', 'public', 'reply', '', now())",
        "says_something",
    ),
    # Knowledge
    "an article ends after it begins": (article_with(valid_until="'2025-01-01'"), "valid_in_order"),
    "nobody publishes an article of their own words": (article_with(published_by="'cs-nia'"), "their_own_words"),
    "nobody publishes an article that they own": (article_with(published_by="'cs-dewi'"), "their_own_words"),
    "what is published was published by somebody": (article_with(published_by="NULL"), "published_by_somebody"),
}  # fmt: skip


@pytest.mark.parametrize("sentence", REFUSED)
def test_the_database_itself_holds_that(sentence, standing):
    statement, by_what = REFUSED[sentence]
    assert by_what in standing.refusal_of(statement)


ALLOWED = {
    "words are emptied when a person is forgotten": "UPDATE draft SET text = '' WHERE id = {draft}",
    "somebody else approves": (
        f"UPDATE review SET {DECIDED}, verdict = 'approve', decided_by = 'cs-nia' WHERE id = {{review}}"
    ),
    "another gate joins a round": review_with(),
    "a refusal with its reason": (
        f"UPDATE review SET {DECIDED}, verdict = 'reject', decided_by = 'cs-nia', note = 'x' WHERE id = {{review}}"
    ),
    "a delivery of the approved draft through its round": delivery_with(
        "draft_id, round_id, sha256", "draft_id, round_id, sha256"
    ),
    "a delivery of what was approved once": delivery_with("pre_approved, sha256", "'{{}}', sha256"),
    "a held complaint with reason and deadline": (
        "UPDATE complaint SET state = 'held', held_why = 'rejected', held_until = now() WHERE id = {reviewed}"
    ),
    "a merged complaint with its target": (
        "UPDATE complaint SET state = 'merged', merged_into = {answered} WHERE id = {reviewed}"
    ),
    "a score within its range": "UPDATE follow_up SET score = 5 WHERE id = {follow_up}",
}


@pytest.mark.parametrize("sentence", ALLOWED)
def test_the_database_takes(sentence, standing):
    assert standing.take(ALLOWED[sentence]) == 1
