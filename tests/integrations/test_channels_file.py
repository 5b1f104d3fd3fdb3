"""The drop folder on a real file system."""

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from db.clock import SetClock
from db.words import CHANNELS, DeliveryKind, Visibility
from integrations.channels.base import Certainty, Never, Outgoing, Target, TryAgain
from integrations.channels.file import FileChannel
from integrations.record import Incoming, LeftOut, Unreadable

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def channel(home: Path, **options) -> FileChannel:
    return FileChannel(
        home,
        clock=SetClock(NOW),
        known_channels=frozenset(CHANNELS),
        own_addresses=lambda address: address.endswith("@tokokita.example"),
        **options,
    )


def drop(home: Path, name: str, content: str | bytes, age: float = 60) -> Path:
    inbox = home / "inbox"
    inbox.mkdir(exist_ok=True)
    path = inbox / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def records(*numbers: int) -> str:
    return "".join(
        json.dumps({"external_id": f"f-{number}", "text": "Halo", "posted_at": "2026-03-02T09:00:00Z"}) + "\n"
        for number in numbers
    )


def ids(pages) -> list[list[str]]:
    return [[item.external_id for item in page.items] for page in pages]


def answer(**changes) -> Outgoing:
    fields = {
        "key": "dl-7",
        "text": "Terima kasih, Kak.",
        "visibility": Visibility.PUBLIC,
        "kind": DeliveryKind.REPLY,
        "channel": "file",
        "account": "default",
        "reference": "TG-1042",
        "target": Target(external_id="f-1", author_handle="mira"),
    }
    return Outgoing(**{**fields, **changes})


def test_finished_files_come_in_the_order_of_their_names(tmp_path):
    drop(tmp_path, "b.jsonl", records(3))
    drop(tmp_path, "a.csv", "external_id,text,posted_at\nf-1,Halo,2026-03-02T09:00:00Z\n")

    pages = list(channel(tmp_path).fetch(None))

    assert ids(pages) == [["f-1"], ["f-3"]]
    assert {item.channel for page in pages for item in page.items} == {"file"}


def test_every_form_of_file_is_taken(tmp_path):
    mail = "From: {}\nDate: Mon, 2 Mar 2026 09:00:00 +0700\nMessage-ID: <{}@x.example>\n\nHalo\n"
    drop(tmp_path, "a.eml", mail.format("mira@x.example", 1))
    drop(tmp_path, "b.mbox", "From a@b Mon Mar  2 09:00:00 2026\n" + mail.format("cs@tokokita.example", 2))
    drop(tmp_path, "c.jsonl", "no json\n")

    items = [item for page in channel(tmp_path).fetch(None) for item in page.items]

    assert [type(item) for item in items] == [Incoming, LeftOut, Unreadable]
    assert items[0].channel == "email"


def test_a_stored_file_is_moved_away(tmp_path):
    drop(tmp_path, "a.jsonl", records(1))

    list(channel(tmp_path).fetch(None))

    assert [path.name for path in (tmp_path / "inbox").iterdir()] == ["done"]
    assert (tmp_path / "inbox/done/a.jsonl").read_text() == records(1)


def test_a_file_of_the_same_name_overwrites_no_earlier_one(tmp_path):
    for number in (1, 2, 3):
        drop(tmp_path, "a.jsonl", records(number))
        list(channel(tmp_path).fetch(None))

    assert sorted(path.name for path in (tmp_path / "inbox/done").iterdir()) == ["a-2.jsonl", "a-3.jsonl", "a.jsonl"]


def test_a_file_stays_until_its_last_page_is_stored(tmp_path):
    path = drop(tmp_path, "a.jsonl", records(1, 2, 3))
    pages = channel(tmp_path, page=2).fetch(None)

    next(pages)
    next(pages)

    assert path.exists()


def test_a_page_tells_how_far_its_file_is_read(tmp_path):
    drop(tmp_path, "a.jsonl", records(*range(4000)))

    shares = [page.share for page in channel(tmp_path, page=1000).fetch(None)]

    assert 0 < shares[0] < 1
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_crash_between_storing_and_moving_brings_nothing_twice(tmp_path):
    drop(tmp_path, "a.jsonl", records(1))
    drop(tmp_path, "b.jsonl", records(2))
    stored = next(channel(tmp_path).fetch(None))

    pages = list(channel(tmp_path).fetch(stored.cursor))

    assert ids(pages) == [["f-2"]]
    assert (tmp_path / "inbox/done/a.jsonl").exists()


@pytest.mark.parametrize(("stored", "rest"), [(1, [["f-3", "f-4"]]), (2, [])])
def test_a_crash_within_a_file_goes_on_behind_what_is_stored(tmp_path, stored, rest):
    drop(tmp_path, "a.jsonl", records(1, 2, 3, 4))
    first = channel(tmp_path, page=2).fetch(None)
    cursor = [next(first).cursor for _ in range(stored)][-1]

    assert ids(channel(tmp_path, page=2).fetch(cursor)) == rest
    assert (tmp_path / "inbox/done/a.jsonl").exists()


def test_another_file_of_the_same_name_is_read_from_its_beginning(tmp_path):
    drop(tmp_path, "a.jsonl", records(1))
    stored = next(channel(tmp_path).fetch(None))
    drop(tmp_path, "a.jsonl", records(2, 3))

    assert ids(channel(tmp_path).fetch(stored.cursor)) == [["f-2", "f-3"]]


