"""How long a text is where it will stand.

`x_lengths.tsv` holds texts of our own with the length that X's own library (twitter-text 3.1.0, npm) counts for each.
"""

import json
from pathlib import Path

import pytest

from db.words import Visibility
from policy.guard import DraftText
from policy.guard.lengths import length_on, too_long

BY_X = [
    (int(length), json.loads(text))
    for length, _, text in (
        line.partition("\t")
        for line in (Path(__file__).parents[1] / "data" / "x_lengths.tsv").read_text(encoding="utf-8").splitlines()
    )
]


class Limits:
    """A channel with these limits."""

    def __init__(self, hard: int, comfortable: int) -> None:
        self.hard_limit, self.comfortable_limit = hard, comfortable


@pytest.mark.parametrize(("length", "text"), BY_X)
def test_x_counts_as_its_own_library_does(length: int, text: str) -> None:
    assert length_on("x", text) == length


@pytest.mark.parametrize("emoji", ["🫡", "🫶🏻", "🧑🏿‍🚀", "👩🏻‍❤️‍💋‍👨🏽"])
def test_every_emoji_weighs_two_on_x_even_one_that_is_younger_than_its_library(emoji: str) -> None:
    assert length_on("x", emoji) == 2


@pytest.mark.parametrize("channel", ["mastodon", "bluesky"])
def test_what_people_see_as_one_sign_counts_once(channel: str) -> None:
    assert length_on(channel, "👨‍👩‍👧‍👦 🇮🇩 é") == 5


def test_mastodon_counts_a_link_with_its_scheme_as_23() -> None:
    assert length_on("mastodon", "https://warungsenja.example/bantuan/pesanan-belum-sampai ya") == 26
    assert length_on("mastodon", "warungsenja.example") == 19


def test_what_is_too_long_begins_where_the_limit_ends() -> None:
    draft = DraftText("aaaa https://x.com/a bbbb", channel="x")

    hits = [list(too_long(draft, {"x": Limits(40, limit)})) for limit in (33, 29, 28, 27, 4)]

    assert [(hit[0].start, hit[0].what) if hit else None for hit in hits] == [
        None, (21, "comfortable"), (20, "comfortable"), (5, "comfortable"), (4, "comfortable"),
    ]  # fmt: skip


def test_over_the_hard_limit_says_so() -> None:
    assert [hit.what for hit in too_long(DraftText("🙏" * 141, channel="x"), {"x": Limits(280, 260)})] == ["hard"]


@pytest.mark.parametrize(
    ("text", "visibility", "beyond"),
    [
        ("a" * 1000, Visibility.PRIVATE, None),
        ("a" * 1001, Visibility.PRIVATE, 1000),
        ("🙏" * 250, Visibility.PRIVATE, None),
        ("a" * 997 + "🙏a", Visibility.PRIVATE, 997),
        ("é" * 500 + "a", Visibility.PRIVATE, 500),
        ("🙏" * 1000, Visibility.PUBLIC, None),
    ],
)
def test_a_message_on_instagram_counts_in_bytes_and_a_comment_in_characters(
    text: str, visibility: Visibility, beyond: int | None
) -> None:
    hits = list(
        too_long(DraftText(text, visibility=visibility, channel="instagram"), {"instagram": Limits(1000, 1000)})
    )

    assert [hit.start for hit in hits] == ([] if beyond is None else [beyond])
