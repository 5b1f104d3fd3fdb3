"""What people do on the command line: look, decide, write, hand out, forget; each under a name."""

import json

import pytest
from command_line import CommandLine
from factories import GRAVE, LATE, Life, grave
from sqlalchemy import select, text

from db import trail
from db.tables import (
    Complainant,
    Delivery,
    DeliveryState,
    Event,
    Identity,
    Message,
    NoticeKind,
    NoticeState,
    SlackCard,
    SlackNotice,
    SlackReceipt,
)
from db.words import Gate, State
from integrations.record import Author, Unreadable
from tasks.record import record

ANSWER = "Halo, mohon maaf paketnya terlambat. Mohon kirim nomor pesanan lewat pesan pribadi agar kami bantu."


@pytest.fixture
def life(desk, clock) -> Life:
    return Life(desk, clock)


@pytest.fixture
def tanggap(monkeypatch, capsys, tmp_path, life) -> CommandLine:
    return CommandLine(monkeypatch, capsys, tmp_path).at(life.desk)


# Looking


def test_the_list_shows_where_each_complaint_stands(life, tanggap):
    waiting, new = life.in_review(), life.comes("halo, kapan buka?", handle="tono")

    everything = tanggap("complaints", "--json").json
    in_review = tanggap("complaints", "--state", "in_review", "--gate", "cs", "--json").json
    table = tanggap("complaints").out

    assert [(line["reference"], line["state"]) for line in everything] == [(new, "new"), (waiting, "in_review")]
    assert [(line["reference"], line["gates"], line["text"]) for line in in_review] == [(waiting, ["cs"], LATE)]
    assert waiting in table
    assert "in_review" in table


def test_the_list_goes_beyond_a_page_of_the_database(life, tanggap, monkeypatch):
    monkeypatch.setattr("tasks.listing.PAGE", 2)
    references = [life.comes(f"pesan nomor {number}", handle=f"orang{number}") for number in range(5)]

    everything = tanggap("complaints", "--json").json
    three = tanggap("complaints", "--json", "--limit", 3).json

    assert [line["reference"] for line in everything] == references[::-1]
    assert len(three) == 3


def test_what_is_late_is_listed_as_late(life, tanggap):
    late = life.in_review()
    life.later(days=9)
    life.in_review(handle="tono")

    listed = tanggap("complaints", "--late", "--json").json

    assert [(line["reference"], line["late"]) for line in listed] == [(late, True)]


def test_unreadable_records_are_listed_with_their_reason(life, tanggap):
    record(life.desk, [Unreadable("in.csv:3", "text is missing", b"a;\xff;\x1b[31m", "x")], source="/in.csv")

    (line,) = tanggap("complaints", "--quarantined", "--json").json
    table = tanggap("complaints", "--quarantined").out

    assert (line["place"], line["reason"], line["size"]) == ("in.csv:3", "text is missing", 9)
    assert "text is missing" in table
    assert "\x1b" not in table


def test_one_complaint_is_told_whole(life, tanggap):
    reference = life.in_review("[bold]paket[/bold] saya belum sampai \x1b[31m padahal sudah seminggu")

    told = tanggap("complaint", reference.lower()).out

    assert "[bold]paket[/bold]" in told
    assert "\x1b" not in told
    for said in ("Answer by", "promise for", "Tracking page", "review_opened", "new → assessed", "cs (wording)"):
        assert said in told, said


def test_who_asked_not_to_be_written_to_is_shown_as_such(life, tanggap):
    reference = life.in_review()
    assert "Said STOP" not in tanggap("complaint", reference).out
    record(life.desk, [life.message("STOP", opts_out=True)], source="test")

    assert "Said STOP" in tanggap("complaint", reference).out


def test_one_complaint_as_json_keeps_its_secrets(life, tanggap):
    reference = life.in_review()

    ran = tanggap("complaint", reference, "--json")

    assert ran.json["reference"] == reference
    assert [event["event"] for event in ran.json["timeline"]] == life.names(reference)
    assert "salt" not in ran.json
    assert ran.json["tracking_url"].endswith(life.complaint(reference).token)


@pytest.mark.parametrize("word", ["TG-9999", "TG-x", "nonsense"])
def test_a_complaint_that_is_not_there_is_told_on_one_line(tanggap, word):
    ran = tanggap("complaint", word)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.count("\n") == 1
    assert word in ran.err