@pytest.mark.parametrize("cursor", ["", "nonsense", "[1]", '{"a": 1}', "null"])
def test_a_cursor_that_says_nothing_reads_everything(tmp_path, cursor):
    drop(tmp_path, "a.jsonl", records(1))

    assert ids(channel(tmp_path).fetch(cursor)) == [["f-1"]]


@pytest.mark.parametrize("name", [".hidden.jsonl", "a.jsonl.part", "a.jsonl.tmp"])
def test_an_unfinished_name_is_passed_over(tmp_path, name):
    path = drop(tmp_path, name, records(1))

    assert list(channel(tmp_path).fetch(None)) == []
    assert path.exists()


def test_a_file_that_still_grows_waits(tmp_path):
    path = drop(tmp_path, "a.jsonl", records(1), age=0)
    doors = channel(tmp_path, settled=0.2)

    assert list(doors.fetch(None)) == []
    time.sleep(0.3)
    assert ids(doors.fetch(None)) == [["f-1"]]
    assert not path.exists()


def test_a_file_from_a_clock_ahead_is_taken_once_it_is_still(tmp_path):
    drop(tmp_path, "a.jsonl", records(1), age=-3600)
    doors = channel(tmp_path, settled=0.1)

    assert list(doors.fetch(None)) == []
    time.sleep(0.2)
    assert ids(doors.fetch(None)) == [["f-1"]]


def test_a_file_written_to_while_it_is_read_is_read_again(tmp_path):
    path = drop(tmp_path, "a.jsonl", records(1))
    doors = channel(tmp_path)
    pages = doors.fetch(None)
    stored = next(pages)
    drop(tmp_path, "a.jsonl", records(1, 2))

    assert list(pages) == []
    assert path.exists()
    assert ids(doors.fetch(stored.cursor)) == [["f-1", "f-2"]]


def test_an_empty_file_is_moved_without_a_page(tmp_path):
    drop(tmp_path, "a.jsonl", "")

    assert list(channel(tmp_path).fetch(None)) == []
    assert (tmp_path / "inbox/done/a.jsonl").exists()


def test_a_file_that_may_not_be_read_is_put_aside(tmp_path, monkeypatch):
    forbidden = drop(tmp_path, "a.jsonl", records(1))
    drop(tmp_path, "b.jsonl", records(2))
    really_open = Path.open

    def opens(path, *arguments, **options):
        if path == forbidden:
            raise PermissionError(13, "Permission denied")
        return really_open(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", opens)

    first, second = channel(tmp_path).fetch(None)

    assert "Permission denied" in first.items[0].reason
    assert ids([second]) == [["f-2"]]
    assert (tmp_path / "inbox/unreadable/a.jsonl").exists()


def test_folders_links_and_pipes_are_passed_over(tmp_path):
    (tmp_path / "inbox/sub").mkdir(parents=True)
    (tmp_path / "inbox/link.jsonl").symlink_to(drop(tmp_path, ".real.jsonl", records(1)))
    os.mkfifo(tmp_path / "inbox/pipe.jsonl")

    assert list(channel(tmp_path).fetch(None)) == []


def test_an_answer_is_a_file_of_its_own(tmp_path):
    sent = channel(tmp_path).reply(answer())

    document = json.loads((tmp_path / "outbox/dl-7.json").read_bytes())
    assert (document["text"], document["reference"], document["in_reply_to"]) == (
        "Terima kasih, Kak.",
        "TG-1042",
        "f-1",
    )
    assert (document["visibility"], document["to"]["handle"]) == ("public", "mira")
    assert (sent.platform_id, sent.at) == ("dl-7", NOW)
    assert sorted(path.name for path in (tmp_path / "outbox").iterdir()) == ["dl-7.json"]


def test_a_private_answer_says_so(tmp_path):
    channel(tmp_path).message_privately(answer(visibility=Visibility.PRIVATE))

    assert json.loads((tmp_path / "outbox/dl-7.json").read_bytes())["visibility"] == "private"


def test_an_answer_is_found_again(tmp_path):
    doors = channel(tmp_path)
    before = doors.find_own(answer())

    sent = doors.reply(answer())

    assert doors.certainty is Certainty.READ_BACK
    assert (before, doors.find_own(answer())) == (None, sent)


def test_an_answer_is_written_once_for_its_key(tmp_path):
    doors = channel(tmp_path)
    first = doors.reply(answer())
    changed = (tmp_path / "outbox/dl-7.json").stat().st_mtime_ns

    assert doors.reply(answer()) == first
    assert (tmp_path / "outbox/dl-7.json").stat().st_mtime_ns == changed


def test_another_text_under_the_same_key_is_refused(tmp_path):
    doors = channel(tmp_path)
    doors.reply(answer())

    with pytest.raises(Never, match="another text"):
        doors.reply(answer(text="Lain"))


def test_a_key_can_name_no_other_place(tmp_path):
    channel(tmp_path).reply(answer(key="../../etc/passwd"))

    (path,) = (tmp_path / "outbox").iterdir()
    assert len(path.stem) == 64


def test_an_inbox_that_cannot_be_used_is_tried_again(tmp_path):
    (tmp_path / "inbox").write_text("a file where the folder should be")

    with pytest.raises(TryAgain, match="check its permissions"):
        next(channel(tmp_path).fetch(None))


def test_an_outbox_that_cannot_be_written_is_tried_again(tmp_path):
    (tmp_path / "outbox").write_text("a file where the folder should be")

    with pytest.raises(TryAgain, match="cannot be"):
        channel(tmp_path).reply(answer())
