"""What a CSV file gives: a message or a reason for every row."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.words import CHANNELS, Visibility
from integrations.intake.reading import read_file
from integrations.record import Author, Incoming, Metrics, Unreadable

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WHEN = "2026-03-02T09:00:00+07:00"
HEADER = "channel,external_id,text,posted_at"


def read(content: bytes | str, *, channel: str | None = None, name: str = "inbox.csv") -> list:
    return list(
        read_file(
            io.BytesIO(content.encode() if isinstance(content, str) else content),
            name=name,
            channel=channel,
            now=NOW,
            known_channels=frozenset(CHANNELS),
            own_addresses=lambda _: False,
        )
    )


def test_a_full_row_comes_in_with_all_it_says():
    header = (
        "channel,external_id,text,posted_at,author.id,author.handle,author.name,author.followers,author.verified,author.tier,url,"
        "in_reply_to,visibility,metrics.views,metrics.likes,metrics.replies,metrics.shares,subject,lang,addressed"
    )

    (item,) = read(
        f"{header}\nx,a-1,Halo,{WHEN},u1,mira,Mira,210,TRUE,gold,https://a.example,a-0,private,40,1,0,2,Paket,id,no\n"
    )

    assert item.author == Author(id="u1", handle="mira", name="Mira", followers=210, verified=True, tier="gold")
    assert item.metrics == Metrics(40, 1, 0, 2)
    assert (item.visibility, item.addressed, item.lang, item.subject) == (Visibility.PRIVATE, False, "id", "Paket")
    assert item.place == "inbox.csv:2"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_delimiter_encoding_and_line_ends_are_found(delimiter, encoding, ending):
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator=ending)
    writer.writerows([HEADER.split(","), ["x", "a-1", 'Dua baris\n"kutip", ; \t ਊ', WHEN], ["x", "a-2", "Kedua", WHEN]])

    items = read(stream.getvalue().encode(encoding))

    assert [(item.external_id, item.text, item.place) for item in items] == [
        ("a-1", 'Dua baris\n"kutip", ; \t ਊ', "inbox.csv:2"),
        ("a-2", "Kedua", "inbox.csv:4"),
    ]


def test_the_raw_row_is_kept_with_its_inner_line_breaks():
    (item,) = read(f'{HEADER}\r\nx,a-1,"Dua\r\nbaris",{WHEN}\r\n')

    assert item.raw == f'x,a-1,"Dua\r\nbaris",{WHEN}'.encode()


def test_empty_lines_are_skipped():
    assert len(read(f"\n\n{HEADER}\n\nx,a-1,Halo,{WHEN}\n   \n\n")) == 1


def test_bytes_that_are_no_utf_8_disturb_no_other_row():
    bad = b"x,a-2,\xff\xfe," + WHEN.encode()

    first, item, last = read(f"{HEADER}\nx,a-1,Halo,{WHEN}\n".encode() + bad + f"\nx,a-3,Halo,{WHEN}\n".encode())

    assert (first.external_id, last.external_id) == ("a-1", "a-3")
    assert item.raw == bad
    assert "not UTF-8" in item.reason


def test_a_quote_that_nobody_closed_costs_its_own_line_only():
    rows = [f'x,a-1,"Halo,{WHEN}', *(f"x,a-{number},Halo,{WHEN}" for number in range(2, 6))]

    item, *others = read("\n".join([HEADER, *rows]))

    assert isinstance(item, Unreadable)
    assert item.raw == rows[0].encode()
    assert [other.external_id for other in others] == ["a-2", "a-3", "a-4", "a-5"]


def test_a_quote_that_nobody_closed_is_not_searched_through_a_long_file():
    rows = [f'x,a-0,"Halo,{WHEN}', *(f"x,a-{number},Halo {'x' * 900},{WHEN}" for number in range(1, 3000))]

    items = read("\n".join([HEADER, *rows]))

    assert [type(item) for item in items] == [Unreadable] + [Incoming] * 2999


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (f"x,a-1,Halo, dunia,{WHEN}", "5 cells, the header 4"),
        (f'x,a-1,"Halo" dunia,{WHEN}', "not CSV"),
        ("x,a-1,Halo", "posted_at is missing"),
        (f"x,a-1,,{WHEN}", "text is missing"),
        (",,,", "channel is missing"),
        (f"x,a-1,Halo,{WHEN[:-6]}", "no time zone"),
        (f"myspace,a-1,Halo,{WHEN}", "not known"),
        (f"x,a-1,{'y' * 100_001},{WHEN}", "100,001 characters"),
        (f"x,a-1,{'y' * 200_000},{WHEN}", "far too long"),
        (f"x,a-1,{'y' * 1_100_000},{WHEN}", "1,048,576 are the limit"),
    ],
)
def test_a_bad_row_is_kept_with_its_reason(row, why):
    item, other = read(f"{HEADER}\n{row}\nx,a-2,Halo,{WHEN}\n")

    assert isinstance(item, Unreadable)
    assert why in item.reason
    assert item.raw == row.encode()[: 1024 * 1024]
    assert other.external_id == "a-2"


def test_cells_left_out_at_the_end_are_absent():
    (item,) = read(f"{HEADER},url,metrics.views\nx,a-1,Halo,{WHEN}\n")

    assert isinstance(item, Incoming)


def test_empty_cells_beyond_the_header_are_passed_over():
    (item,) = read(f"{HEADER}\nx,a-1,Halo,{WHEN},,\n")

    assert isinstance(item, Incoming)


@pytest.mark.parametrize("cell", ["-1", "1.5", "NaN", "many", "inf", "99999999999999999999", "1e400"])
def test_a_bad_number_is_left_out_and_the_row_stays(cell):
    (item,) = read(f"{HEADER},metrics.views,author.followers\nx,a-1,Halo,{WHEN},{cell},{cell}\n")

    assert (item.metrics, item.author) == (None, None)
    assert len(item.warnings) == 2


def test_a_wrong_flag_goes_to_quarantine():
    (item,) = read(f"{HEADER},author.verified\nx,a-1,Halo,{WHEN},maybe\n")

    assert "author.verified" in item.reason


def test_numbers_as_identifiers_stay_texts():
    (item,) = read(f"{HEADER},author.id\nx,007,12345,{WHEN},42\n")

    assert (item.external_id, item.text, item.author.id) == ("007", "12345", "42")


def test_a_file_without_a_channel_column_takes_the_channel_that_was_given():
    (item,) = read(f"external_id,text,posted_at\na-1,Halo,{WHEN}\n", channel="facebook")

    assert item.channel == "facebook"


def test_a_file_without_a_header_loses_nothing():
    items = read(f"x,a-1,Halo,{WHEN}\nx,a-2,Halo,{WHEN}\n")

    assert [item.raw.decode() for item in items] == [f"x,a-1,Halo,{WHEN}", f"x,a-2,Halo,{WHEN}"]
    assert "header that names the columns" in items[0].reason
    assert "header above this row" in items[1].reason


def test_columns_of_other_names_are_passed_over():
    (item,) = read(f"{HEADER},shoe_size\nx,a-1,Halo,{WHEN},42\n")

    assert isinstance(item, Incoming)


def test_a_nul_in_the_text_is_taken_out():
    (item,) = read(f"{HEADER}\nx,a-1,Ha\x00lo,{WHEN}\n")

    assert item.text == "Halo"


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\n",;\t'), max_size=30), max_size=6
    ),
    st.sampled_from(",;\t"),
)
def test_what_a_spreadsheet_writes_is_read_as_it_was(texts, delimiter):
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter)
    writer.writerows(
        [HEADER.split(","), *(["x", f"a-{number}", f"T{text}", WHEN] for number, text in enumerate(texts))]
    )

    items = read(stream.getvalue())

    assert [item.text for item in items] == [f"T{text}" for text in texts]


@given(st.lists(st.binary(max_size=60).map(lambda row: row.replace(b"\n", b"").replace(b'"', b"")), max_size=8))
def test_every_row_is_accounted_for_whatever_stands_in_it(rows):
    items = read(HEADER.encode() + b"\n" + b"\n".join(rows))

    assert [item.raw.rstrip(b"\r") for item in items] == [
        row.rstrip(b"\r") for row in rows if row.decode("utf-8", "replace").strip()
    ]
