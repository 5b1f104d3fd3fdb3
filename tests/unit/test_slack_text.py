"""Foreign words on their way into Slack, and what people type there on its way out."""

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st
from slack_drawing import CALLS, GRAPHEMES, NASTY, must_be_quiet, words

from integrations.slack.text import (
    LOOKALIKES,
    PlainWords,
    beginning,
    escape,
    fitting,
    inline,
    pieces,
    plain,
    quote,
    size,
    tame,
    unescape,
)


@pytest.mark.parametrize(
    "said",
    [
        "<!channel>",
        "<@U0123ABCD>",
        "<https://evil.example|klik di sini>",
        "*tebal* _miring_ ~coret~ `kode`",
        "> bukan kutipan",
        ":rage: dan :+1:",
        "@here @Channel @everyone",
        "Rp1.000 < Rp2.000 & >3",
        "https://contoh.example/a_b_c?x=1&y=2",
    ],
)
def test_what_was_written_can_be_read_again(said: str) -> None:
    assert unescape(escape(said.replace(":+1:", ":x:"))).text == said.replace(":+1:", ":x:")


@given(words(5_000))
@settings(max_examples=150, deadline=None)
def test_nothing_in_foreign_words_acts(said: str) -> None:
    must_be_quiet(escape(said))
    must_be_quiet(quote(said))
    must_be_quiet(inline(said))


@given(words(2_000))
@settings(max_examples=150, deadline=None)
def test_no_mark_is_left_that_could_format(said: str) -> None:
    shown = escape(said)

    assert not set("*~`") & set(shown)
    assert not regex.search(r"(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])", shown)
    assert not regex.search(r":[a-z][\w+'-]*:", shown)
    assert not regex.search(r"^\s*&gt;", shown, regex.MULTILINE)


def test_a_name_with_underscores_keeps_them() -> None:
    assert escape("@siti_nur di https://x.com/siti_nur_/a") == "@siti_nur di https://x.com/siti_nurˍ/a"


@pytest.mark.parametrize("call", ["@here", "@channel", "@everyone", "@group", "@HERE"])
def test_bare_calls_call_nobody(call: str) -> None:
    assert not CALLS.search(escape(f"lihat {call}!"))


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("a\u202eb\u2066c\u2069", "abc"),
        ("ad\u200bmin\ufeff\u2060\u00ad", "admin"),
        ("satu\r\ndua\rtiga\u2028empat", "satu\ndua\ntiga\nempat"),
        ("\x00\x1b[31mmerah\x7f", "[31mmerah"),
        ("\ud800x", "\ufffdx"),
        ("a\u200db", "ab"),
        ("tab\tdan baris\n", "tab\tdan baris\n"),
    ],
)
def test_what_is_not_seen_is_taken_out(said: str, left: str) -> None:
    assert plain(said) == left


@pytest.mark.parametrize("said", ["👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👍🏽", "می‌خواهم", "é", "க்ஷ", "🇮🇩", "❤️"])
def test_what_belongs_to_a_script_or_an_emoji_stays(said: str) -> None:
    assert plain(said) == said


def test_heaps_of_marks_do_not_cover_other_lines() -> None:
    assert plain("e" + "\u0301" * 50 + "!") == "e" + "\u0301" * 5 + "!"


@given(words(3_000))
@settings(max_examples=100, deadline=None)
def test_tame_words_stay_as_they_are(said: str) -> None:
    assert tame(tame(said)) == tame(said)


def test_words_from_right_to_left_turn_nothing_around_them() -> None:
    assert inline("سلام") == "\u2068سلام\u2069"
    assert inline("halo") == "halo"


def test_a_shortened_line_says_so() -> None:
    assert inline("satu dua  tiga\nempat", 9) == "satu dua…"


def test_every_line_of_a_quotation_is_quoted() -> None:
    assert quote("satu\n\ndua") == "> satu\n> \n> dua"


def _borders(text: str) -> set[int]:
    return {found.start() for found in regex.finditer(r"\X", text)} | {len(text)}


@given(words(6_000), st.integers(2, 400))
@example("&amp;" * 100, 7)
@example("\u0600&amp;" * 10, 6)
@example("e" + "\u0301" * 300, 10)
@settings(max_examples=150, deadline=None)
def test_pieces_are_the_text_and_each_fits(text: str, limit: int) -> None:
    parts = pieces(text, limit)

    assert "".join(parts) == text
    assert all(0 < size(part) <= limit for part in parts)


@given(st.lists(st.sampled_from((*GRAPHEMES, "&amp;", "&lt;")), max_size=200).map("".join), st.integers(12, 60))
@example("<é👨\u200d👩\u200d👧\u200d👦>", 12)
@settings(max_examples=150, deadline=None)
def test_pieces_end_between_graphemes_and_outside_entities(text: str, limit: int) -> None:
    borders, place = _borders(text), 0

    for part in pieces(text, limit):
        place += len(part)
        assert place in borders
        assert not regex.search(r"&(?:amp|am|a|lt|l)?$", part) or not text[place:].startswith(
            ("amp;", "mp;", "p;", "lt;", "t;", ";")
        )


def test_a_piece_ends_at_a_line_rather_than_at_a_word() -> None:
    assert pieces("satu dua\ntiga empat lima", 14) == ["satu dua\n", "tiga empat ", "lima"]


def test_a_grapheme_is_cut_only_where_it_is_longer_than_the_limit() -> None:
    assert beginning("e" + "\u0301" * 30, 10) == "e" + "\u0301" * 9
    assert beginning("x" + "e" + "\u0301" * 8, 9) == "x"


@given(words(20_000))
@settings(max_examples=40, deadline=None)
def test_what_grows_when_it_is_escaped_still_fits(text: str) -> None:
    words_left = tame(text)

    parts = list(fitting(words_left, 500, quote))

    assert "".join(parts) == words_left
    assert all(size(quote(part)) <= 500 for part in parts)


@pytest.mark.parametrize(
    ("typed", "words_found", "mentions"),
    [
        ("a &lt;b&gt; &amp; c", "a <b> & c", ()),
        ("<@U0123ABCD> dan <@U0456EFGH|sari>", "@U0123ABCD dan @sari", ("U0123ABCD", "U0456EFGH")),
        ("<!here> <!subteam^S0123|@pr> <!channel|@channel>", "@here @pr @channel", ("here", "S0123", "channel")),
        ("<#C0123ABCD|umum> <#C0456>", "#umum #C0456", ()),
        ("<https://contoh.example/a>", "https://contoh.example/a", ()),
        ("<http://contoh.example|contoh.example>", "contoh.example", ()),
        ("<https://evil.example|example>", "example (https://evil.example)", ()),
        ("<mailto:a@b.example|a@b.example> <tel:+62811|+62811>", "a@b.example +62811", ()),
        ("<!date^1392734382^{date}|18 Feb>", "18 Feb", ()),
        ("Terima kasih :pray:", "Terima kasih 🙏", ()),
        ("&amp;lt;", "&lt;", ()),
        ("a < b", "a < b", ()),
    ],
)
def test_what_people_type_is_read_as_they_saw_it(typed: str, words_found: str, mentions: tuple[str, ...]) -> None:
    assert unescape(typed) == PlainWords(words_found, mentions)


def test_words_copied_from_a_card_are_the_words_again() -> None:
    said = f"{''.join(LOOKALIKES)} tetap"

    assert unescape(escape(said)).text == said


@pytest.mark.parametrize("said", NASTY)
def test_nobody_is_called_by_reading_a_customers_words_back(said: str) -> None:
    assert unescape(escape(said)).mentions == ()