# Deciding


def test_the_inbox_shows_the_words_to_decide_about(life, tanggap):
    reference = life.in_review()

    (waiting,) = tanggap("inbox", "--json").json
    told = tanggap("inbox").out

    assert (waiting["reference"], waiting["gate"], waiting["complaint"]) == (reference, "cs", LATE)
    assert waiting["draft"] == life.drafts(reference)[0].text
    assert waiting["draft"].split()[0] in told
    assert tanggap("inbox", "--gate", "pr").out == "Nothing waits for a decision.\n"
    assert tanggap("inbox", "--person", "pr-sari", "--json").json == []
    assert len(tanggap("inbox", "--person", "cs-nia", "--json").json) == 1


def test_an_approval_by_number_queues_the_answer(life, tanggap):
    reference = life.in_review()
    (review,) = life.open_reviews(reference)

    ran = tanggap("decide", review.id, "--approve", "--as", "cs-nia")

    assert (ran.code, ran.err) == (0, "")
    assert f"{reference}: cs approve by cs-nia. It is approved." in ran.out
    (decided,) = life.events(reference, "decided")
    assert decided.by == "cs-nia"
    assert decided.typed_by


def test_a_decision_by_reference_and_gate_says_who_must_still_decide(life, tanggap):
    grave(life.assessor)
    reference = life.in_review(GRAVE)

    ran = tanggap("decide", f"{reference.lower()}:PR", "--approve", "--as", "pr-sari")

    assert ran.code == 0
    assert "still to decide: legal" in ran.out


def test_a_refusal_needs_a_word_and_holds_the_complaint(life, tanggap):
    reference = life.in_review()

    ran = tanggap("decide", f"{reference}:cs", "--reject", "tidak tepat", "--as", "cs-nia")

    assert ran.code == 0
    assert life.state(reference) is State.HELD


def test_an_edit_opens_the_review_for_others(life, tanggap, tmp_path):
    reference = life.in_review()
    (tmp_path / "answer.txt").write_text(f"{ANSWER}\n", encoding="utf-8")

    ran = tanggap("decide", f"{reference}:cs", "--edit", "answer.txt", "--as", "cs-nia")

    assert ran.code == 0, ran.err
    assert life.drafts(reference)[-1].text == ANSWER
    assert life.drafts(reference)[-1].author == "cs-nia"
    own = tanggap("decide", f"{reference}:cs", "--approve", "--as", "cs-nia")
    assert own.code == 1
    assert "somebody else" in own.err


DECISIONS_REFUSED = [
    (["1:cs", "--approve", "--as", "cs-nia"], 1, "is no review"),
    (["TG-1001:boss", "--approve", "--as", "cs-nia"], 1, "no gate boss"),
    (["99999", "--approve", "--as", "cs-nia"], 1, "no review 99999"),
    (["TG-1001:pr", "--approve", "--as", "pr-sari"], 1, "no open review at pr"),
    (["TG-1001:cs", "--approve", "--as", "pr-sari"], 1, "does not belong to cs"),
    (["TG-1001:cs", "--approve", "--as", "stranger"], 1, "nobody in policy/people.yaml"),
    (["TG-1001:cs", "--approve", "--sha256", "0" * 64, "--as", "cs-nia"], 1, "other words"),
    (["TG-1001:cs", "--approve"], 2, "--as PERSON"),
    (["TG-1001:cs", "--as", "cs-nia"], 2, "exactly one of --approve"),
    (["TG-1001:cs", "--approve", "--reject", "no", "--as", "cs-nia"], 2, "exactly one of --approve"),
]


def test_a_decision_that_does_not_count_says_why(life, tanggap):
    assert life.in_review() == "TG-1001"

    for words, code, said in DECISIONS_REFUSED:
        ran = tanggap("decide", *words)

        assert (ran.code, ran.out) == (code, ""), words
        assert said in ran.err, words
        assert ran.err.count("\n") == 1, words
    assert life.state("TG-1001") is State.IN_REVIEW


# Acting


def test_a_person_writes_the_answer(life, tanggap):
    reference = life.in_review()

    ran = tanggap("draft", reference, "-", "--as", "cs-raka", stdin=ANSWER.encode())

    assert ran.code == 0, ran.err
    assert "in review" in ran.out
    assert life.drafts(reference)[-1].text == ANSWER


