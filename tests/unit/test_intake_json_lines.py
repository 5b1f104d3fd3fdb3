"""What a file of JSON lines gives: a message or a reason for every line that is not empty."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.words import CHANNELS, Visibility
from integrations.intake.reading import read_file
from integrations.record import Author, Incoming, Metrics, Unreadable

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MEBIBYTE = 1024 * 1024


def record(**changes) -> dict:
    fields = {
        "channel": "x",
        "external_id": "a-1",
        "text": "Paket saya belum sampai.",
        "posted_at": "2026-03-02T09:00:00+07:00",
    }
    return {**fields, **changes}


def without(name: str) -> dict:
    return {key: value for key, value in record().items() if key != name}


def read(content: bytes, *, channel: str | None = None, name: str = "inbox.jsonl") -> list:
    return list(
        read_file(
            io.BytesIO(content),
            name=name,
            channel=channel,
            now=NOW,
            known_channels=frozenset(CHANNELS),
            own_addresses=lambda address: address.endswith("@tokokita.example"),
        )
    )


def read_one(fields: object, **options):
    (item,) = read(json.dumps(fields).encode() + b"\n", **options)
    return item


def reason_of(fields: object, **options) -> str:
    item = read_one(fields, **options)
    assert isinstance(item, Unreadable), item
    return item.reason


def test_a_full_record_comes_in_with_all_it_says():
    item = read_one(
        record(
            author={"id": "u1", "handle": "mira", "name": "Mira", "followers": 210, "verified": True, "tier": "gold"},
            url="https://example.com/1",
            in_reply_to="a-0",
            visibility="private",
            subject="Paket",
            lang="id",
            metrics={"views": 40, "likes": 1, "replies": 0, "shares": 2},
            addressed=True,
        )
    )

    assert isinstance(item, Incoming)
    assert item.author == Author(id="u1", handle="mira", name="Mira", followers=210, verified=True, tier="gold")
    assert item.metrics == Metrics(40, 1, 0, 2)
    assert (item.url, item.in_reply_to, item.visibility) == ("https://example.com/1", "a-0", Visibility.PRIVATE)
    assert (item.subject, item.lang, item.addressed, item.account) == ("Paket", "id", True, "default")
    assert item.posted_at == datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
    assert item.place == "inbox.jsonl:1"
    assert item.warnings == ()


@pytest.mark.parametrize(
    ("channel", "visibility"),
    [
        ("x", Visibility.PUBLIC),
        ("web", Visibility.PUBLIC),
        ("email", Visibility.PRIVATE),
        ("whatsapp", Visibility.PRIVATE),
    ],
)
def test_a_channel_says_who_can_read_what_a_record_does_not(channel, visibility):
    assert read_one(record(channel=channel)).visibility is visibility


@pytest.mark.parametrize("name", ["channel", "external_id", "text", "posted_at"])
@pytest.mark.parametrize("value", ["missing", None, "", "  \n", "\u200b", 5, True, ["a"], {"a": 1}])
def test_a_required_field_must_be_a_text_with_something_in_it(name, value):
    fields = without(name) if value == "missing" else record(**{name: value})

    assert name in reason_of(fields)


@pytest.mark.parametrize("absent", [{}, {"channel": None}, {"channel": ""}])
def test_a_record_without_a_channel_takes_the_one_that_was_given(absent):
    assert read_one({**without("channel"), **absent}, channel="facebook").channel == "facebook"


def test_a_records_own_channel_goes_before_the_one_that_was_given():
    assert read_one(record(channel="x"), channel="facebook").channel == "x"


def test_an_unknown_channel_is_refused_with_the_known_ones():
    assert "'myspace' is not known; use one of bluesky, email" in reason_of(record(channel="myspace"))


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-02T02:00:00Z",
        "2026-03-02T09:00:00+07:00",
        "2026-03-02T09:00:00+0700",
        "2026-03-02 09:00:00 +07:00",
        "2026-03-02T02:00:00.000Z",
        "2026-03-02t02:00:00z",
        "20260302T020000Z",
        "2026-03-02T02:00Z",
        "2026-03-01T21:00:00-05:00",
    ],
)
def test_a_date_is_read_however_iso_8601_lets_it_be_written(written):
    assert read_one(record(posted_at=written)).posted_at == datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("2026-03-02T09:00:00", "no time zone"),
        ("2026-03-02", "no time zone"),
        ("2026-02-30T09:00:00Z", "of the calendar"),
        ("2026-03-02T25:00:00Z", "of the calendar"),
        ("yesterday", "of the calendar"),
        ("2026-03-02T09:00:00+99:00", "of the calendar"),
        ("1999-12-31T23:59:59Z", "before the year 2000"),
        ("0001-01-01T00:00:00+14:00", "before the year 2000"),
        ("9999-12-31T23:59:59-12:00", "ahead"),
        ("2026-03-03T12:00:01Z", "ahead"),
        (1772416800, "must be a text"),
    ],
)
def test_a_date_that_cannot_be_is_refused(written, why):
    assert why in reason_of(record(posted_at=written))


@pytest.mark.parametrize("posted_at", [datetime(2000, 1, 1, tzinfo=UTC), NOW + timedelta(days=1)])
def test_the_first_and_the_last_moment_that_can_be_are_taken(posted_at):
    assert read_one(record(posted_at=posted_at.isoformat())).posted_at == posted_at


@pytest.mark.parametrize(
    "wrong",
    [
        {"author": "mira"},
        {"author": {"id": 5}},
        {"author": {"verified": "yes"}},
        {"author": {"handle": ["a"]}},
        {"metrics": [1]},
        {"metrics": "many"},
        {"visibility": "secret"},
        {"visibility": 1},
        {"url": 7},
        {"subject": {}},
        {"lang": 1},
        {"in_reply_to": 3},
        {"addressed": "true"},
        {"addressed": 1},
        {"account": 1},
    ],
)
def test_a_wrong_type_goes_to_quarantine(wrong):
    assert next(iter(wrong)) in reason_of(record(**wrong))


@pytest.mark.parametrize("number", [-1, 1.5, "12", True, False, 2**63, 10**30, [1], {}, 1e300])
def test_a_bad_number_is_left_out_and_the_record_stays(number):
    item = read_one(record(metrics={"views": number, "likes": 3}, author={"handle": "m", "followers": number}))

    assert item.metrics == Metrics(likes=3)
    assert item.author.followers is None
    assert [warning.split(" is left out")[0] for warning in item.warnings] == ["author.followers", "metrics.views"]


def test_a_number_of_ten_thousand_digits_is_left_out():
    line = json.dumps(record(metrics={"views": 0})).replace('"views": 0', '"views": ' + "9" * 10_000)

    (item,) = read(line.encode())

    assert item.metrics is None
    assert len(item.warnings) == 1


@pytest.mark.parametrize("number", [0, 7, 2**63 - 1, 5.0])
def test_a_whole_number_is_taken(number):
    assert read_one(record(metrics={"views": number})).metrics.views == int(number)


@pytest.mark.parametrize(
    "absent", [{"metrics": None}, {"metrics": {}}, {"metrics": {"views": None}}, {"author": None}, {"author": {}}]
)
def test_what_is_null_is_absent_without_a_word(absent):
    item = read_one(record(**absent))

    assert (item.metrics, item.author, item.warnings) == (None, None, ())


def test_control_characters_leave_the_text_and_stay_in_the_raw_record():
    line = json.dumps(record(text="a\x00b\x07\tc\r\nd\x7f\x85\x1b[31me")).encode()

    (item,) = read(line + b"\n")

    assert item.text == "ab\tc\r\nd[31me"
    assert item.raw == line


def test_an_identifier_with_a_control_character_is_refused_rather_than_changed():
    assert "control character" in reason_of(record(external_id="a\x001"))


def test_a_text_of_the_largest_size_is_taken():
    assert len(read_one(record(text="é" * 100_000)).text) == 100_000


def test_a_text_over_the_limit_is_refused():
    assert "100,001 characters" in reason_of(record(text="x" * 100_001))


def line_of_size(size: int) -> bytes:
    line = json.dumps(record(note="")).encode()
    return line.replace(b'"note": ""', b'"note": "' + b"n" * (size - len(line)) + b'"')


def test_a_line_of_exactly_the_limit_is_taken():
    (item,) = read(line_of_size(MEBIBYTE) + b"\r\n")

    assert isinstance(item, Incoming)


def test_a_longer_line_is_cut_in_the_quarantine_and_disturbs_no_other():
    long = line_of_size(5 * MEBIBYTE + 3)

    first, item, last = read(
        b"\n".join([json.dumps(record()).encode(), long, json.dumps(record(external_id="a-2")).encode()])
    )

    assert isinstance(first, Incoming)
    assert item.raw == long[:MEBIBYTE]
    assert f"{len(long):,} bytes" in item.reason
    assert "1,048,576 bytes are kept" in item.reason
    assert (last.external_id, last.place) == ("a-2", "inbox.jsonl:3")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"hello", "not JSON"),
        (b'{"text": "a"', "not JSON"),
        (b"{} {}", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"[1]", "no object"),
        (b'"text"', "no object"),
        (b"null", "no object"),
        (b"12", "no object"),
        (b'{"metrics": {"views": NaN}}', "NaN is no JSON number"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"text": "a\x00b"}', "write it as \\u0000"),
        (b"\x00", "not JSON"),
        (b"\x0c", "not JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_object_is_kept_byte_for_byte(line, why):
    (item,) = read(line + b"\r\n")

    assert isinstance(item, Unreadable)
    assert why in item.reason
    assert item.raw == line


def test_bytes_that_are_no_utf_8_disturb_no_other_line():
    good = json.dumps(record()).encode()
    bad = good.replace(b"Paket", b"Pak\xffet")

    first, item, last = read(b"\n".join([good, bad, good]))

    assert isinstance(first, Incoming)
    assert isinstance(last, Incoming)
    assert item.raw == bad
    assert "is not UTF-8" in item.reason


@pytest.mark.parametrize("half", ["\\ud800", "\\uDFFF", "\\ude00\\ud83d", "a\\uD83Db"])
@pytest.mark.parametrize("field", ["text", "other"])
def test_half_a_character_goes_to_quarantine(half, field):
    line = json.dumps(record(**{field: "@"})).replace("@", half).encode()

    (item,) = read(line)

    assert isinstance(item, Unreadable)
    assert "lone surrogate" in item.reason
    assert item.raw == line


def test_a_character_written_as_two_halves_is_whole():
    assert read(json.dumps(record(text="😀")).encode())[0].text == "😀"


def test_a_key_that_stands_twice_is_noted():
    (item,) = read(json.dumps(record()).encode()[:-1] + b', "text": "Yang kedua"}')

    assert item.text == "Yang kedua"
    assert item.warnings == ("'text' stands more than once in an object: its last value counts",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_file_is_read_in_each_encoding(encoding, ending):
    lines = [
        json.dumps(record(external_id=f"a-{number}", text="ਊ 😀 keluhan"), ensure_ascii=False) for number in range(3)
    ]
    content = (ending.join(["", lines[0], "   ", lines[1], "", lines[2]]) + ending).encode(encoding)

    items = read(content)

    assert [(item.external_id, item.place) for item in items] == [
        ("a-0", "inbox.jsonl:2"),
        ("a-1", "inbox.jsonl:4"),
        ("a-2", "inbox.jsonl:6"),
    ]
    assert items[0].text == "ਊ 😀 keluhan"


def test_big_endian_utf_16_is_read():
    assert read(b"\xfe\xff" + (json.dumps(record()) + "\n").encode("utf-16-be"))[0].external_id == "a-1"


def test_half_a_character_in_utf_16_disturbs_no_other_line():
    good = (json.dumps(record()) + "\n").encode("utf-16-le")
    bad = '{"text": "\ud800"}'.encode("utf-16-le", "surrogatepass")

    first, item, last = read(b"\xff\xfe" + good + bad + "\n".encode("utf-16-le") + good)

    assert isinstance(first, Incoming)
    assert isinstance(last, Incoming)
    assert item.raw == bad
    assert "not UTF-16" in item.reason


def test_a_byte_order_mark_where_files_were_joined_is_passed_over():
    line = json.dumps(record()).encode()

    assert [type(item) for item in read(b"\xef\xbb\xbf" + line + b"\n\xef\xbb\xbf" + line)] == [Incoming, Incoming]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"\xff\xfe", b"  \r\n\t\n"])
def test_an_empty_file_gives_nothing(content):
    assert read(content) == []


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = [
    "channel",
    "external_id",
    "text",
    "posted_at",
    "author",
    "metrics",
    "visibility",
    "url",
    "lang",
    "addressed",
    "subject",
]
LINES = st.one_of(
    st.binary(max_size=80).map(lambda line: line.replace(b"\n", b"")),
    st.dictionaries(st.sampled_from(NAMES), JSON_VALUES).map(
        lambda fields: json.dumps({**record(), **fields}).encode()
    ),
    JSON_VALUES.map(lambda value: json.dumps(value).encode()),
)


@given(st.lists(LINES, max_size=8))
def test_every_line_is_accounted_for_whatever_stands_in_it(lines):
    content = b"x\n" + b"\n".join(lines)

    items = read(content)

    assert len(items) == 1 + sum(1 for line in lines if line.decode("utf-8", "replace").strip(" \t\r\n\ufeff"))


@given(st.binary(max_size=400), st.sampled_from(["a.jsonl", "a.csv", "a.mbox", "a.eml", "a", "-"]))
def test_nothing_that_a_file_holds_is_an_error(content, name):
    for item in read(content, name=name, channel="email"):
        assert item.place.startswith(name)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.sampled_from(["utf-8-sig", "utf-16"]))
def test_it_does_not_matter_how_a_stream_is_cut(sizes, encoding):
    content = "\n".join(json.dumps(record(external_id=f"a-{number}")) for number in range(4)).encode(encoding)

    class Dripping(io.BytesIO):
        def read1(self, size=-1):
            return super().read1(sizes.pop() if sizes else size)

    items = list(
        read_file(
            Dripping(content),
            name="x.jsonl",
            channel=None,
            now=NOW,
            known_channels=frozenset(CHANNELS),
            own_addresses=lambda _: False,
        )
    )

    assert [item.external_id for item in items] == ["a-0", "a-1", "a-2", "a-3"]
