"""Numbers, counts and months as people spell them."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from policy.spelled import ZONE, counted, zone_of


@pytest.mark.parametrize(
    ("count", "names", "said"),
    [
        (0, ("message",), "0 messages"),
        (1, ("message",), "1 message"),
        (1_200, ("message",), "1,200 messages"),
        (1, ("process", "processes"), "1 process"),
        (2, ("process", "processes"), "2 processes"),
    ],
)
def test_one_is_said_in_the_singular_and_others_are_not(count: int, names: tuple[str, ...], said: str) -> None:
    assert counted(count, *names) == said


@pytest.mark.parametrize(
    ("zone", "indonesian", "english"),
    [
        ("Asia/Jakarta", "WIB", "WIB (UTC+7)"),
        ("Asia/Makassar", "WITA", "WITA (UTC+8)"),
        ("Asia/Jayapura", "WIT", "WIT (UTC+9)"),
        ("Asia/Singapore", "UTC+8", "UTC+8"),
        ("Asia/Kathmandu", "UTC+5:45", "UTC+5:45"),
        ("America/Sao_Paulo", "UTC-3", "UTC-3"),
        ("UTC", "UTC", "UTC"),
    ],
)
def test_a_zone_is_called_as_its_reader_knows_it(zone: str, indonesian: str, english: str) -> None:
    local = datetime(2026, 7, 13, 17, tzinfo=ZoneInfo(zone))

    assert (zone_of(local, "id"), zone_of(local, "en")) == (indonesian, english)


@pytest.mark.parametrize("said", ["WIB", "WIB (UTC+7)", "WITA", "UTC+8", "UTC+5:45", "UTC-3", "UTC"])
def test_every_zone_that_we_say_is_read(said: str) -> None:
    assert re.fullmatch(ZONE, said.lower())