def test_a_blocked_answer_says_what_is_wrong_with_it(life, tanggap, tmp_path):
    reference = life.in_review()
    (tmp_path / "threat.txt").write_text("Hapus unggahan Anda atau kami somasi.", encoding="utf-8")

    ran = tanggap("draft", reference, "threat.txt", "--as", "legal-tono")

    assert ran.code == 1
    assert "guardrails block" in ran.err
    assert life.events(reference, "guard_blocked")


@pytest.mark.parametrize(("content", "said"), [(b"", "no text"), (b"\xff\xfe\xff", "UTF-8"), (b"a\x00b", "no text")])
def test_a_file_that_holds_no_text_is_told(life, tanggap, tmp_path, content, said):
    reference = life.in_review()
    (tmp_path / "a.txt").write_bytes(content)

    ran = tanggap("draft", reference, "a.txt", "--as", "cs-raka")

    assert ran.code == 1
    assert said in ran.err


def test_corrections_notes_and_owners_carry_their_author(life, tanggap):
    reference = life.in_review()

    for words in (
        ["correct", reference, "severity=S2", "risks=media,repeat", "--as", "cs-nia", "--why", "media bertanya"],
        ["note", reference, "sudah ditelepon", "--as", "cs-nia"],
        ["assign", reference, "cs-raka", "--as", "cs-lead"],
    ):
        ran = tanggap(*words)
        assert (ran.code, ran.err) == (0, ""), words

    found = tanggap("complaint", reference, "--json").json
    assert (found["severity"], found["risks"], found["owner"]) == ("S2", ["media", "repeat"], "cs-raka")
    assert found["notes"][0]["text"] == "sudah ditelepon"
    assert {"corrected", "noted_by_person", "assigned"} <= set(life.names(reference))


NOT_TO_BE_DONE = [
    (["correct", "TG-1001", "severity=S9", "--as", "cs-nia"], 1, "S1, S2, S3, S4"),
    (["correct", "TG-1001", "mood=bad", "--as", "cs-nia"], 1, "nothing that can be corrected"),
    (["correct", "TG-1001", "S2", "--as", "cs-nia"], 2, "FIELD=VALUE"),
    (["correct", "TG-1001", "--as", "cs-nia"], 2, "FIELD=VALUE"),
    (["assign", "TG-1001", "nobody", "--as", "cs-nia"], 1, "nobody in policy"),
    (["unmerge", "TG-1001", "--as", "cs-nia"], 1, "not merged"),
    (["merge", "TG-1001", "TG-1001", "--as", "cs-nia"], 1, "itself"),
    (["close", "TG-1001", "--reason", "x", "--as", "cs-nia"], 1, "only a held complaint"),
    (["redraft", "TG-1001", "--as", "cs-nia"], 1, "only a held complaint"),
    (["resend", "TG-1001", "--as", "cs-nia"], 1, "No delivery"),
    (["posted", "TG-1001", "not-an-address", "--as", "cs-nia"], 1, "no web address"),
    (["note", "TG-1001", "  ", "--as", "cs-nia"], 1, "empty"),
    (["note", "TG-1001", "x"], 2, "--as PERSON"),
    (["spam", "TG-1001"], 2, "--as PERSON"),
    (["resolve", "TG-1001", "--summary", " ", "--as", "cs-nia"], 1, "--summary"),
    (["resolve", "TG-1001", "--summary", "x", "--as", "nobody"], 1, "nobody in policy"),
    (["publishing", "off", "--reason", "x", "--as", "cs-nia"], 1, "may not"),
    (["publishing", "off", "--channel", "mars", "--reason", "x", "--as", "pr-sari"], 1, "no channel mars"),
    (["publishing", "maybe", "--reason", "x", "--as", "pr-sari"], 2, "off"),
    (["incident", "IN-9"], 1, "no incident IN-9"),
    (["export", "TG-9"], 1, "TG-9"),
    (["erase", "TG-1001", "--as", "cs-nia"], 1, "may not"),
    (["erase", "77", "--as", "legal-tono"], 1, "no complainant 77"),
    (["report", "--from", "yesterday", "--out", "-"], 2, "2026-03-01"),
    (["report", "--from", "2026-03-02", "--to", "2026-03-01", "--out", "-"], 2, "after"),
    (["report"], 2, "--out"),
    (["fly"], 2, "No such command"),
    (["complaints", "--state", "angry"], 2, "angry"),
    (["run", "fly"], 2, "no flow"),
    (["policy", "approve", "id/ask", "--as", "pr-sari"], 1, "policy init"),
]


def test_what_cannot_be_done_is_told_on_one_line(life, tanggap):
    assert life.in_review() == "TG-1001"

    for words, code, said in NOT_TO_BE_DONE:
        ran = tanggap(*words)

        assert (ran.code, ran.out) == (code, ""), words
        assert said in ran.err, words
        assert ran.err.count("\n") == 1, words
    assert life.state("TG-1001") is State.IN_REVIEW


def test_the_trace_is_shown_to_whoever_asks(tanggap):
    assert "Traceback" in tanggap("complaint", "TG-9", "--debug").err


def test_spam_can_be_taken_up_again(life, tanggap):
    reference = life.in_review()

    assert tanggap("spam", reference, "--as", "cs-nia").code == 0
    assert life.state(reference) is State.SPAM
    assert tanggap("correct", reference, "kind=complaint", "--as", "cs-nia").code == 0
    assert life.state(reference) is State.ASSESSED


def test_what_is_held_is_drafted_anew_or_closed(life, tanggap):
    again, over = life.in_review(handle="a"), life.in_review(handle="b")
    for reference in (again, over):
        tanggap("decide", f"{reference}:cs", "--reject", "belum jelas", "--as", "cs-nia")

    assert tanggap("redraft", again, "--as", "cs-nia").code == 0
    assert tanggap("close", over, "--reason", "pelanggan menarik keluhan", "--as", "cs-nia").code == 0

    assert (life.state(again), life.state(over)) == (State.DRAFTING, State.CLOSED)


def test_an_answered_complaint_is_resolved(life, tanggap):
    reference = life.responded()

    ran = tanggap("resolve", reference, "--summary", "paket diantar ulang", "--as", "cs-nia")

    assert ran.code == 0, ran.err
    assert "survey" in ran.out
    assert life.complaint(reference).resolution == "paket diantar ulang"


def test_the_kill_switch_is_thrown_and_lifted_by_name(life, tanggap):
    off = tanggap("publishing", "off", "--channel", "x", "--reason", "salah kirim", "--as", "pr-sari")
    again = tanggap("publishing", "off", "--channel", "x", "--reason", "salah kirim", "--as", "pr-sari")
    listed = tanggap("deliveries").out
    on = tanggap("publishing", "on", "--channel", "x", "--reason", "sudah benar", "--as", "pr-sari")

    assert "off for channel x" in off.out
    assert "already" in again.out
    assert "salah kirim" in listed
    assert "on for channel x" in on.out


def test_a_text_that_a_person_must_post_says_so(life, tanggap, monkeypatch):
    reference = life.approved()
    with life.desk.transaction() as session:
        (delivery,) = session.execute(select(Delivery).where(Delivery.kind == "reply")).scalars()
        delivery.state, delivery.needs_person = DeliveryState.MANUAL, True
        words = delivery.text
    monkeypatch.setattr("desk.cli.answers._text_at", lambda url: (f"Instagram\n{words}\nSuka", ""))

    (line,) = tanggap("deliveries", "--failed", "--json").json
    told = " ".join(tanggap("deliveries", "--failed").out.split())
    ran = tanggap("posted", reference, "https://instagram.example/p/1", "--as", "cs-nia")

    assert (line["reference"], line["state"], line["text"]) == (reference, "manual", words)
    assert f"tanggap posted {reference}" in told
    assert "word for word" in ran.out
    assert life.state(reference) is State.RESPONDED


def test_a_page_that_does_not_answer_is_told_and_no_obstacle(life, tanggap):
    reference = life.approved()
    with life.desk.transaction() as session:
        (delivery,) = session.execute(select(Delivery).where(Delivery.kind == "reply")).scalars()
        delivery.state, delivery.needs_person = DeliveryState.MANUAL, True

    ran = tanggap("posted", reference, "http://127.0.0.1:9/post", "--as", "cs-nia")

    assert ran.code == 0
    assert "could not be compared" in ran.err
    assert life.state(reference) is State.RESPONDED


# Handing out and forgetting


def test_the_whole_file_is_handed_out_for_its_reader_alone(life, tanggap, tmp_path):
    reference = life.resolved(author=Author(id="mira", handle="mira.home", name="Mira Lestari"))

    ran = tanggap("export", reference, "--out", "file.json")

    assert ran.code == 0, ran.err
    file = json.loads((tmp_path / "file.json").read_text(encoding="utf-8"))
    assert (tmp_path / "file.json").stat().st_mode & 0o777 == 0o600
    assert file["reference"] == reference
    assert file["messages"][0]["text"] == LATE
    assert LATE in file["messages"][0]["raw"]
    assert file["complainant"]["name"] == "Mira Lestari"
    assert {"drafts", "reviews", "deliveries", "follow_ups", "timeline"} <= set(file)


def everything_kept(life: Life) -> str:
    """Every column of every table, as text."""
    with life.desk.engine.connect() as connection:
        tables = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
        return "\n".join(
            str(row)
            for table in tables
            for row in connection.execute(text(f"SELECT convert_to(t::text, 'UTF8') FROM {table} t"))
        )


def test_a_person_is_forgotten_and_every_event_stays(life, tanggap):
    secret = Author(id="id-8841", handle="mira.rahasia", name="Mirabella Lestari", email="mirabella@contoh.id")
    words = "paket bernama zaitun belum sampai"
    reference = life.resolved(words, author=secret)
    tanggap("note", reference, "telepon Mirabella", "--as", "cs-nia")
    other = life.in_review("teknisi tidak datang", handle="orang.lain")
    events = len(life.events(reference))
    before = everything_kept(life)

    ran = tanggap("erase", reference, "--as", "legal-tono", "--json")

    assert ran.code == 0, ran.err
    assert ran.json["complaints"] == [reference]
    kept = everything_kept(life)
    for told in ("zaitun", "irabella", "mira.rahasia", "id-8841"):
        assert told in before, told
        assert told not in kept, told
    assert [event.name for event in life.events(reference)][-1] == "erased"
    assert len(life.events(reference)) > events
    assert life.state(reference) is State.CLOSED
    with life.desk.transaction() as session:
        assert list(trail.verify(session)) == []
        assert (
            session.execute(select(Complainant).where(Complainant.erased_at.is_not(None))).scalars().one().name is None
        )
    assert tanggap("complaint", other, "--json").json["messages"][0]["text"] == "teknisi tidak datang"
    assert tanggap("complaint", reference).code == 0


def test_what_was_forgotten_stays_forgotten_when_it_comes_again(life, tanggap):
    message = life.message(external_id="again-1")
    (number,) = life.record(message).complaints
    tanggap("erase", f"TG-{number}", "--as", "legal-tono")

    again = life.record(message)

    assert (again.accepted, again.known, again.edited) == (0, 1, 0)
    with life.desk.transaction() as session:
        assert session.execute(select(Message.text)).scalars().all() == [""]
        assert session.execute(select(Identity)).scalars().all() == []


@pytest.mark.parametrize("stage", ["comes", "in_review", "approved", "responded"])
def test_a_person_is_forgotten_wherever_their_complaint_stands(life, tanggap, stage):
    reference = getattr(life, stage)()

    ran = tanggap("erase", reference, "--as", "legal-tono")

    assert ran.code == 0, ran.err
    assert all(delivery.text == "" for delivery in life.deliveries(reference))
    assert all(
        delivery.state in (DeliveryState.SENT, DeliveryState.CANCELLED) for delivery in life.deliveries(reference)
    )
    assert life.open_reviews(reference) == []
    assert life.publish() == []


def test_one_person_on_two_channels_is_forgotten_on_both(life, tanggap):
    mail = Author(id="a@contoh.id", handle=None, name="Ayu", email="ayu@contoh.id")
    first = life.comes("barang rusak", author=mail, channel="email")
    second = life.comes(
        "teknisi tidak datang", author=Author(id="ayu88", handle="ayu88", name=None, email="ayu@contoh.id")
    )

    ran = tanggap("erase", first, "--as", "legal-tono", "--json")

    assert ran.json["complaints"] == [first, second]


def test_what_slack_shows_and_holds_of_a_person_is_forgotten_too(life, tanggap):
    reference, other = life.in_review(), life.in_review(handle="orang.lain")
    mine, others = life.open_reviews(reference)[0].id, life.open_reviews(other)[0].id
    number, now = life.complaint(reference).id, life.now()
    due = {"queued_at": now, "due_at": now, "data": {"quote": "paket Mirabella"}, "kind": NoticeKind.REMINDER}
    with life.desk.transaction() as session:
        session.add_all([SlackCard(review_id=one, channel="C0CS", ts=f"{one}.1") for one in (mine, others)])
        session.add(SlackNotice(key="n-1", complaint_id=number, person="cs-nia", **due))
        acts = {
            "edit": {"review": mine, "text": "Halo Mirabella"},
            "case": {"text": f"resolve {reference} Mirabella puas"},
        }
        session.add_all([SlackReceipt(key=key, kind=key, at=now, act=act) for key, act in acts.items()])
        session.add(SlackReceipt(key="other", kind="edit", at=now, act={"review": others, "text": f"{reference}9"}))

    assert tanggap("erase", reference, "--as", "legal-tono").code == 0

    with life.desk.transaction() as session:
        scrubbed = {card.review_id: card.scrub for card in session.execute(select(SlackCard)).scalars()}
        (notice,) = session.execute(select(SlackNotice)).scalars()
        receipts = {one.key: (one.act is None, one.why) for one in session.execute(select(SlackReceipt)).scalars()}
    assert scrubbed == {mine: True, others: False}
    assert (notice.state, notice.data) == (NoticeState.DROPPED, {})
    assert receipts == {"edit": (True, "erased"), "case": (True, "erased"), "other": (False, None)}
    assert not any("Mirabella" in row for row in everything_kept(life))


# The report


def test_the_report_counts_and_names_nobody(life, tanggap, tmp_path):
    reference = life.resolved(author=Author(id="mira", handle="mira.home", name="Mira Lestari"))
    life.later(hours=12)
    life.work()
    life.in_review(handle="tono")
    life.decide("TG-1002", Gate.CS)
    start, end = "2026-03-01", "2026-03-31"

    ran = tanggap("report", "--from", start, "--to", end, "--out", "report.html")

    assert ran.code == 0, ran.err
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "2 messages" in ran.out
    assert page.startswith("<!DOCTYPE html>")
    for said in ("instagram", "delivery", "by severity", "The gates", "Asked", "Promises kept"):
        assert said in page, said
    for secret in ("Mira", "mira.home", LATE, "tono", reference):
        assert secret not in page, secret
    assert "http" not in page.lower()


def test_a_report_of_nothing_is_a_page_all_the_same(tanggap):
    ran = tanggap("report", "--out", "-")

    assert ran.code == 0, ran.err
    assert "</html>" in ran.out


# The doctor


def test_the_doctor_says_what_is_well_and_what_is_not(life, tanggap):
    life.in_review()
    record(life.desk, [Unreadable("in.csv:3", "text is missing", b"a;b", "x")], source="/in.csv")

    ran = tanggap("doctor", "--json")

    found = {(one["what"], one["level"]) for one in ran.json["findings"]}
    assert ran.code == 0, ran.out
    assert {
        ("database", "ok"),
        ("trail", "ok"),
        ("intake", "warning"),
        ("slack", "ok"),
        ("prefect", "warning"),
    } <= found


def test_the_doctor_finds_a_chain_that_was_changed(life, tanggap):
    reference = life.in_review()
    with life.desk.engine.begin() as connection:
        connection.execute(text("ALTER TABLE event DISABLE TRIGGER ALL"))
        connection.execute(text("UPDATE event SET by = 'nobody' WHERE name = 'received'"))

    ran = tanggap("doctor")

    assert ran.code == 1
    assert f"{reference}, event 1: was changed" in " ".join(ran.out.split())


def test_events_carry_the_author_and_who_typed(life, tanggap):
    reference = life.in_review()

    tanggap("note", reference, "x", "--as", "cs-nia")

    with life.desk.transaction() as session:
        event = session.execute(select(Event).where(Event.name == "noted_by_person")).scalar_one()
        assert event.by == "cs-nia"
        assert event.typed_by
